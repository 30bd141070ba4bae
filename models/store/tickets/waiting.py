"""A waiting ticket between its row and the router's plain values."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from models.routing import LATE_TWICE_STEP, Needs, Position, Waiting
from models.store.ground.database import Fields

STEPS = LATE_TWICE_STEP + 1
"""Relaxation steps that heads are read by; rules with more share the last but one."""


class Rekey(Protocol):
    """The target that a waiting ticket gets when ``target`` is meant, and where it then stands."""

    def __call__(
        self, ticket: Waiting, target: float, now: float, /
    ) -> tuple[float, Position]: ...


class PositionOf(Protocol):
    """Where a ticket stands that waits as ``ticket`` says."""

    def __call__(self, ticket: Waiting, now: float, /) -> Position: ...


def again(row: Fields, now: float, position_of: PositionOf | None) -> dict[str, Any]:
    """Where a ticket stands that waits again, with its age.

    One without a target stands nowhere until its labels give it one; without ``position_of`` it
    keeps its place until the clock looks, at once.
    """
    if row["target"] is None or position_of is None:
        return {"next_step_at": now}
    return position_of(as_waiting(row, Needs()), now)._asdict()


def afresh(
    row: Fields, since: float, now: float, position_of: PositionOf | None
) -> dict[str, Any]:
    """What is stored of a ticket whose waiting counts from ``since``; as ``again``.

    Its key is that of all others: by its bare deadline it would go before who came first.
    """
    begun = {
        "clock_at": since,
        "sort_key": since + (row["target"] or 0.0),
        "late": False,
        "relax_step": 0,
    }
    return begun | again({**row, **begun}, now, position_of)


def retargeted(
    row: Fields,
    target: float,
    clock_at: float,
    now: float,
    rekey: Rekey | None,
    *,
    same_class: bool,
) -> dict[str, Any]:
    """What is stored of a ticket that gets a target; its relaxation is that of its class.

    The clock of one that has a target begins where it began: only the due time moves.
    """
    waiting = as_waiting(row, Needs())
    if row["target"] is None or rekey is None:
        # New, or pardoned: the clock takes what is behind. Its key is that of all others, or it
        # would go before who came first until the clock has seen it.
        begun = replace(waiting, created_at=clock_at, target=target, late=False, relax_step=0)
        key = rekey(begun, target, clock_at)[1].sort_key if rekey else clock_at + target
        at = Position(0, False, key, clock_at)
        return {"clock_at": clock_at, "target": target, **at._asdict()}
    if not same_class and not waiting.twice_late:
        waiting = replace(waiting, relax_step=0)
    due_in = max(clock_at + target - waiting.created_at, 1.0)
    target, at = rekey(waiting, due_in, now)
    return {"clock_at": waiting.created_at, "target": target, **at._asdict()}


def dump_needs(needs: Needs) -> dict[str, Any]:
    return {
        "required": [list(need) for need in needs.required],
        "preferred": [list(need) for need in needs.preferred],
        "never_drop": sorted(needs.never_drop),
    } | ({"overflow": needs.overflow} if needs.overflow else {})


def load_needs(data: Mapping[str, Any]) -> Needs:
    return Needs(
        required=tuple((skill, level) for skill, level in data["required"]),
        preferred=tuple((skill, level) for skill, level in data["preferred"]),
        never_drop=frozenset(data["never_drop"]),
        overflow=data.get("overflow", ""),
    )


def as_waiting(row: Fields, needs: Needs) -> Waiting:
    """A ticket's row as the router sees it."""
    return Waiting(
        ticket_id=row["id"],
        epoch=row["epoch"],
        needs=needs,
        created_at=row["clock_at"],
        target=row["target"],
        late=row["late"],
        units=row["units"],
        lane=row["lane"],
        relax_step=row["relax_step"],
        sticky_agent=row["sticky_id"],
        excluded=frozenset(row["excluded"]),
        twice_late=row["relax_step"] >= LATE_TWICE_STEP,
        first=tuple(row["first"]),
        interrupts=row["interrupts"],
        rules_version=row["rules_version"] or "",
    )
