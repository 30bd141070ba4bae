"""What ``shouli status`` finds wrong, and says."""

from dataclasses import replace

import pytest

from models.store.effects.followers import Lag
from models.store.figures.measures import Alarm
from models.store.figures.overdue import Overdue
from models.store.ground.processes import SILENT_SECONDS, Process
from workers.monitoring.status import LIMITS, Standing, problems, span
from workers.processes.heartbeat import ROLES

WELL = Standing(
    processes=[Process(role, "host", 7, "1.0", 60.0, 1.0) for role in ROLES],
    overdue=[Overdue(kind, 1, LIMITS[kind]) for kind in LIMITS if kind != "followers"],
    alarms=[Alarm("owners", 0, None, 100.0, None)],
    ticked=60.0,
    lag=Lag(LIMITS["followers"], ("clocks",)),
    parked=0,
    answers={"queued": 3, "sending": 1},
    room_mb=200.0,
    least_room_mb=200.0,
)


def test_all_is_well_up_to_every_limit() -> None:
    assert problems(WELL) == []


@pytest.mark.parametrize("role", ROLES)
def test_a_role_of_which_nobody_lives_is_named_in_both_languages(role: str) -> None:
    """Whether it left no trace, or has been silent for too long; another one makes up for it."""
    others = [one for one in WELL.processes if one.role != role]
    (told,) = problems(replace(WELL, processes=others))
    assert told.startswith(f"没有 {role} 在运行")
    assert f" / no {role} lives" in told
    silent = Process(role, "host", 8, "1.0", 600.0, SILENT_SECONDS + 1)
    assert problems(replace(WELL, processes=[*others, silent])) == [told]
    assert problems(replace(WELL, processes=[*WELL.processes, silent])) == []


@pytest.mark.parametrize("kind", sorted(LIMITS))
def test_what_waits_for_longer_than_its_limit_is_named(kind: str) -> None:
    late = LIMITS[kind] + 1
    if kind == "followers":
        (told,) = problems(replace(WELL, lag=Lag(late, ())))
    else:
        (told,) = problems(replace(WELL, overdue=[Overdue(kind, 1, late)]))
    assert span(late) in told
    for look in ("shouli check", "shouli deliveries list --state queued"):
        assert told.count(look) == (2 if kind == "answers" else 0), "in both languages"


def test_a_follower_that_keeps_failing_while_others_go_on_is_named() -> None:
    (told,) = problems(replace(WELL, lag=Lag(61.0, ("clocks", "closing"))))
    zh, en = told.split(" / ")
    assert "clocks, closing 读不下去" in zh
    assert "clocks, closing cannot go on" in en


@pytest.mark.parametrize(
    ("change", "zh", "en"),
    [
        ({"ticked": 61.0}, "没有走", "has not ticked for 61 s"),
        (
            {
                "processes": [
                    *WELL.processes,
                    replace(WELL.processes[0], trouble="email: 占 / taken"),
                ]
            },
            "intake host: email: 占",
            "taken",
        ),
        ({"parked": 1}, "1 条来件停放着", "/ 1 message parked: shouli parked list"),
        ({"parked": 2}, "2 条来件停放着", "/ 2 messages parked: shouli parked list"),
        (
            {"answers": {"failed": 1}},
            "1 条答复发送失败：shouli deliveries list --state failed",
            "/ 1 answer failed: shouli deliveries list --state failed",
        ),
        (
            {"answers": {"unknown": 2}},
            "2 条答复说不清送没送到：shouli deliveries list --state unknown",
            "/ 2 answers may or may not have arrived: shouli deliveries list --state unknown",
        ),
        ({"alarms": [Alarm("owners", 1, "t", 1.0, 1.0)]}, "被破坏", "owners is broken"),
        ({"redis": "refused"}, "（refused）", "Redis cannot be reached"),
        ({"room_mb": 199.0}, "磁盘只剩 199 MB", "199 MB of disk are left"),
        (
            {"processes": [*WELL.processes, Process("work", "b", 9, "1.1", 1.0, 1.0)]},
            "版本不一：1.0, 1.1",
            "different versions",
        ),
    ],
)
def test_what_a_person_has_to_see_to(change: dict[str, object], zh: str, en: str) -> None:
    (told,) = problems(replace(WELL, **change))  # type: ignore[arg-type]
    assert zh in told
    assert en in told


def test_a_full_disk_is_not_taken_for_processes_that_are_gone() -> None:
    """None of them can write down that it lives."""
    silent = [replace(one, silent=SILENT_SECONDS + 1) for one in WELL.processes]
    (told,) = problems(replace(WELL, processes=silent, room_mb=0.2))
    assert "0 MB" in told


def test_a_clock_that_nobody_runs_is_told_once_and_a_new_one_may_not_have_ticked_yet() -> None:
    others = [one for one in WELL.processes if one.role != "clock"]
    assert len(problems(replace(WELL, processes=others, ticked=9999.0))) == 1
    assert problems(replace(WELL, ticked=None)) == []


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (172800, "2 d")],
)
def test_a_span_is_read_at_a_glance(seconds: float, told: str) -> None:
    assert span(seconds) == told
