"""Webchat visitors in a process of their own, each with a socket that stays open.

    python -m bench.visitors --url http://127.0.0.1:8080 [--visitors 1000] [--rate 200]

One phase after the other: a warm-up; all connect; all write in turn; every socket is aborted at
once and all come back; what each was shown is compared with what was acknowledged to it. After
``warm`` and ``connected`` it waits for a line on standard input, so that somebody can look at the
server meanwhile. Progress goes to standard output, a JSON object a line. Times are seconds.
"""

import argparse
import asyncio
import json
import random
import socket
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from statistics import median, quantiles
from typing import Any
from uuid import uuid4

import aiohttp

_WARM_UPS = 20
_AT_ONCE = 50
"""Connections that are being made at the same time, but in the storm."""

_BURST_SECONDS = 0.2
"""Every visitor writes once within so much time before the sockets are aborted."""

_RETRY_SECONDS = 0.2
_PATIENCE_SECONDS = 60.0
_QUIET_SECONDS = 3.0
"""What is still to come after so long a silence is not to come at all."""

_LOOK_SECONDS = 0.05

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: closing sends RST, as a network that is gone seems to."""


class Visitor:
    """One visitor across connections: what was said, acknowledged and shown."""

    def __init__(self) -> None:
        self.token: str | None = None
        self.last_seq = 0
        self.waiting: dict[str, tuple[str, float]] = {}
        """Text, and when it was due, of what is not acknowledged, by client_id."""

        self.acknowledged: Counter[str] = Counter()
        self.shown: Counter[str] = Counter()
        self.waits: list[float] = []
        self.gaps = 0
        self.refused: Counter[str] = Counter()
        self.heard_at = 0.0
        self._line: aiohttp.ClientWebSocketResponse | None = None

    async def come(self, http: aiohttp.ClientSession) -> asyncio.Task[None]:
        """Connects, resumes after what was shown, and says again what was not acknowledged."""
        line = await http.ws_connect("/webchat/ws", max_msg_size=0)
        line.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        hello = {"type": "hello", "token": self.token, "last_seq": self.last_seq}
        await line.send_json(hello)
        welcome = await line.receive_json(timeout=_PATIENCE_SECONDS)
        if welcome["type"] != "welcome":
            raise ConnectionError(welcome["code"])
        self.token = welcome["token"]
        self._line = line
        for client_id in list(self.waiting):
            await self._send(client_id)
        return asyncio.create_task(self._listen(line))

    async def come_surely(self, http: aiohttp.ClientSession) -> tuple[asyncio.Task[None], int]:
        """As ``come``, trying until it is done; also returns how often it was not."""
        failures = 0
        while True:
            try:
                return await self.come(http), failures
            except (aiohttp.ClientError, ConnectionError, TimeoutError, TypeError):
                # TypeError: aiohttp's word for a frame that is no text, such as a close.
                failures += 1
                await asyncio.sleep(_RETRY_SECONDS)

    async def say(self, text: str, due: float) -> None:
        client_id = str(uuid4())
        self.waiting[client_id] = (text, due)
        await self._send(client_id)

    async def _send(self, client_id: str) -> None:
        assert self._line is not None
        text, _ = self.waiting[client_id]
        await self._line.send_json({"type": "msg", "client_id": client_id, "text": text})

    async def _listen(self, line: aiohttp.ClientWebSocketResponse) -> None:
        async for message in line:
            self._hear(message.json())

    def _hear(self, frame: dict[str, Any]) -> None:
        self.heard_at = time.perf_counter()
        match frame["type"]:
            case "ack":
                said = self.waiting.pop(frame["client_id"], None)
                self.acknowledged[frame["client_id"]] += 1
                if said is not None:
                    self.waits.append(self.heard_at - said[1])
            case "event" if frame["seq"] > self.last_seq:  # what was shown is dropped
                self.gaps += frame["seq"] != self.last_seq + 1
                self.last_seq = frame["seq"]
                if "client_id" in frame:
                    self.shown[frame["client_id"]] += 1
            case "retry" | "error":
                self.refused[frame.get("code", "retry")] += 1

    @property
    def complete(self) -> bool:
        return not self.waiting and self.acknowledged.keys() <= self.shown.keys()


class Crowd:
    """All visitors, and the session that holds their sockets."""

    def __init__(self, url: str, count: int) -> None:
        self.visitors = [Visitor() for _ in range(count)]
        self._url = url
        self._draw = random.Random(0)
        self._said = 0
        self._http: aiohttp.ClientSession | None = None
        self._listening: list[asyncio.Task[None]] = []

    def _session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=0)
        headers = {"Origin": self._url}
        return aiohttp.ClientSession(self._url, connector=connector, headers=headers)

    async def warm(self) -> dict[str, Any]:
        """Has the server load what it loads once."""
        for _ in range(_WARM_UPS):
            async with self._session() as http:
                await Visitor().come(http)
        return {}

    async def connect(self) -> dict[str, Any]:
        """All of them, some at a time."""
        self._http = http = self._session()
        free = asyncio.Semaphore(_AT_ONCE)

        async def one(visitor: Visitor) -> asyncio.Task[None]:
            async with free:
                return await visitor.come(http)

        started = time.perf_counter()
        self._listening = await asyncio.gather(*(one(visitor) for visitor in self.visitors))
        return {"seconds": time.perf_counter() - started}

    async def write(self, rate: float, seconds: float) -> dict[str, Any]:
        """In turn, ``rate`` messages a second in all, whether or not the last is acknowledged.

        A wait counts from the moment that a message was due, so a stall is not left out.
        """
        started = time.perf_counter()
        for number in range(round(rate * seconds)):
            due = started + number / rate
            await asyncio.sleep(due - time.perf_counter())
            await self.visitors[number % len(self.visitors)].say(self._text(), due)
        wrote = time.perf_counter() - started
        await self._until(lambda v: not v.waiting)
        waits = [wait for visitor in self.visitors for wait in visitor.waits]
        missing = sum(len(visitor.waiting) for visitor in self.visitors)
        return summary([*waits, *[_PATIENCE_SECONDS] * missing]) | {
            "rate": len(waits) / wrote,
            "missing": missing,
        }

    async def storm(self) -> dict[str, Any]:
        """Every visitor writes, and is cut off before many have heard; then all are back."""
        writing = asyncio.gather(*(self._write_soon(v) for v in self.visitors))
        await asyncio.sleep(_BURST_SECONDS)
        assert self._http is not None
        cut = time.perf_counter()
        await self._http.close()
        await asyncio.gather(writing, *self._listening, return_exceptions=True)
        in_flight = sum(len(visitor.waiting) for visitor in self.visitors)
        self._http = http = self._session()
        came = await asyncio.gather(*(v.come_surely(http) for v in self.visitors))
        welcomed = time.perf_counter() - cut
        self._listening = [listening for listening, _ in came]
        await self._until(lambda v: not v.waiting)
        return {
            "in_flight": in_flight,
            "welcomed": welcomed,
            "recovered": time.perf_counter() - cut,
            "failures": sum(failures for _, failures in came),
        }

    async def _write_soon(self, visitor: Visitor) -> None:
        await asyncio.sleep(self._draw.uniform(0, _BURST_SECONDS))
        await visitor.say(self._text(), time.perf_counter())

    async def judge(self) -> dict[str, Any]:
        """What was acknowledged must be shown, once, and without a gap in the numbers."""
        started = time.perf_counter()
        await self._until(lambda v: v.complete)
        settled = time.perf_counter() - started
        while time.perf_counter() - max(v.heard_at for v in self.visitors) < _QUIET_SECONDS:
            await asyncio.sleep(_LOOK_SECONDS)
        said: Counter[str] = Counter()
        for visitor in self.visitors:
            said["acknowledged"] += len(visitor.acknowledged)
            said["unacknowledged"] += len(visitor.waiting)
            said["lost"] += len(visitor.acknowledged.keys() - visitor.shown.keys())
            said["doubled"] += visitor.shown.total() - len(visitor.shown)
            said["gaps"] += visitor.gaps
        refused = sum((visitor.refused for visitor in self.visitors), Counter[str]())
        return {**said, "said": self._said, "refused": refused, "settled": settled}

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()
        await asyncio.gather(*self._listening, return_exceptions=True)

    def _text(self) -> str:
        self._said += 1
        return f"您好，订单{20260000 + self._said}的快递三天没有更新了，麻烦查一下到哪里了"

    async def _until(self, done: Callable[[Visitor], bool]) -> None:
        """Waits for all, or until nobody has heard anything for long."""
        started = time.perf_counter()
        while not all(map(done, self.visitors)):
            heard = max(visitor.heard_at for visitor in self.visitors)
            if time.perf_counter() - max(started, heard) > _PATIENCE_SECONDS:
                return
            await asyncio.sleep(_LOOK_SECONDS)


def summary(waits: Sequence[float]) -> dict[str, float]:
    """Of send to ack, in seconds."""
    p95 = quantiles(waits, n=20, method="inclusive")[-1]
    return {"p50": median(waits), "p95": p95, "worst": max(waits), "count": len(waits)}


async def visit(url: str, count: int, rate: float, seconds: float) -> None:
    """All phases, and what came of each on standard output."""
    crowd = Crowd(url, count)
    _tell("warm", await crowd.warm())
    await asyncio.to_thread(sys.stdin.readline)
    _tell("connected", await crowd.connect())
    await asyncio.to_thread(sys.stdin.readline)
    _tell("wrote", await crowd.write(rate, seconds))
    _tell("back", await crowd.storm())
    _tell("judged", await crowd.judge())
    await crowd.close()


def _tell(phase: str, found: dict[str, Any]) -> None:
    print(json.dumps({"phase": phase} | found), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--visitors", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=200.0, help="messages a second in all")
    parser.add_argument("--seconds", type=float, default=15.0)
    asked = parser.parse_args()
    asyncio.run(visit(asked.url, asked.visitors, asked.rate, asked.seconds))


if __name__ == "__main__":
    main()
