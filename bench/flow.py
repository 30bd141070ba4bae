"""The flood: thousands of mails through Shouli and through the naive path, side by side.

    python -m bench.flow [--mails 5000] [--naive-mails 300] [--rounds 3] [--json FILE]

Both run on the same two cores, one after the other, in alternating rounds, fed by the same
client with the same mails. Exit status 1 if a bar of BARS is missed. The naive path gets fewer
mails, because only its rate is wanted.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench import doors, durable
from bench.systems import CORES, ROOT, Row, Shouli, System, naive, shouli, use_cores

LEFT_OUT = "发票"
"""No mail of the flood is about it, so that the agent who waits for the chat stays free."""

SKILLS = {f"domain:{LEFT_OUT}": 5}
CAPACITY = 1000
"""Units. A few mails are taken for what they are not; they must not fill the agent."""

CHATS = tuple(
    f"我上个月{day}号的订单，{what}，请帮我重新开一张增值税发票"
    for day, what in enumerate(
        ("抬头写错了", "税号少了一位", "金额不对", "公司名称变了", "电子发票打不开",
         "一直没收到", "开成个人的了", "地址电话写反了", "丢了原件"), start=1
    )
)  # fmt: skip

RATIO_BAR = 10.0
CHAT_BAR = 1.0
"""Seconds."""

_WARM_UP = 40
_WARM_SECONDS = 300.0
"""The naive path's sixteen threads all load the models for their first mail."""

_STALLED_SECONDS = 60.0
_LOOK_SECONDS = 0.1
_CHAT_SECONDS = 30.0


@dataclass(slots=True)
class Round:
    """One flood through one system."""

    system: str
    mails: int
    accepted: int
    accepted_per_second: float
    routed_per_second: float
    cpu_ms_per_mail: float
    """CPU time of the system's processes, its client's apart, until nothing is owed any more."""

    behind_seconds: float
    """From the last mail's being routed until all that follows from the tickets had happened:
    clocks, incidents, figures (docs/decisions/0014)."""

    fdatasync: durable.Sync
    faults: list[str]
    chats: list[float | None] = field(default_factory=list)
    """Seconds from sending to the agent's desk; None where it never came."""

    rows: list[Row] = field(default_factory=list)

    def figures(self) -> dict[str, Any]:
        """For JSON: the rows are only counted."""
        return asdict(self) | {"rows": len(self.rows), "fdatasync": self.fdatasync._asdict()}


class Flood:
    """The sender's process, and what it told of its progress."""

    def __init__(self, port: int, count: int, salt: str) -> None:
        self._line = [
            sys.executable, "-m", "bench.sender", "--port", str(port), "--mails", str(count),
            "--salt", salt, "--leave-out", LEFT_OUT,
        ]  # fmt: skip
        self.began = 0.0
        self.told: dict[str, Any] = {}
        self.marks: asyncio.Queue[None] = asyncio.Queue()

    async def run(self) -> None:
        process = await asyncio.create_subprocess_exec(
            *self._line, stdout=asyncio.subprocess.PIPE, cwd=ROOT
        )
        assert process.stdout is not None
        async for line in process.stdout:
            self.told = json.loads(line)
            if self.told["event"] == "begin":
                self.began = self.told["at"]
            elif self.told["event"] == "mark":
                self.marks.put_nowait(None)
        if await process.wait():
            raise RuntimeError("the sender failed")


async def _settled(system: System, wanted: int) -> float:
    """When the last of ``wanted`` mails was routed; or when nothing had moved for long."""
    count, moved = -1, time.time()
    while count < wanted and time.time() - moved < _STALLED_SECONDS:
        found = system.finished()
        if found != count:
            count, moved = found, time.time()
        await asyncio.sleep(_LOOK_SECONDS)
    return moved


async def _warmed_up(system: System) -> None:
    """Lets each thread and process do what only its first mails cost.

    Raises:
        TimeoutError: some of these mails are still not routed: what came next would be measured
            together with the rest of the warming up, which makes any system look slow.
    """
    await Flood(system.smtp_port, _WARM_UP, "warm").run()
    async with asyncio.timeout(_WARM_SECONDS):
        while system.finished() < _WARM_UP:
            await asyncio.sleep(_LOOK_SECONDS)


async def _caught_up(system: System, since: float) -> float:
    """Seconds from ``since`` until nothing is owed.

    Raises:
        TimeoutError: something still is after a minute.
    """
    async with asyncio.timeout(_STALLED_SECONDS):
        while system.owed():
            await asyncio.sleep(_LOOK_SECONDS)
    return time.time() - since


async def measure(system: System, count: int, home: Path, *, chats: bool) -> Round:
    """Warms a system up, and floods it."""
    await _warmed_up(system)
    sync = durable.fdatasync(home)
    flood, before = Flood(system.smtp_port, count, "flood"), system.cpu_seconds()
    sending = asyncio.create_task(flood.run())
    waits = await _chats(system, flood) if chats and isinstance(system, Shouli) else []
    await sending
    accepted = int(flood.told["accepted"])
    ended = await _settled(system, _WARM_UP + accepted)
    behind = await _caught_up(system, ended)
    cpu = system.cpu_seconds() - before
    rows = [row for row in system.rows() if "@flood." in row.message_id]
    return Round(
        system=system.name,
        mails=count,
        accepted=accepted,
        accepted_per_second=accepted / (flood.told["at"] - flood.began),
        routed_per_second=len(rows) / (ended - flood.began),
        cpu_ms_per_mail=cpu * 1000 / max(len(rows), 1),
        behind_seconds=behind,
        fdatasync=sync,
        faults=_faults(rows, count, accepted, flood.told["refused"]),
        chats=waits,
        rows=rows,
    )


async def _chats(system: Shouli, flood: Flood) -> list[float | None]:
    """A visitor each time a tenth of the mails is accepted."""
    async with doors.desk(system) as desk, doors.chatting(system) as http:
        waiting = []
        for text in CHATS:
            await flood.marks.get()
            waiting.append(asyncio.create_task(_chat(desk, http, text)))
        return list(await asyncio.gather(*waiting))


async def _chat(desk: doors.Desk, http: Any, text: str) -> float | None:
    envelope_id, sent, _ = await doors.chat(http, text)
    seen = await desk.seen(envelope_id, _CHAT_SECONDS)
    return None if seen is None else seen - sent


def _faults(rows: Sequence[Row], count: int, accepted: int, refused: Sequence[str]) -> list[str]:
    """What is wrong with the rows: each accepted mail must be there once, with every column."""
    ids = [row.message_id for row in rows]
    faults = [f"refused: {answer}" for answer in sorted(set(refused))]
    if accepted != count:
        faults.append(f"{count - accepted} of {count} mails not accepted")
    if len(set(ids)) != accepted:
        faults.append(f"{accepted - len(set(ids))} mails lost")
    if len(ids) != len(set(ids)):
        faults.append(f"{len(ids) - len(set(ids))} mails doubled")
    incomplete = [row for row in rows if not all(row)]
    if incomplete:
        faults.append(f"{len(incomplete)} rows incomplete")
    return faults


# -- the whole run ---------------------------------------------------------------------


async def run(mails: int, naive_mails: int, rounds: int, home: Path) -> list[Round]:
    """Rounds of both systems, each beginning with the other one in turn."""
    done: list[Round] = []
    for number in range(rounds):
        for name in ("naive", "shouli") if number % 2 == 0 else ("shouli", "naive"):
            if name == "naive":
                with naive(home) as slow:
                    done.append(await measure(slow, naive_mails, home, chats=False))
            else:
                with shouli(home, SKILLS, CAPACITY) as fast:
                    done.append(await measure(fast, mails, home, chats=True))
            _show(done[-1])
    return done


def summary(done: Sequence[Round]) -> dict[str, Any]:
    """Medians over the rounds, and whether the bars are met."""
    by_name = {name: [r for r in done if r.system == name] for name in ("shouli", "naive")}
    routed = {k: median(r.routed_per_second for r in v) for k, v in by_name.items()}
    accepted = {k: median(r.accepted_per_second for r in v) for k, v in by_name.items()}
    waits = [wait for r in done for wait in r.chats]
    cpu = {k: median(r.cpu_ms_per_mail for r in v) for k, v in by_name.items()}
    ratio = routed["shouli"] / routed["naive"]
    missing = waits.count(None)
    slowest = max((wait for wait in waits if wait is not None), default=None)
    return {
        "routed_per_second": routed,
        "accepted_per_second": accepted,
        "ratio": ratio,
        "cpu_ms_per_mail": cpu,
        "chats": len(waits),
        "chats_missing": missing,
        "chat_slowest_seconds": slowest,
        "same_labels": _agreement(by_name["shouli"][0].rows, by_name["naive"][0].rows),
        "faults": [fault for r in done for fault in r.faults],
        "met": ratio >= RATIO_BAR
        and not missing
        and slowest is not None
        and slowest <= CHAT_BAR
        and not any(r.faults for r in done),
    }


def _agreement(ours: Sequence[Row], theirs: Sequence[Row]) -> dict[str, float]:
    """The share of common mails that both systems gave the same label, by column."""
    known = {row.message_id: row for row in ours}
    pairs = [(known[row.message_id], row) for row in theirs if row.message_id in known]
    names = ("type", "domain", "urgency", "queue")
    return {
        name: sum(getattr(a, name) == getattr(b, name) for a, b in pairs) / max(len(pairs), 1)
        for name in names
    }


def _show(r: Round) -> None:
    triage = sum(row.queue == "triage" for row in r.rows)
    print(
        f"{r.system:7} {r.mails} mails: accepted {r.accepted_per_second:.0f}/s, "
        f"routed {r.routed_per_second:.1f}/s ({len(r.rows) - triage} queued, {triage} triage), "
        f"{r.cpu_ms_per_mail:.2f} ms CPU each; {r.fdatasync}"
    )
    if r.chats:
        print(
            f"        everything that follows {r.behind_seconds:.1f} s after the last was routed"
        )
        waits = ["never" if w is None else f"{w * 1000:.0f}" for w in r.chats]
        print(f"        chat to desk, ms: {' '.join(waits)}")
    for fault in r.faults:
        print(f"        FAULT: {fault}")
    sys.stdout.flush()


def _conclude(found: dict[str, Any]) -> None:
    routed, accepted = found["routed_per_second"], found["accepted_per_second"]
    for name in ("shouli", "naive"):
        print(f"{name:7} median: accepted {accepted[name]:.0f}/s, routed {routed[name]:.1f}/s")
    cpu = found["cpu_ms_per_mail"]
    ours, theirs = cpu["shouli"], cpu["naive"]
    print(f"CPU a mail: {ours:.2f} ms to {theirs:.2f} ms, {theirs / ours:.1f}x")
    print(f"accepted to routed, Shouli to naive: {found['ratio']:.1f}x (bar {RATIO_BAR:g}x)")
    slowest = found["chat_slowest_seconds"]
    worst = "never" if slowest is None else f"{slowest * 1000:.0f} ms"
    print(f"slowest of {found['chats']} chats in the flood: {worst} (bar {CHAT_BAR:g} s)")
    shares = ", ".join(f"{name} {share:.0%}" for name, share in found["same_labels"].items())
    print(f"same mail, same label in both: {shares}")
    print("bars met" if found["met"] else "BARS MISSED")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mails", type=int, default=5000)
    parser.add_argument("--naive-mails", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--home", type=Path, default=ROOT / "build" / "bench")
    parser.add_argument("--json", type=Path, help="also writes everything to this file")
    asked = parser.parse_args()
    use_cores(CORES)
    asked.home.mkdir(parents=True, exist_ok=True)
    done = asyncio.run(run(asked.mails, asked.naive_mails, asked.rounds, asked.home))
    found = summary(done)
    _conclude(found)
    if asked.json:
        rounds = [r.figures() for r in done]
        asked.json.write_text(json.dumps(found | {"rounds": rounds}, ensure_ascii=False, indent=2))
    sys.exit(0 if found["met"] else 1)


if __name__ == "__main__":
    main()
