"""How long a message takes to its agent's desk when nothing else happens.

    python -m bench.latency [--messages 60] [--json FILE]

Mail: from SMTP's 250 to the event on the agent's live line. Chat: from the visitor's ack. One
message at a time, through the doors of ``shouli run`` with its defaults, on two cores, at moments
that keep step with no timer. Exit status 1 if a bar is missed.
"""

import argparse
import asyncio
import json
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple

from bench import doors, durable
from bench.mailgen import mails
from bench.sender import Connection, stuffed
from bench.systems import CORES, ROOT, Shouli, shouli, use_cores

BARS_MS = {"mail": 300.0, "chat": 150.0}
"""Of p95, from the acknowledgement."""

SKILLS = {
    "triage": 5,
    **{
        f"domain:{name}": 5
        for name in (
            "产品",
            "账户",
            "支付",
            "技术",
            "订单",
            "服务",
            "物流",
            "其他",
            "售后",
            "发票",
        )
    },
}
CAPACITY = 1000
"""Units: each message finds the agent free."""

_WARM_UP = 10
_PAUSE_SECONDS = (0.15, 0.45)
_PATIENCE_SECONDS = 20.0

Send = Callable[[int], Awaitable[tuple[str, float]]]
"""Sends the n-th message; (id of its envelope, ``time.perf_counter`` of the acknowledgement)."""


class Waits(NamedTuple):
    """Milliseconds from the acknowledgement to the desk."""

    p50: float
    p95: float
    worst: float
    count: int
    missing: int


async def measure(system: Shouli, count: int) -> dict[str, Waits]:
    """Mails, then chats."""
    async with doors.desk(system) as desk:
        return {
            "mail": await _mails(system, desk, count),
            "chat": await chats(system, desk, count),
        }


async def _mails(system: Shouli, desk: doors.Desk, count: int) -> Waits:
    letters = list(mails(count + _WARM_UP, salt="latency"))
    connection = await Connection.open("127.0.0.1", system.smtp_port)

    async def send(number: int) -> tuple[str, float]:
        letter = letters[number]
        said = await connection.send(letter.sender, stuffed(letter))
        return said.split()[-1], time.perf_counter()

    waits = await _series(desk, send, count)
    await connection.close()
    return waits


async def chats(system: Shouli, desk: doors.Desk, count: int) -> Waits:
    """So many visitors, one after the other."""
    async with doors.chatting(system) as http:

        async def send(number: int) -> tuple[str, float]:
            text = f"您好，订单{20260000 + number}的快递三天没有更新了，麻烦查一下到哪里了"
            envelope_id, _, acknowledged = await doors.chat(http, text)
            return envelope_id, acknowledged

        return await _series(desk, send, count)


async def _series(desk: doors.Desk, send: Send, count: int) -> Waits:
    draw = random.Random(0)
    waits: list[float | None] = []
    for number in range(_WARM_UP + count):
        await asyncio.sleep(draw.uniform(*_PAUSE_SECONDS))
        envelope_id, acknowledged = await send(number)
        seen = await desk.seen(envelope_id, _PATIENCE_SECONDS)
        # The event may overtake the acknowledgement: then nobody waited.
        waits.append(None if seen is None else max(0.0, seen - acknowledged) * 1000)
    return summary(waits[_WARM_UP:])


def summary(waits: Sequence[float | None]) -> Waits:
    """One that never came counts as the longest that was waited for."""
    all_of_them = [_PATIENCE_SECONDS * 1000 if wait is None else wait for wait in waits]
    p95 = quantiles(all_of_them, n=20, method="inclusive")[-1]
    return Waits(
        p50=median(all_of_them),
        p95=p95,
        worst=max(all_of_them),
        count=len(waits),
        missing=sum(wait is None for wait in waits),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=60)
    parser.add_argument("--home", type=Path, default=ROOT / "build" / "bench")
    parser.add_argument("--json", type=Path, help="also writes everything to this file")
    asked = parser.parse_args()
    use_cores(CORES)
    asked.home.mkdir(parents=True, exist_ok=True)
    sync = durable.fdatasync(asked.home)
    with shouli(asked.home, SKILLS, CAPACITY) as system:
        found = asyncio.run(measure(system, asked.messages))
    met = all(found[name].p95 <= bar for name, bar in BARS_MS.items())
    for name, waits in found.items():
        print(
            f"{name}: acknowledged to desk p50 {waits.p50:.0f} ms, p95 {waits.p95:.0f} ms "
            f"(bar {BARS_MS[name]:.0f}), worst {waits.worst:.0f} ms; {waits.count} messages, "
            f"{waits.missing} missing"
        )
    print(f"{sync}; load {os.getloadavg()[0]:.1f}")
    print("bars met" if met else "BARS MISSED")
    if asked.json:
        figures: dict[str, Any] = {name: waits._asdict() for name, waits in found.items()}
        figures |= {"fdatasync": sync._asdict(), "load": os.getloadavg()[0], "met": met}
        asked.json.write_text(json.dumps(figures, indent=2))
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
