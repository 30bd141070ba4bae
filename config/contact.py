"""The sections about what customers are told and asked by themselves."""

import re
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from config.sections import Section
from models.message import Lane
from models.satisfaction import SCORE_NAMES

Told = Literal["active", "snoozed", "helping", "resolved", "closed", "returned"]

_PERIOD = re.compile(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d")
_LABELS = {names[0] for names in SCORE_NAMES.values()}


class Quiet(Section):
    """免打扰 / When customers are left in peace."""

    period: str = Field(
        description="每天这段时间不主动联系客户，推迟到之后；空为不设；按 hours.time_zone "
        "/ Every day nobody is told anything unasked in this period, but after it; empty: none. "
        "By hours.time_zone."
    )

    @field_validator("period")
    @classmethod
    def _well_written(cls, period: str) -> str:
        start, _, end = period.partition("-")
        if period and (not _PERIOD.fullmatch(period) or start == end):
            raise ValueError("应写成 21:00-08:00 / Write it as 21:00-08:00")
        return period


class Progress(Section):
    """进度 / How a ticket stands."""

    answers_a_day: int = Field(
        ge=1,
        description="每个客户每天最多答复几次“进度” "
        "/ Most questions after progress that one customer is answered a day.",
    )
    tell: tuple[Told, ...] = Field(
        description="到了这些状态主动告知客户 / States that a customer is told of unasked."
    )
    tell_late: bool = Field(
        description="预计不能按回执承诺的时间联系时，主动告知 "
        "/ Whether customers are told when the time of the acknowledgement will hardly be kept."
    )
    late_share: float = Field(
        gt=0,
        lt=1,
        description="离承诺的时间还剩这一部分时仍无人接手，就算预计要晚 "
        "/ It will be late when nobody has it with this share of the time left.",
    )
    settle_seconds: float = Field(
        ge=0,
        description="状态变化后等多少秒再告知：其间坐席答复了就不必 "
        "/ Seconds before a change is told: an agent's answer meanwhile makes it needless.",
    )
    every_minutes: float = Field(
        ge=0,
        description="同一工单两次主动告知至少相隔多少分钟 "
        "/ Least minutes between two such messages about one ticket.",
    )


class Satisfaction(Section):
    """满意度 / Asking how content customers are."""

    lanes: dict[Lane, bool] = Field(
        description="按通道类别开关；邮件只问域名已证实的人 "
        "/ On or off by lane; by mail only where the sender is proven."
    )
    channels: dict[str, bool] = Field(
        description="按渠道开关，优先于类别 / On or off by channel, over the lane."
    )
    delay_minutes: dict[Lane, float] = Field(
        description="解决后多少分钟询问 / Minutes after the resolution until it is asked."
    )
    every_days: float = Field(
        ge=0,
        description="同一客户多少天内最多问一次 / One customer is asked once in so many days.",
    )
    valid_days: float = Field(
        gt=0, le=90, description="多少天内可以评价 / Days within which it can be answered."
    )
    change_hours: float = Field(
        ge=0,
        description="评价后多少小时内可以修改 / Hours within which an answer can be changed.",
    )
    keys: dict[str, str] = Field(
        description="问题里列出的数字键，“键” = “满意度”；不写则不列数字，也不认数字 "
        "/ Digits that the question offers, digit = label (in Chinese); none are offered, and "
        "none understood, unless they are written here."
    )
    link_base: str = Field(
        description="评价页的公开地址，如 https://chat.example.com；不写则不附链接 "
        "/ Public address of the page for rating; without it no link is sent."
    )

    @model_validator(mode="after")
    def _understood(self) -> Self:
        for key, label in self.keys.items():
            if not re.fullmatch(r"\d", key) or label not in _LABELS:
                raise ValueError(
                    f"keys：{key} = {label}，应为一位数字 = 满意度（{'、'.join(sorted(_LABELS))}）"
                    f" / keys: {key} = {label}, write digit = label ({', '.join(sorted(_LABELS))})"
                )
        if self.link_base and not re.fullmatch(r"https?://[^/\s?#]+(/[^\s?#]*)?", self.link_base):
            raise ValueError("link_base 应为 https://… / link_base must be an address: https://…")
        return self

    def wanted(self, lane: Lane, channel: str) -> bool:
        """Whether customers of a channel are asked: its own word, else its lane's."""
        return self.channels.get(channel, self.lanes.get(lane, False))
