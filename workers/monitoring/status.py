"""How the whole system stands: which roles live, what waits since when, and what is wrong."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from config.settings import Settings
from models.store import Store
from models.store.effects.followers import Lag
from models.store.figures.measures import Alarm
from models.store.figures.overdue import Overdue
from models.store.ground.processes import Process
from workers.assembly.automation import follower_names
from workers.processes.heartbeat import ROLES
from workers.waking.bus import trouble_with

LIMITS: Mapping[str, float] = {
    "live": 60.0,
    "mail": 900.0,
    "labels": 120.0,
    "answers": 900.0,
    "timers": 120.0,
    "files": 900.0,
    "webhooks": 3600.0,
    "followers": 60.0,
}
"""Seconds after which something that waits for a process of ours is worth a look."""

_TICK_LIMIT = 60.0
"""Seconds without a look of the clock at the invariants, which it takes every ten."""

_NO_ROOM_MB = 1.0

_WITHOUT = {
    "intake": (
        "没有 intake 在运行：收不到邮件、聊天和回调",
        "no intake lives: neither mail nor chat nor hooks come in",
    ),
    "work": (
        "没有 work 在运行：来件收下了，但不分类、不分单，答复也不发",
        "no work lives: what comes in is kept, but not labelled, routed or answered",
    ),
    "desk": ("没有 desk 在运行：坐席台打不开", "no desk lives: nobody can work at the desk"),
    "clock": (
        "没有 clock 在运行：超时、定时和提醒都停着",
        "no clock lives: expiries, timers and reminders stand still",
    ),
}

NAMES: Mapping[str, tuple[str, str]] = {
    "live": ("聊天类来件", "live messages"),
    "mail": ("邮件类来件", "mail"),
    "labels": ("待分类工单", "tickets without labels"),
    "answers": ("未发出的答复", "unsent answers"),
    "timers": ("到期的定时", "due timers"),
    "files": ("待取的文件", "files to fetch"),
    "webhooks": ("待推送的事件", "events for webhooks"),
    "followers": ("跟随者未读的事件", "events for followers"),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """What was found; ``ticked`` in seconds, None: the clock never did."""

    processes: Sequence[Process]
    overdue: Sequence[Overdue]
    alarms: Sequence[Alarm]
    ticked: float | None
    lag: Lag
    parked: int
    answers: Mapping[str, int]
    room_mb: float | None
    least_room_mb: float
    redis: str | None = None
    """What is wrong with Redis, where it is not the own one of ``shouli run``."""

    def alive(self, role: str) -> int:
        return sum(process.role == role and process.alive for process in self.processes)


async def standing(settings: Settings, store: Store) -> Standing:
    """Looks at everything that SQL knows of, and at the disk of an SQLite database.

    Raises:
        Temporary: the database is out of reach.
    """
    alarms = await store.measures.alarms()
    looked = max((alarm.looked_at for alarm in alarms), default=None)
    sqlite = settings.database_url is None
    url = settings.redis_url
    return Standing(
        processes=await store.processes.all(),
        overdue=await store.overdue.all(),
        alarms=alarms,
        ticked=None if looked is None else max(0.0, await store.db.now() - looked),
        lag=await store.followers.lag(follower_names(settings)),
        parked=(await store.envelopes.backlog())["parked"],
        answers=await store.outbound.counts(),
        room_mb=shutil.disk_usage(settings.data_dir).free / 1_000_000 if sqlite else None,
        least_room_mb=settings.intake.disk_watermark_mb,
        redis=None if url is None else trouble_with(url.get_secret_value()),
    )


_WHY_ANSWERS_WAIT = (
    "，原因见 shouli check 和 shouli deliveries list --state queued",
    "; shouli check and shouli deliveries list --state queued tell why",
)
"""The list has the word of whoever refused; what was never tried has none, and check knows."""


_UNSETTLED = {
    "failed": ("发送失败", "failed"),
    "unknown": ("说不清送没送到", "may or may not have arrived"),
}
"""Answers that wait for a person's decision, by state."""


def problems(found: Standing) -> list[str]:
    """What somebody has to see to, each a sentence in Chinese and English; none: all is well."""
    troubles = [
        f"{one.role} {one.host}: {one.trouble}"
        for one in found.processes
        if one.alive and one.trouble is not None
    ]
    return [f"{zh} / {en}" for zh, en in _problems(found)] + troubles


def _problems(found: Standing) -> Iterator[tuple[str, str]]:
    yield from _little_room(found)
    for role in ROLES:
        # With no room at all nobody can say that they live.
        if not found.alive(role) and (found.room_mb is None or found.room_mb >= _NO_ROOM_MB):
            yield _WITHOUT[role]
    if found.redis is not None:
        yield (
            f"Redis 连不上或不能写（{found.redis}）：什么都不丢，但每步最多慢 5 秒",
            "Redis cannot be reached or written: nothing is lost, but each step may be 5 s late",
        )
    yield from _still_clock(found)
    waiting = {each.kind: each.oldest for each in found.overdue}
    for kind, oldest in (waiting | {"followers": found.lag.seconds}).items():
        if oldest > LIMITS[kind]:
            zh, en = NAMES[kind]
            why = _why(kind, found)
            waited = span(oldest)
            yield f"{zh}已等了 {waited}{why[0]}", f"{en} have waited for {waited}{why[1]}"
    yield from _for_people(found)
    versions = sorted({process.version for process in found.processes if process.alive})
    if len(versions) > 1:
        told = ", ".join(versions)
        yield f"各进程版本不一：{told}", f"processes are of different versions: {told}"


def _why(kind: str, found: Standing) -> tuple[str, str]:
    """Where to look, as far as that is known."""
    if kind == "answers":
        return _WHY_ANSWERS_WAIT
    if kind == "followers" and found.lag.names:
        failing = ", ".join(found.lag.names)
        return (
            f"：{failing} 读不下去，原因见 clock 日志里的 duty failed",
            f": {failing} cannot go on, the clock's log tells why (duty failed)",
        )
    return "", ""


def _little_room(found: Standing) -> Iterator[tuple[str, str]]:
    if found.room_mb is not None and found.room_mb < found.least_room_mb:
        yield (
            f"磁盘只剩 {found.room_mb:.0f} MB，已停止受理",
            f"{found.room_mb:.0f} MB of disk are left: nothing is taken in",
        )


def _still_clock(found: Standing) -> Iterator[tuple[str, str]]:
    if found.alive("clock") and found.ticked is not None and found.ticked > _TICK_LIMIT:
        since = span(found.ticked)
        yield (
            f"clock 在运行，却 {since} 没有走",
            f"the clock lives, and has not ticked for {since}",
        )


def _for_people(found: Standing) -> Iterator[tuple[str, str]]:
    """What goes on only when a person has looked."""
    if found.parked:
        n = found.parked
        yield (
            f"{n} 条来件停放着：shouli parked list",
            f"{counted(n, 'message')} parked: shouli parked list",
        )
    for state in _UNSETTLED:
        if n := found.answers.get(state, 0):
            seen = f"shouli deliveries list --state {state}"
            zh, en = _UNSETTLED[state]
            yield f"{n} 条答复{zh}：{seen}", f"{counted(n, 'answer')} {en}: {seen}"
    for alarm in found.alarms:
        if alarm.broken:
            yield f"不变式 {alarm.name} 被破坏，请报告", f"{alarm.name} is broken, report it"


def counted(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def span(seconds: float) -> str:
    """A time that a person reads at a glance: 12 s, 4 min, 3 h, 2 d."""
    for unit, size, most in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172800)):
        if seconds < most:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86400:.0f} d"
