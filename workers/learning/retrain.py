"""Retraining: one run at a time, in a process of its own that may die at any moment.

This side leases the run in SQL, gives the training process what it needs, passes its progress
on, and stores the challenger in one commit. Until that commit nothing has changed; the pointer
to the champion is not touched at all.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import structlog

from classifier import bundles
from models.errors import ShouliError, StorageFull, Temporary
from models.store import Store
from models.store.learning.retrainings import INTERRUPTED, Work
from models.training import Taxonomy
from workers.learning.serving import serviceable
from workers.processes import tether

_log = structlog.stdlib.get_logger(__name__)

_LEASE_SECONDS = 60.0
"""A database that fails over is away for half a minute or so. A worker that died holds up the next
training for as long."""

_BEAT_SECONDS = 0.5
_TELL_SECONDS = 1.0
_LINE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Options:
    """``least_recall``: “facet:class” to its least recall on the golden set."""

    least_recall: Mapping[str, float]
    memory_mb: int


class _Failed(Exception):
    """The training process ended without a bundle; says why in both languages."""

    def __init__(self, words: Mapping[str, str]) -> None:
        super().__init__(words["en"])
        self.words = words


class _Stopped(Exception):
    """The run was cancelled, taken away, or this process stops."""


class Retrainer:
    """The actor of the queue “retrain”."""

    def __init__(
        self,
        store: Store,
        data_dir: Path,
        taxonomy: Taxonomy,
        options: Options,
        stopping: Callable[[], bool],
    ) -> None:
        self._store = store
        self._cache = data_dir / "bundles"
        self._folder = data_dir / "retraining"
        self._taxonomy = taxonomy
        self._options = options
        self._stopping = stopping

    async def run(self) -> None:
        """Trains what waits in SQL; every outcome, good or bad, is written there.

        Raises:
            Temporary: the database is out of reach; the run counts as interrupted later.
        """
        while work := await self._store.retrainings.lease(_LEASE_SECONDS):
            _log.info("retraining starts", retraining=work.id)
            try:
                await self._run(work)
            except _Stopped:
                await self._store.retrainings.fail(work, INTERRUPTED)
                _log.info("retraining stopped", retraining=work.id)
            except (_Failed, ShouliError, OSError) as error:
                await self._store.retrainings.fail(work, _words(error))
                _log.error("retraining failed", retraining=work.id, error=str(error))

    async def _run(self, work: Work) -> None:
        promoted = await self._store.bundles.champion()
        champion = await serviceable(self._store, self._cache, self._taxonomy)
        corrections = await self._store.corrections.all()
        taxonomy = self._taxonomy.with_words(await self._store.dictionary.words())
        name, folder = champion or (None, None)
        with _workshop(self._folder) as workshop:
            plan = {
                "taxonomy": taxonomy.model_dump(mode="json"),
                "champion": None if folder is None else str(folder),
                "learnt_upto": await self._store.retrainings.learnt_upto(name) if name else 0.0,
                "corrections": [asdict(each) for each in corrections],
                "seed": work.seed,
                "least_recall": dict(self._options.least_recall),
                "memory_mb": self._options.memory_mb,
                "folder": str(workshop),
            }
            bundle_id, outcome = await self._train(work, plan)
            content = await asyncio.to_thread(bundles.pack, workshop / bundle_id)
            card = asdict(bundles.load(workshop / bundle_id).card)
            # What it was compared with, and what served then: the same, unless that is damaged.
            outcome |= {"champion": name, "promoted": promoted}
            upto = max((each.at for each in corrections), default=0.0)
            done = await self._finished(work, bundle_id, card, content, outcome, upto)
        if not done:
            raise _Stopped
        _log.info("challenger waits", bundle=bundle_id, passed=outcome["verdict"]["passed"])

    async def _finished(self, work: Work, *challenger: Any) -> bool:
        """As ``Retrainings.finish``, for as long as the run may be ours still.

        Raises:
            StorageFull, Temporary: as there; the second only once the lease has run out.
            _Stopped: this process is to stop.
        """
        until = time.monotonic() + _LEASE_SECONDS
        while True:
            try:
                return await self._store.retrainings.finish(work, *challenger)
            except StorageFull:
                raise
            except Temporary as error:
                if time.monotonic() > until:
                    raise
                _log.warning("challenger not stored yet", retraining=work.id, error=str(error))
            if self._stopping():
                raise _Stopped
            await asyncio.sleep(_TELL_SECONDS)

    async def _train(self, work: Work, plan: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        child = await _child()
        assert child.stdin is not None
        feeding = asyncio.create_task(_feed(child.stdin, json.dumps(plan).encode()))
        last: dict[str, Any] = {}
        try:
            last = await self._follow(work, child)
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            status = await child.wait()
        if "error" in last:
            raise _Failed(last["error"])
        if "bundle" not in last:
            raise _Failed(_ended(status))
        return last["bundle"], last["outcome"]

    async def _follow(self, work: Work, child: asyncio.subprocess.Process) -> dict[str, Any]:
        """Passes progress on until the last line, or none, has come.

        Raises:
            _Stopped: this is not to go on.
        """
        started, told = time.monotonic(), 0.0
        stage, share = "start", 0.0
        assert child.stdout is not None
        reading = asyncio.ensure_future(child.stdout.readline())
        try:
            while True:
                await asyncio.wait({reading}, timeout=_BEAT_SECONDS)
                if reading.done():
                    line = json.loads(reading.result() or b"{}")
                    if "stage" not in line:
                        return dict(line)
                    stage, share = line["stage"], float(line["share"])
                    reading = asyncio.ensure_future(child.stdout.readline())
                if self._stopping():
                    raise _Stopped
                now = time.monotonic()
                if now - told >= _TELL_SECONDS:
                    told = now
                    left = (now - started) * (1 - share) / share if share > 0.05 else None
                    if not await self._told(work, stage, share, left):
                        raise _Stopped
        finally:
            reading.cancel()

    async def _told(self, work: Work, stage: str, share: float, left: float | None) -> bool:
        """Whether to go on: it may have been cancelled, or taken away for long silence.

        Minutes of training are not thrown away for a database that is away for seconds: the next
        word says whether the run is ours still.
        """
        try:
            return await self._store.retrainings.tell(work, _LEASE_SECONDS, stage, share, left)
        except Temporary as error:
            _log.warning("progress not told", retraining=work.id, error=str(error))
            return True


@contextlib.contextmanager
def _workshop(root: Path) -> Any:
    """An empty folder; what killed runs left behind is swept away, and so is this one."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    for stale in root.iterdir():
        shutil.rmtree(stale, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=root, ignore_cleanup_errors=True) as name:
        yield Path(name)


async def _child() -> asyncio.subprocess.Process:
    """The training process, which the kernel kills when this one dies."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", tether.__file__, str(os.getpid())),
        *(sys.executable, "-m", "workers.learning.retrain_child"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        # One core at most: BLAS would take all of them.
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        start_new_session=True,
        limit=_LINE_BYTES,
    )


async def _feed(pipe: asyncio.StreamWriter, plan: bytes) -> None:
    pipe.write(plan)
    await pipe.drain()
    pipe.close()


def _ended(status: int) -> dict[str, str]:
    if status < 0:
        name = signal.Signals(-status).name
        return {
            "zh": f"训练进程被终止（{name}）；现有模型未受影响，请重新开始。",
            "en": f"The training process was killed ({name}); the bundle that serves is "
            "untouched: start again.",
        }
    return {
        "zh": f"训练进程出错退出（{status}），详见日志；现有模型未受影响。",
        "en": f"The training process ended with exit code {status}, see the log; the bundle that "
        "serves is untouched.",
    }


def _words(error: Exception) -> Mapping[str, str]:
    if isinstance(error, _Failed):
        return error.words
    return {"zh": f"无法保存或读取：{error}", "en": str(error)}
