"""The killable child in which hostile formats are read, with limits on time and memory.

``python -m workers.messages.parser`` is the child. It reads requests from standard input and
answers on standard output, each a JSON line with the lengths of what follows. It ends when its
parent does, because its input ends.
"""

import asyncio
import contextlib
import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import structlog

from channels import registry
from models.errors import Permanent, Temporary
from models.message import Envelope, InboundMessage, Lane, Normalized
from models.ports import Channel
from workers.processes import heap
from workers.processes.environ import without_settings

_log = structlog.stdlib.get_logger(__name__)

_START_SECONDS = 60.0
_LINE_BYTES = 64 * 1024 * 1024

Outcome = list[Normalized] | Permanent


class Parser:
    """One long-lived child; a request that breaks it costs that request alone."""

    def __init__(
        self,
        sections: Mapping[str, Mapping[str, Any]],
        secrets: Mapping[str, bytes],
        *,
        seconds: float,
        memory_mb: int,
    ) -> None:
        """``sections`` and ``secrets``: options and secret of each isolated channel by name."""
        self._hello = json.dumps(
            {
                "memory": memory_mb * 1024 * 1024,
                "channels": {
                    name: {"options": dict(options), "secret": secrets[name].hex()}
                    for name, options in sections.items()
                },
            }
        )
        self._seconds = seconds
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._closed = False

    async def warm(self) -> None:
        """Starts the child before the first mail needs it.

        Raises:
            Temporary: it cannot be started.
        """
        async with self._turn:
            await self._child()

    async def parse(self, envelopes: Sequence[Envelope], patience: float) -> list[Outcome]:
        """What is in each envelope, or why it cannot be read; in order.

        After ``patience`` seconds it stops, with outcomes for the first envelopes only, and at
        least for one: whoever holds them for a limited time gets to use what was read.

        Raises:
            Temporary: the child cannot be started, or this was closed.
        """
        async with self._turn:
            outcomes: list[Outcome] = []
            crashed: set[str] = set()
            end = _now() + patience
            while len(outcomes) < len(envelopes) and not (outcomes and _now() >= end):
                await self._run(envelopes[len(outcomes) :], outcomes, crashed, end)
            return outcomes

    async def close(self) -> None:
        """Ends the child; what is being read fails with ``Temporary``."""
        self._closed = True
        await self._kill()

    async def _run(
        self,
        envelopes: Sequence[Envelope],
        outcomes: list[Outcome],
        crashed: set[str],
        end: float,
    ) -> None:
        """Adds outcomes until all are done, time is over, or the child has ended.

        A child that ends by itself may have been killed from outside, for want of memory say:
        the envelope it had is tried once more, and only then blamed.
        """
        child = await self._child()
        assert child.stdin is not None
        feeding = asyncio.create_task(_feed(child.stdin, envelopes))
        try:
            for envelope in envelopes:
                if outcomes and _now() >= end:
                    await self._kill()
                    return
                try:
                    async with asyncio.timeout(self._seconds):
                        outcomes.append(await _answer(child))
                except TimeoutError:
                    why = f"超过 {self._seconds:g} 秒 / It took more than {self._seconds:g} s"
                    outcomes.append(await self._give_up(envelope, why))
                    return
                except (asyncio.IncompleteReadError, ValueError):
                    if envelope.id in crashed:
                        why = "超出内存或使解析进程崩溃 / It used too much memory or crashed"
                        outcomes.append(await self._give_up(envelope, why))
                    crashed.add(envelope.id)
                    await self._kill()
                    return
        except BaseException:
            # What it still has to say would be taken for the answer to the next request.
            await self._kill()
            raise
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)

    async def _give_up(self, envelope: Envelope, why: str) -> Permanent:
        _log.warning("parser killed", envelope=envelope.id, bytes=len(envelope.body), why=why)
        await self._kill()
        return Permanent(f"无法读取：{why} (reading the original failed)")

    async def _child(self) -> asyncio.subprocess.Process:
        if self._process is not None and self._process.returncode is None:
            return self._process
        try:
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "workers.messages.parser",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                cwd=Path(__file__).parents[2],
                env=without_settings(),  # hostile mail may take it over
                limit=_LINE_BYTES,
            )
        except OSError as error:  # no memory, no file or no process is left, for now
            raise Temporary("the parser cannot be started") from error
        assert child.stdin is not None
        assert child.stdout is not None
        self._process = child
        if self._closed:
            await self._kill()
            raise Temporary("the parser was closed")
        child.stdin.write(self._hello.encode() + b"\n")
        try:
            async with asyncio.timeout(_START_SECONDS):
                await child.stdout.readexactly(1)
        except (TimeoutError, asyncio.IncompleteReadError, OSError) as error:
            await self._kill()
            raise Temporary("the parser cannot be started") from error
        return child

    async def _kill(self) -> None:
        child, self._process = self._process, None
        if child is not None and child.returncode is None:
            child.kill()
            await child.wait()


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _feed(pipe: asyncio.StreamWriter, envelopes: Sequence[Envelope]) -> None:
    for e in envelopes:
        head = {
            "id": e.id, "channel": e.channel, "account": e.account, "lane": e.lane.value,
            "dedupe_key": e.dedupe_key, "received_at": e.received_at,
            "transport": dict(e.transport), "length": len(e.body),
        }  # fmt: skip
        pipe.write(json.dumps(head).encode() + b"\n" + e.body)
        await pipe.drain()


async def _answer(child: asyncio.subprocess.Process) -> Outcome:
    pipe = child.stdout
    assert pipe is not None
    head = json.loads(await pipe.readuntil())
    if "trouble" in head:
        return Permanent(head["trouble"])
    found: list[Normalized] = []
    for size, files in head["messages"]:
        message = InboundMessage.model_validate_json(await pipe.readexactly(size))
        contents = {name: await pipe.readexactly(length) for name, length in files}
        found.append(Normalized(message, contents))
    return found


# -- the child -------------------------------------------------------------------------


def _serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # mail and a key would lie on the disk
    hello = json.loads(requests.readline())
    channels = {
        name: registry.create(name, known["options"], bytes.fromhex(known["secret"]))
        for name, known in hello["channels"].items()
    }
    # Address space, not resident memory: the one that setrlimit(2) enforces.
    resource.setrlimit(resource.RLIMIT_AS, (hello["memory"], hello["memory"]))
    heap.settle()
    answers.write(b"+")
    answers.flush()
    while line := requests.readline():
        head = json.loads(line)
        body = requests.read(head.pop("length"))
        head["lane"] = Lane(head["lane"])
        answers.writelines(_answered(channels[head["channel"]], Envelope(body=body, **head)))
        answers.flush()


def _answered(channel: Channel, envelope: Envelope) -> list[bytes]:
    try:
        found = channel.normalize(envelope)
    except Permanent as error:
        return [_line({"trouble": str(error)})]
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  costs this envelope; what it says may hold the mail's words
        place = traceback.extract_tb(error.__traceback__)[-1]
        at = f"{type(error).__name__}, {Path(place.filename).name}:{place.lineno}"
        return [_line({"trouble": f"解析出错，请查看原件 / Reading it failed ({at})"})]
    sizes: list[tuple[int, list[tuple[str, int]]]] = []
    contents: list[bytes] = []
    for message, files in found:
        # Straight to JSON and back: by way of dicts it costs both sides twice as much.
        text = message.model_dump_json().encode()
        sizes.append((len(text), [(name, len(content)) for name, content in files.items()]))
        contents += [text, *files.values()]
    return [_line({"messages": sizes}), *contents]


def _line(head: Mapping[str, Any]) -> bytes:
    return json.dumps(head).encode() + b"\n"


if __name__ == "__main__":
    # What a library prints must not get between the answers.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    # Ctrl-C and systemd tell every process to stop. This one ends with its parent, which still
    # waits for the mail at hand: it would be taken for one that breaks its reader.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(BrokenPipeError):  # the parent was killed; nobody waits for this
        _serve(sys.stdin.buffer, out)
