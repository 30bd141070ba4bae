"""Keeps the processes of ``shouli run`` alive, and leaves none behind.

Every child has a session of its own, so that Ctrl-C reaches the supervisor alone and a child's
own children end with it. What dies is started again. When the supervisor itself is killed, the
kernel kills its children (``tether``), and the next start reclaims whatever survived.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from workers.processes import tether

MARK = "_SHOULI_HOME"
"""Environment variable by which the next supervisor of a data folder knows stale children."""

BACKOFF = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds before the first, second … restart in a row."""

STEADY_SECONDS = 10.0
"""A child that lived this long begins at the first back-off again."""

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Command:
    """One process to keep alive, under a name of its own.

    ``service`` means that the others need it: it stops last.
    """

    name: str
    line: Sequence[str]
    service: bool = False


class Supervisor:
    """Runs commands until it is told to stop. ``run`` belongs into the main thread."""

    def __init__(
        self,
        commands: Sequence[Command],
        home: Path,
        *,
        environ: Mapping[str, str],
        stop_seconds: float = 10.0,
    ) -> None:
        """``home`` is the data folder, locked by the caller.

        ``stop_seconds`` is what each of the two groups, the others and the services, gets
        between SIGTERM and SIGKILL.
        """
        self._commands = commands
        self._home = home.resolve()
        self._environ = {**environ, MARK: str(self._home)}
        self._stop_seconds = stop_seconds
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._running: dict[str, asyncio.subprocess.Process] = {}

    async def run(self) -> None:
        """Starts everything; returns after a signal to end or ``stop``, when all has ended.

        A terminal that is closed sends SIGHUP; under ``nohup`` that stays ignored.
        """
        reclaim(self._home)
        loop = asyncio.get_running_loop()
        numbers = [signal.SIGTERM, signal.SIGINT]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            numbers.append(signal.SIGHUP)
        for number in numbers:
            loop.add_signal_handler(number, self.stop)
        try:
            async with asyncio.TaskGroup() as group:
                keepers = {c.name: group.create_task(self._keep(c)) for c in self._commands}
                await self._stopping.wait()
                for service in (False, True):
                    names = [c.name for c in self._commands if c.service == service]
                    await self._end({name: keepers[name] for name in names})
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)

    def stop(self) -> None:
        """Ends ``run`` in order; called again, at once."""
        if self._stopping.is_set():
            self._hurry.set()
        self._stopping.set()

    async def _keep(self, command: Command) -> None:
        loop = asyncio.get_running_loop()
        restarts = 0
        while not self._stopping.is_set():
            started = loop.time()
            try:
                end = f"exit {await self._live(command)}"
            except OSError as error:  # no memory or no process table entry left, for now
                end = str(error)
            if self._stopping.is_set():
                return
            restarts = 0 if loop.time() - started >= STEADY_SECONDS else restarts
            delay = BACKOFF[min(restarts, len(BACKOFF) - 1)]
            restarts += 1
            _log.error("process died", process=command.name, end=end, restart_seconds=delay)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)

    async def _live(self, command: Command) -> int:
        """One life of a process, from start to the end of all that it started."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", tether.__file__, str(os.getpid())),
            *command.line,
            stdin=asyncio.subprocess.DEVNULL,
            env=self._environ,
            start_new_session=True,
        )
        self._running[command.name] = process
        _log.info("process started", process=command.name, pid=process.pid)
        if self._stopping.is_set():
            _kill_group(process.pid)
        try:
            return await process.wait()
        finally:
            del self._running[command.name]
            _kill_group(process.pid)

    async def _end(self, keepers: Mapping[str, asyncio.Task[None]]) -> None:
        """SIGTERM, then SIGKILL to those that are still there when their time is over."""
        if not keepers:
            return
        for name in keepers:
            if process := self._running.get(name):
                with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                    process.terminate()
        hurry = asyncio.ensure_future(self._hurry.wait())
        gone = asyncio.ensure_future(asyncio.wait(keepers.values()))
        await asyncio.wait(
            (gone, hurry), timeout=self._stop_seconds, return_when=asyncio.FIRST_COMPLETED
        )
        hurry.cancel()
        for name in keepers:
            if process := self._running.get(name):
                _log.warning("process killed", process=name, reason="did not stop in time")
                _kill_group(process.pid)
        await gone


def reclaim(home: Path) -> list[int]:
    """Kills what an earlier, killed supervisor of ``home`` left behind; returns the pids.

    A process is known by the mark in its environment, which nobody else carries, so that a
    reused pid is never taken for one of ours. Call it only while holding the folder's lock.
    """
    mark = f"{MARK}={home.resolve()}".encode()
    stale = [pid for pid, environ in _environments() if mark in environ.split(b"\0")]
    for pid in stale:
        _log.warning("stale process killed", pid=pid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return stale


def _environments() -> Iterator[tuple[int, bytes]]:
    """The environment of every other process that we may look at (Linux; elsewhere none)."""
    for entry in Path("/proc").glob("[0-9]*"):
        if int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                yield int(entry.name), (entry / "environ").read_bytes()


def _kill_group(pid: int) -> None:
    """Kills the session that ``pid`` leads or led: what a dead child left behind, too."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
