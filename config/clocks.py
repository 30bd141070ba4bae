"""The settings of ``[clocks]``: what each clock is held to, and what follows when it is not."""

from typing import Self

from pydantic import Field, field_validator, model_validator

from config.sections import Section
from models.clocks import LEVEL_NAMES, ClockKind, ClockPolicy, ClockTarget
from models.message import Lane
from models.ticket import OPEN_STATES, TicketState

_NEVER = frozenset({TicketState.HELPING, TicketState.WAITING, TicketState.NEW})
"""Who waits for us, or for our own people, is not made to wait for longer."""


class Clocks(Section):
    """时钟 / Clocks."""

    warn_at: float = Field(
        gt=0,
        lt=1,
        description="用去时限的多少时提醒 / Fraction of the target at which people are warned.",
    )
    escalating: tuple[ClockKind, ...] = Field(
        description="哪些时钟超时会升级 / Clocks whose breach escalates the ticket."
    )
    escalate_at: tuple[float, ...] = Field(
        max_length=len(LEVEL_NAMES),
        description="用去时限的多少倍时升到班长、主管、经理 "
        "/ Multiples of the target at which it goes to level 1, 2 and 3.",
    )
    pausing: dict[ClockKind, tuple[TicketState, ...]] = Field(
        description="哪个时钟在哪些状态暂停；协办中和等待中不能暂停 "
        "/ States in which a clock pauses; never while helpers work or the ticket waits."
    )
    press_after: dict[Lane, float] = Field(
        description="客户在等待中隔多少秒再来信算一次催单；没有列出的只看用语 "
        "/ Seconds after which another word of a waiting customer counts as pressing; a lane "
        "that is not named goes by the words alone."
    )
    press_levels: tuple[int, ...] = Field(
        max_length=len(LEVEL_NAMES),
        description="第几次催单升到班长、主管、经理；空为不升级 "
        "/ How many times they press until it goes to level 1, 2 and 3; empty: never.",
    )
    widen_to: str = Field(
        description="工单升级且在等待时，有此技能的人也可接；空为不放宽。"
        "分单规则已有溢出组的，用那个组 "
        "/ A skill whose holders may take an escalated ticket that waits, too; empty: nobody "
        "more. Where the routing rules name an overflow group, that one stays."
    )
    targets: tuple[ClockTarget, ...] = Field(
        description="时限，按先后取第一个符合的；没有符合的，该时钟不走（首次人工答复按分单规则） "
        "/ Targets, the first that fits counts; without one that clock does not run (the first "
        "answer: the routing rules' target)."
    )

    @field_validator("escalate_at")
    @classmethod
    def _after_the_target(cls, multiples: tuple[float, ...]) -> tuple[float, ...]:
        if any(multiple < 1 for multiple in multiples) or list(multiples) != sorted(multiples):
            raise ValueError("应从小到大，且不小于 1 / Not below 1, and in order")
        return multiples

    @field_validator("press_levels")
    @classmethod
    def _in_order(cls, counts: tuple[int, ...]) -> tuple[int, ...]:
        if any(count < 1 for count in counts) or list(counts) != sorted(counts):
            raise ValueError("应从小到大，且不小于 1 / Not below 1, and in order")
        return counts

    @model_validator(mode="after")
    def _pauses_are_the_customers(self) -> Self:
        for kind, states in self.pausing.items():
            if wrong := set(states) & _NEVER or set(states) - OPEN_STATES:
                raise ValueError(
                    f"{kind} 不能在 {', '.join(sorted(wrong))} 暂停"
                    f" / {kind} cannot pause in {', '.join(sorted(wrong))}"
                )
        return self

    def policy(self) -> ClockPolicy:
        """The same as plain values."""
        return ClockPolicy(
            targets=self.targets,
            warn_at=self.warn_at,
            escalate_at=self.escalate_at,
            escalating=frozenset(self.escalating),
            pausing={kind: frozenset(map(str, states)) for kind, states in self.pausing.items()},
            press_after={str(lane): seconds for lane, seconds in self.press_after.items()},
            press_levels=self.press_levels,
            widen_to=self.widen_to,
        )
