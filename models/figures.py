"""The figures of a service centre (KPI): what each is, and the values of one group."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from models.clocks import CLOCK_NAMES, ClockKind

Dimension = Literal["channel", "domain", "agent", "team", "tier", "region"]

DIMENSIONS: tuple[Dimension, ...] = ("channel", "domain", "agent", "team", "tier", "region")

DIMENSION_NAMES: Mapping[Dimension, tuple[str, str]] = {
    "channel": ("渠道", "Channel"),
    "domain": ("业务域", "Domain"),
    "agent": ("坐席", "Agent"),
    "team": ("班组", "Team"),
    "tier": ("客户等级", "Tier"),
    "region": ("地区", "Region"),
}


def dimensions_of(facets: Collection[str]) -> list[Dimension]:
    """Those that a house has anything to say of: a region is a facet that few taxonomies have."""
    return [name for name in DIMENSIONS if name != "region" or name in facets]


REPEAT_SECONDS = 7 * 86400.0
"""A customer who comes again about the same domain within this time was not helped."""


@dataclass(slots=True)
class Figures:
    """One group in one period. Seconds are sums or values; the shares follow from the counts.

    ``group`` is the value of the dimension (an agent by id), “” for the whole or unknown.
    """

    period: int
    group: str
    volume: int = 0
    repeats: int = 0
    complaints: int = 0
    repeated_complaints: int = 0
    answered: int = 0
    first_answer_sum: float = 0.0
    first_answer_p90: float | None = None
    handled: int = 0
    handling_sum: float = 0.0
    resolved: int = 0
    resolution_sum: float = 0.0
    reopened: int = 0
    signed_in_seconds: float = 0.0
    occupied_seconds: float = 0.0
    asked: int = 0
    replied: int = 0
    rated: int = 0
    content: int = 0
    score_sum: int = 0
    solved: int = 0
    unsolved: int = 0
    clocks: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Kind of clock to how many of its runs were (met, missed)."""

    @property
    def first_answer(self) -> float | None:
        """首次响应时长: mean seconds from arrival to the first answer by a person."""
        return _share(self.first_answer_sum, self.answered)

    @property
    def handling(self) -> float | None:
        """平均处理时长: mean seconds in somebody's hands, of a ticket that was in any."""
        return _share(self.handling_sum, self.handled)

    @property
    def resolution(self) -> float | None:
        """解决时长: mean seconds from arrival to the resolution."""
        return _share(self.resolution_sum, self.resolved)

    @property
    def resolution_rate(self) -> float | None:
        """解决率: resolved in the period, for each that arrived in it; may be over 1."""
        return _share(self.resolved, self.volume)

    @property
    def reopen_rate(self) -> float | None:
        """重开率: reopened in the period, for each that was resolved in it."""
        return _share(self.reopened, self.resolved)

    @property
    def complaint_rate(self) -> float | None:
        """投诉率: complaints, of what arrived."""
        return _share(self.complaints, self.volume)

    @property
    def repeated_complaint_rate(self) -> float | None:
        """重复投诉率: complaints about a matter complained of before, of all complaints."""
        return _share(self.repeated_complaints, self.complaints)

    @property
    def repeat_rate(self) -> float | None:
        """重复来访率: those whose customer came about the same within a week before."""
        return _share(self.repeats, self.volume)

    @property
    def occupancy(self) -> float | None:
        """占用率: with a ticket in hand, of the time signed in; people and teams only."""
        return _share(self.occupied_seconds, self.signed_in_seconds)

    @property
    def satisfaction(self) -> float | None:
        """满意率: very satisfied and satisfied, of all ratings."""
        return _share(self.content, self.rated)

    @property
    def score(self) -> float | None:
        """平均分: the mean rating, 1 to 5."""
        return _share(self.score_sum, self.rated)

    @property
    def participation(self) -> float | None:
        """参评率: surveys answered, of those that were sent."""
        return _share(self.replied, self.asked)

    @property
    def solved_rate(self) -> float | None:
        """客户认定解决率: said to be solved, of those of which a customer said either."""
        return _share(self.solved, self.solved + self.unsolved)

    def kept(self, kind: ClockKind) -> float | None:
        """达标率: runs of a clock that were met, of those that ended met or missed."""
        met, missed = self.clocks.get(kind, (0, 0))
        return _share(met, met + missed)


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


class Figure(NamedTuple):
    """What one figure is called, how it is shown, and its definition, in both languages.

    ``unit``: “count”, “share” (of 1), “seconds” or “score” (1 to 5).
    """

    zh: str
    en: str
    unit: Literal["count", "share", "seconds", "score"]
    says_zh: str
    says_en: str


FIGURES: Mapping[str, Figure] = {
    "volume": Figure(
        "受理量", "Volume", "count",
        "期间内到达的工单；按坐席、班组时，为他们期间内接下的不同工单",
        "tickets that arrived in the period; of a person or team, tickets that they took in it",
    ),
    "answered": Figure(
        "首次答复数", "First answers", "count",
        "期间内得到第一次人工答复的工单；归写答复的人",
        "tickets whose first answer by a person fell into the period; put down to who wrote it",
    ),
    "first_answer": Figure(
        "平均首次响应时长", "First answer, mean", "seconds",
        "从到达到第一次人工答复的平均时间，自动回执不算",
        "mean time from arrival to the first answer by a person; automatic texts do not count",
    ),
    "first_answer_p90": Figure(
        "首次响应 90 分位", "First answer, p90", "seconds",
        "九成工单不超过的首次响应时长（最近秩）",
        "the time that nine of ten first answers do not exceed (nearest rank)",
    ),
    "handled": Figure(
        "经手工单", "Handled", "count",
        "期间内从某人手上放下的不同工单",
        "tickets that somebody set down in the period, each once",
    ),
    "handling": Figure(
        "平均处理时长", "Handling, mean", "seconds",
        "期间内结束的各次经手（接下到放下）时长之和 ÷ 经手工单",
        "the time of all spells that ended in the period, from taking to setting down, by tickets",
    ),
    "resolved": Figure(
        "解决量", "Resolved", "count",
        "期间内解决的工单，每张一次；归解决的人",
        "tickets resolved in the period, each once; put down to who resolved it",
    ),
    "resolution": Figure(
        "平均解决时长", "Resolution, mean", "seconds",
        "从到达到期间内最后一次解决的平均时间",
        "mean time from arrival to the last resolution in the period",
    ),
    "resolution_rate": Figure(
        "解决率", "Resolution rate", "share",
        "解决量 ÷ 受理量；清理积压时会超过 100 %",
        "resolved by volume; over 100 % while a backlog is worked off",
    ),
    "reopened": Figure(
        "重开量", "Reopened", "count",
        "期间内从已解决、已关闭重新打开的工单；坐席收回自己误点的不算",
        "tickets that were reopened in the period after they had been resolved or closed;"
        " not those that whoever resolved them by mistake took back",
    ),
    "reopen_rate": Figure(
        "重开率", "Reopen rate", "share", "重开量 ÷ 解决量", "reopened by resolved"
    ),
    "complaint_rate": Figure(
        "投诉率", "Complaint rate", "share",
        "受理量中的投诉（已撤回的不算）", "complaints, of the volume; withdrawn ones do not count",
    ),
    "repeated_complaint_rate": Figure(
        "重复投诉率", "Repeated complaints", "share",
        "投诉中重复投诉的比例", "of the complaints, those about a matter complained of before",
    ),
    "repeat_rate": Figure(
        "重复来访率", "Repeat rate", "share",
        "同一客户 7 天内为同一业务域又来的工单，占受理量",
        "of the volume, those whose customer came about the same domain within 7 days before",
    ),
    "occupancy": Figure(
        "占用率", "Occupancy", "share",
        "登录期间手上有工单的时间 ÷ 登录时间（离线除外）；只按整体、坐席、班组",
        "time with a ticket in hand, of the time signed in (all but offline); only as a whole, "
        "by agent and by team",
    ),
    "satisfaction": Figure(
        "满意率", "Satisfaction", "share",
        "期间内发出（或来电者直接给出）的评价中，非常满意和满意的比例；"
        "业务域、坐席、客户等级、地区按询问时",
        "very satisfied and satisfied, of the ratings whose survey was sent in the period, or "
        "that a caller gave in it; domain, agent, tier and region are those of then",
    ),
    "score": Figure(
        "平均分", "Mean rating", "score", "同上，1 到 5 分的平均", "the mean of the same, 1 to 5"
    ),
    "participation": Figure(
        "参评率", "Participation", "share", "期间内发出的询问中得到评价的比例",
        "of the surveys sent in the period, those that were answered",
    ),
    "solved_rate": Figure(
        "客户认定解决率", "Solved, customers say", "share",
        "同样的询问里说“已解决”的，占说了已解决或未解决的",
        "of the same surveys, those answered with solved, of those that said solved or not",
    ),
    **{
        f"kept_{kind}": Figure(
            f"{zh}达标率", f"{en}: kept", "share",
            f"期间内开始的“{zh}”时钟中按时的，占按时与超时之和；按当时的业务域、客户等级",
            f"of the runs of this clock that began in the period, those met, of those met or "
            f"missed ({en.lower()}); by the domain and tier of then",
        )
        for kind, (zh, en) in CLOCK_NAMES.items()
    },
}  # fmt: skip
"""Every figure that is shown, in the order of columns; ``docs/figures.md`` is written from it.

Junk and tickets merged into others count nowhere. Domains and regions are those of the labels of
today, tiers those that customers have today.
"""


def value_of(figures: Figures, name: str) -> float | None:
    """The figure called ``name`` in ``FIGURES``; None where there is nothing to count it of."""
    if name.startswith("kept_"):
        return figures.kept(ClockKind(name.removeprefix("kept_")))
    value: float | None = getattr(figures, name)
    return value
