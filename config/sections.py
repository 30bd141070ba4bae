"""The sections of the settings: what each key means and what it may be.

There are no defaults here: they stand in ``default.toml``, commented, where operators look.
"""

import re
from datetime import date
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from config import holidays
from models.addresses import Network
from models.agent import Presence, Role, SecondFactorFor
from models.message import Lane
from models.similarity import Alarm

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Periods = dict[Weekday, tuple[str, ...]]

_PERIOD = re.compile(r"([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)")


class Section(BaseModel):
    """Frozen and closed: an unknown key is a typing mistake, and said to be one."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Intake(Section):
    """接收 / Receiving."""

    host: str = Field(
        description="网页聊天、回调和 HTTP 入口监听的地址 "
        "/ Address that web chat, hooks and the HTTP door listen on."
    )
    port: int = Field(ge=1, le=65535, description="上述入口的端口 / Their port.")
    commit_group: int = Field(
        ge=1,
        le=128,
        description="一次提交最多合并多少条消息 / Most messages that share one commit.",
    )
    disk_watermark_mb: int = Field(
        ge=0,
        description="剩余磁盘少于这么多 MB 时暂停接收（452/503） "
        "/ Receiving pauses (452, 503) when fewer MB of disk are free.",
    )
    unproven_mb: int = Field(
        ge=16,
        description="HTTP 入口和平台回调的请求体要收全才能验签：还没收全的合计最多占多少 MB 内存，"
        "再多就请占得最多的地址稍后重发（503） / Bodies of the HTTP door and of hooks are proven "
        "once they are whole: what may be on its way together, in MB of memory; beyond that the "
        "address that holds most is told to come again (503).",
    )


class Desk(Section):
    """坐席台 / The desk of agents."""

    host: str = Field(description="坐席台监听的地址 / Address that the desk listens on.")
    port: int = Field(ge=1, le=65535, description="坐席台的端口 / Port of the desk.")
    secure_cookie: bool = Field(
        description="登录 Cookie 只走 HTTPS；在 HTTPS 之后时应打开 "
        "/ Session cookie over HTTPS only; turn on when behind HTTPS."
    )
    proxies: tuple[Network, ...] = Field(
        description="可信反向代理的网段，其 X-Forwarded-For 用于识别来访地址；"
        "在代理之后而不填，所有人共用一个输错密码的限额 "
        "/ Networks of trusted reverse proxies, whose X-Forwarded-For names who comes; behind one "
        "that is not named, all share one limit of wrong passwords.",
    )
    webhook_networks: tuple[Network, ...] = Field(
        description="事件推送除公网外还可发往的网段，如 10.1.2.0/24；默认只发往公网 "
        "/ Networks that webhooks may be sent to besides the public Internet, such as "
        "10.1.2.0/24; none by default."
    )
    session_hours: float = Field(
        gt=0, le=720, description="登录有效多少小时 / Hours until a login ends."
    )
    second_factor: SecondFactorFor = Field(
        description="谁登录时必须用两步验证：optional 自愿，admins 管理员，everyone 所有人；"
        "还没开启的，下次登录先开启 "
        "/ Who must sign in in two steps: optional, admins or everyone; who has not set it up is "
        "led to it at the next sign-in."
    )
    presence_minutes: dict[Presence, float] = Field(
        description="各状态最多多少分钟，超过即提醒本人和班长 "
        "/ Minutes that each presence may last; then the person and the supervisors are told."
    )
    back_to_ready: tuple[Presence, ...] = Field(
        description="到时自动回到就绪的状态 / Presences that end in ready by themselves."
    )

    @property
    def presence_seconds(self) -> dict[str, float]:
        return {str(name): 60.0 * minutes for name, minutes in self.presence_minutes.items()}


class Life(Section):
    """工单的一生 / The life of a ticket."""

    reopen_days: float = Field(
        ge=0,
        le=365,
        description="解决或退回后多少天内，客户再来信即重开；过后另开一张 "
        "/ Days after its end in which the customer's word reopens a ticket; later is a new one.",
    )
    close_days: float = Field(
        gt=0,
        le=365,
        description="解决、退回或标为无效后多少天关闭 "
        "/ Days from resolution (or return, or junk) until a ticket is closed.",
    )
    transfer_minutes: float = Field(
        gt=0,
        le=1440,
        description="转派多少分钟无人接受即告吹，工单一直在转出人手上 "
        "/ Minutes until a transfer that nobody accepts is over; its owner has it all along.",
    )


class Pipeline(Section):
    """处理 / Processing."""

    processes: int = Field(
        ge=1,
        le=64,
        description="shouli run 保持几个处理进程 / Work processes that “shouli run” keeps.",
    )
    batch: int = Field(
        ge=1, le=128, description="一次最多处理多少条消息 / Most messages leased at a time."
    )
    attempts: int = Field(
        ge=1,
        le=20,
        description="单独处理失败多少次后停放 / Failures alone before a message is parked.",
    )
    lease_seconds: float = Field(
        ge=5,
        le=600,
        description="租约秒数：处理者失联多久后由别人接手 "
        "/ Seconds after which another worker takes over from a silent one.",
    )
    parse_seconds: float = Field(
        gt=0, le=60, description="解析一封邮件的时限（秒） / Seconds allowed to parse one mail."
    )
    parse_memory_mb: int = Field(
        ge=128, description="解析进程的内存上限（MB） / Memory limit of the parser, in MB."
    )
    greeting_hold_seconds: float = Field(
        ge=0,
        le=120,
        description="只有问候语（“在吗”）时等待正文的秒数 "
        "/ Seconds that a bare greeting is held for its content.",
    )
    sweep_seconds: float = Field(
        gt=0,
        le=5,
        description="多久从数据库补查一次遗漏（秒，最多 5） "
        "/ Seconds between looks into SQL for missed work, at most 5.",
    )


class Retraining(Section):
    """重新训练分类器 / Training the classifier anew."""

    least_recall: dict[str, float] = Field(
        description="“维度:类别” = 金标集上最低召回率（0–1）；低于它的新模型不能通过 "
        "/ “facet:class” = least recall on the golden set, 0 to 1; a bundle below it fails."
    )
    memory_mb: int = Field(
        ge=512,
        description="训练进程的内存上限（MB） / Memory limit of the training process, in MB.",
    )
    kept_days: float = Field(
        ge=1,
        description="服役过的模型，退下后再保留多少天；清除的只是内容（约 30 MB），成绩一直保留 "
        "/ Days for which a bundle that has served is kept; what goes is its content, about 30 MB:"
        " its figures stay.",
    )
    kept_challengers: int = Field(
        ge=1,
        description="没服役过的模型，保留最新的几个 "
        "/ Of bundles that never served, how many of the newest are kept.",
    )
    kept_steps: int = Field(
        ge=1,
        description="现役模型之前、可以逐个退回的几个总是保留 "
        "/ How many bundles before the champion are always kept, to roll back to one by one.",
    )

    @field_validator("least_recall")
    @classmethod
    def _shares(cls, least: dict[str, float]) -> dict[str, float]:
        for name, share in least.items():
            if ":" not in name or not 0 <= share <= 1:
                raise ValueError(
                    f'{name} = {share}：写成 "维度:类别" = 0 到 1 的数 '
                    f'/ {name} = {share}: write "facet:class" = a number from 0 to 1'
                )
        return least


class Watching(Section):
    """观察分类器 / Watching the classifier."""

    shadow_share: float = Field(
        ge=0,
        le=1,
        description="影子模型对照多大一部分工单（0–1） "
        "/ The share of tickets that a challenger in shadow labels beside the champion, 0 to 1.",
    )
    shadow_tickets: int = Field(
        ge=1,
        description="一个影子模型最多对照多少张工单，到数即停 "
        "/ Most tickets that one challenger in shadow labels; then it stops.",
    )
    texts_a_second: int = Field(
        ge=0,
        description="每个工作进程每秒最多查多少条消息的生词 "
        "/ Messages a second whose words each worker looks up, at most.",
    )
    drift_alarm: float = Field(
        gt=0,
        description="漂移（PSI）超过多少算报警，通常 0.25 "
        "/ The drift (PSI) above which there is an alarm; 0.25 by convention.",
    )
    agreement_alarm: float = Field(
        ge=0,
        le=1,
        description="一周内坐席没有更正的比例低于多少算报警 "
        "/ The share of a week's tickets left uncorrected below which there is an alarm.",
    )


class Suggesting(Section):
    """参考答复 / Answers by example."""

    tickets: int = Field(
        ge=0,
        le=50_000,
        description="从最近多少张已解决的工单里找 "
        "/ How many of the newest resolved tickets are searched.",
    )
    offered: int = Field(
        ge=1, le=20, description="各给出几条 / How many of each kind are offered at most."
    )
    least: float = Field(
        ge=0,
        le=1,
        description="至少多相似（余弦，0–1） / How similar they must be: a cosine, 0 to 1.",
    )


class Acknowledgement(Section):
    """受理回执 / What a customer is told on arrival."""

    lanes: dict[Lane, bool] = Field(
        description="按通道类别开关：live 即时，mail 邮件 / On or off by lane: live, mail."
    )
    channels: dict[str, bool] = Field(
        description="按渠道开关，优先于类别 / On or off by channel, over the lane."
    )
    cap_per_address_a_day: int = Field(
        ge=0,
        description="每个地址每天最多几份自动回执 "
        "/ Most automatic receipts an address gets a day.",
    )

    def wanted(self, lane: Lane, channel: str) -> bool:
        """Whether messages of a channel are acknowledged: its own word, else its lane's."""
        return self.channels.get(channel, self.lanes.get(lane, False))


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(
            "没有这个时区，例如 Asia/Shanghai / No such zone, for example Asia/Shanghai"
        ) from error
    return name


def _country(code: str) -> str:
    if not holidays.is_known(code):
        raise ValueError(
            "没有这个国家或地区的节假日，写代码，例如 CN、US、GB-ENG；不用则留空"
            " / No holidays of this country: write its code, as CN, US or GB-ENG, or nothing"
        )
    return code


def _week(periods: Periods) -> Periods:
    for day, texts in periods.items():
        for text in texts:
            start, _, end = text.partition("-")
            if not _PERIOD.fullmatch(text) or start == end:
                raise ValueError(
                    f"{day} 的“{text}”应写成 09:00-18:00 / Write “{text}” of {day} as 09:00-18:00"
                )
    return periods


_Zone = Annotated[str, AfterValidator(_zone)]
_Country = Annotated[str, AfterValidator(_country)]
_Week = Annotated[Periods, AfterValidator(_week)]


class TeamHours(Section):
    """What of the hours is different for a team; what is not written is the centre's."""

    channels: tuple[str, ...] = Field(
        (), description="哪些渠道的工单归这个班组，空为不限 / Its channels; none written: all."
    )
    accounts: tuple[str, ...] = Field(
        (), description="哪些账号（如信箱），空为不限 / Its accounts; none written: all."
    )
    domains: tuple[str, ...] = Field(
        (), description="哪些业务域，空为不限 / Its domains; none written: all."
    )
    time_zone: _Zone | None = Field(None, description="时区 / IANA time zone.")
    country: _Country | None = Field(None, description="节假日 / Whose holidays.")
    periods: _Week | None = Field(None, description="每周各天的时段 / Periods of each weekday.")
    holidays: tuple[date, ...] | None = Field(None, description="放假的日子 / Days closed.")
    workdays: dict[date, Weekday] | None = Field(
        None, description="调休上班的日子 / Days worked instead."
    )
    makeup_like: Weekday | None = Field(
        None, description="法定调休上班日的时段 / Whose periods public make-up days use."
    )

    @model_validator(mode="after")
    def _somebodys(self) -> Self:
        if not (self.channels or self.accounts or self.domains):
            raise ValueError(
                "班组应写明 channels、accounts 或 domains"
                " / A team needs channels, accounts or domains"
            )
        return self


class Hours(Section):
    """营业时间 / When the centre is open."""

    time_zone: _Zone = Field(description="时区 / IANA time zone.")
    country: _Country = Field(
        description="采用哪个国家或地区的法定节假日（CN 含调休），空为不用 "
        "/ Whose public holidays are kept (CN with its make-up days); empty for none."
    )
    periods: _Week = Field(
        description="每周各天的时段，可跨夜（22:00-06:00） "
        "/ Periods of each weekday; one may pass midnight (22:00-06:00)."
    )
    holidays: tuple[date, ...] = Field(
        description="另外放假的日子，优先于法定的 / More days closed; over the public ones."
    )
    workdays: dict[date, Weekday] = Field(
        description="另外上班的日子，按星期几的时段；优先于一切 "
        "/ Days worked all the same, and whose periods they use; over all else."
    )
    makeup_like: Weekday = Field(
        description="法定调休上班日按星期几的时段 "
        "/ Whose periods the public make-up working days use."
    )
    teams: dict[str, TeamHours] = Field(
        description="各班组不同的时间，按先后取第一个符合的 "
        "/ Teams with hours of their own; the first that fits counts."
    )

    def of_team(self, name: str) -> "Hours":
        """The hours of a team, complete."""
        told = {
            key: value
            for key in ("time_zone", "country", "periods", "holidays", "workdays", "makeup_like")
            if (value := getattr(self.teams[name], key)) is not None
        }
        return self.model_copy(update=told)


class Incidents(Section):
    """危机管理：许多相似的投诉成为一个事件 / Incidents: many similar complaints are one matter."""

    at_least: int = Field(
        ge=2,
        description="多少位客户的相似投诉算一个事件 "
        "/ Customers with similar complaints that make an incident.",
    )
    window_minutes: float = Field(
        gt=0, le=1440, description="在多少分钟之内 / Within so many minutes."
    )
    similarity: float = Field(
        gt=0,
        le=1,
        description="与同事件其他投诉之中点的余弦相似度至少为 "
        "/ Least cosine of a complaint with the middle of the others.",
    )
    compared: tuple[str, ...] = Field(
        description="比较哪些标签的工单：“维度:类别” / Labels of tickets that are compared."
    )
    alert: tuple[Role, ...] = Field(
        description="新事件通知哪些角色 / Roles of the people who are told of a new incident."
    )
    second_person: bool = Field(
        description="群发文字须由起草人以外的人批准 "
        "/ Somebody else than its author approves a text."
    )

    @property
    def alarm(self) -> Alarm:
        return Alarm(self.at_least, 60.0 * self.window_minutes, self.similarity)


class FollowUps(Section):
    """回访 / Calling customers back after a ticket was resolved."""

    within_hours: dict[str, float] = Field(
        description="按紧急程度：解决后最迟几小时回访；没写的不回访 "
        "/ By urgency: hours after the resolution at the latest; none for one that is not named."
    )
    complaints_within_hours: float = Field(
        gt=0, description="投诉一律回访，最迟几小时 / Complaints always are, within so many hours."
    )
    begin_share: float = Field(
        ge=0,
        lt=1,
        description="过了期限的这一部分后进入队列 "
        "/ It enters the queue after this share of the time.",
    )
    units: int = Field(
        ge=1, le=100, description="占用几个容量单位 / Units of capacity that one takes."
    )
    attempts: int = Field(ge=1, le=20, description="最多尝试几次 / Attempts at the most.")
    again_hours: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        min_length=1,
        description="没联系上，几小时后再试：第一次、第二次……；最后一个一直用 "
        "/ Hours until the next attempt: after the first, the second …; the last one repeats.",
    )
    review: bool = Field(
        description="不满意或未解决的交班长决定是否重开 "
        "/ A low result goes to a supervisor, who may reopen the ticket."
    )


class Privacy(Section):
    """客户的个人信息，见 privacy.md / Customers' personal data, see privacy.md."""

    keep_complaints_days: int = Field(
        ge=0,
        description="投诉结束后至少保存几天，其间抹除客户须另写理由；1096 天即三年："
        "诉讼时效（民法典第一百八十八条），交易信息（电子商务法第三十一条） "
        "/ Days for which a complaint is kept after its end: erasing its customer before takes "
        "a reason of its own. 1096 are three years, the limitation of China's Civil Code, "
        "art. 188, and the time of its E-Commerce Law, art. 31.",
    )


class Log(Section):
    """日志 / Logs."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        description="最低级别 / Least level that is written."
    )
    format: Literal["auto", "json", "console"] = Field(
        description="json 一行一条；console 给人看；auto：终端上用 console "
        "/ json is a line each, console is for people, auto is console on a terminal."
    )


class Metrics(Section):
    """指标 / Metrics."""

    enabled: bool = Field(
        description="在接收口和坐席台提供 /metrics（Prometheus） "
        "/ Serve /metrics (Prometheus) at the intake and desk doors."
    )
