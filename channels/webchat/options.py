"""What can be set for the webchat channel."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from models.addresses import Network

_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?")


def _exact_origin(value: str) -> str:
    """An origin as browsers write it (RFC 6454 §6.2), because it is compared exactly."""
    if not _ORIGIN.fullmatch(value):
        raise ValueError(
            f"“{value}”不是来源，应如 https://www.example.com（小写、无路径、无通配符）"
            f" / “{value}” is no origin: write https://www.example.com, in lower case, without"
            " a path or a wildcard"
        )
    return value


Origin = Annotated[str, AfterValidator(_exact_origin)]


Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]

_DARK_ENOUGH = 4.5
"""Contrast of white text (WCAG 2.2, 1.4.3, level AA)."""


def luminance(colour: str) -> float:
    """Relative luminance of “#rrggbb”, 0 to 1 (WCAG 2.2, definition of that name)."""
    parts = (int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5))
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _legible(colour: str) -> str:
    if 1.05 / (luminance(colour) + 0.05) < _DARK_ENOUGH:
        raise ValueError(
            f"“{colour}”上的白字看不清（对比度不足 4.5），请换深一些的颜色"
            f" / White text cannot be read on “{colour}” (contrast below 4.5); choose a darker one"
        )
    return colour


class Site(BaseModel):
    """One web site: whose pages may embed the widget, how it looks, who signs its visitors in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    origins: tuple[Origin, ...] = Field(
        (),
        description="允许嵌入挂件的网站来源（逐字比较），本服务自己的页面总是允许"
        " / Origins of the sites that may embed the widget, compared exactly; this server's own"
        " pages always may.",
    )
    identity_secret: SecretStr | None = Field(
        None,
        min_length=32,
        description="与网站共享的密钥（至少 32 个字符），网站用它为登录访客签发身份令牌"
        " / Key shared with the site (32 characters or more) with which it signs visitors in.",
    )
    title: str | None = Field(
        None, max_length=60, description="聊天窗标题 / Heading of the panel."
    )
    greeting: str | None = Field(
        None, max_length=300, description="聊天窗里的问候语 / Greeting in the panel."
    )
    colour: Annotated[Colour, AfterValidator(_legible)] | None = Field(
        None,
        description="主色，如 #0b6b5f，白字须看得清 / Colour that white text is legible on.",
    )


class Options(Site):
    """Settings of the webchat channel."""

    account: str = Field(
        "web",
        pattern=r"^[0-9A-Za-z._-]{1,64}$",
        description="站点名，用来区分多个网站 / Name of the site, to tell several apart.",
    )
    sites: dict[Annotated[str, Field(pattern=r"^[0-9A-Za-z._-]{1,64}$")], Site] = Field(
        {},
        description="其他网站，各是一个账号 / Further sites, each an account of its own",
    )
    mail_channel: str = Field(
        "email",
        max_length=32,
        description="留言的答复和对话记录经哪个渠道寄出"
        " / Channel by which answers to left messages and transcripts are mailed.",
    )
    mail_account: str | None = Field(
        None,
        max_length=255,
        description="从该渠道的哪个账号寄出，不填则没有邮件 / Its account; without one no mail.",
    )
    max_file_mb: int = Field(
        10,
        ge=0,
        le=50,
        description="访客文件的上限，MB，0 为不收 / Largest file of a visitor, MB; 0: none.",
    )
    files_per_hour: int = Field(
        30, ge=1, description="每位访客每小时的文件数 / Files an hour of one visitor."
    )
    upload_hours: float = Field(
        24.0,
        gt=0,
        le=720,
        description="访客上传的文件，没有消息提到它，多少小时后删除"
        " / Hours after which a visitor's file is deleted that no message has named.",
    )
    missing_origin: bool = Field(
        False,
        description="是否接受不带 Origin 的连接（非浏览器客户端）"
        " / Whether connections without an Origin (clients other than browsers) are accepted.",
    )
    proxies: tuple[Network, ...] = Field(
        (),
        description="可信反向代理的网段，其 X-Forwarded-For 用于识别访客地址"
        " / Networks of trusted reverse proxies, whose X-Forwarded-For names the visitor.",
    )
    max_text: int = Field(
        4000,
        ge=1,
        le=8000,
        description="单条消息的字数上限 / Longest message, in characters.",
    )
    messages_per_minute: int = Field(
        30, ge=1, description="每位访客每分钟的消息数 / Messages a minute of one visitor."
    )
    message_burst: int = Field(
        10, ge=1, description="每位访客可连发的消息数 / Messages of one visitor at once."
    )
    visitors_per_hour: int = Field(
        120,
        ge=1,
        description="每个网络地址每小时最多有几位新访客开始说话（网站签名登录的不算）"
        " / Visitors an hour who may begin to write from one network address; those whom a site"
        " signs in do not count.",
    )
    requests_per_minute: int = Field(
        1200,
        ge=1,
        description="每个网络地址每分钟的请求数（连接、消息、轮询）"
        " / Requests a minute of one network address: connections, messages, polls.",
    )
    request_burst: int = Field(
        300, ge=1, description="每个网络地址可连发的请求数 / Requests of one address at once."
    )
    connections_per_address: int = Field(
        100, ge=1, description="每个网络地址的连接上限 / Most connections of one address."
    )
    max_connections: int = Field(
        10_000, ge=1, description="连接总数上限 / Most connections in all."
    )
    ping_seconds: float = Field(
        25.0, gt=0, le=300, description="心跳间隔，秒 / Seconds between pings."
    )
    hello_seconds: float = Field(
        10.0,
        gt=0,
        description="连接后须在几秒内说 hello / Seconds in which a connection must say hello.",
    )
    idle_seconds: float = Field(
        3600.0,
        gt=0,
        description="双方无消息多少秒后断开，访客回来时自动重连"
        " / Seconds without a message of either side before a connection is closed; the widget"
        " comes back with its visitor.",
    )
    silence_minutes: float = Field(
        60.0,
        ge=0,
        description="答复后访客多少分钟不说话，对话就结束并告知访客（工单不受影响，再说就继续），"
        "0 为不结束 / Minutes after an answer without a word of the visitor's until the chat ends"
        " and they are told (its ticket stays, and their next word goes on); 0: never.",
    )
    poll_seconds: float = Field(
        25.0,
        ge=0,
        le=55,
        description="长轮询最多等待几秒 / Longest wait of a long poll, in seconds.",
    )
    demo_page: bool = Field(
        True, description="是否在 / 提供演示页 / Whether the demo page is served at /."
    )
    desk_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s\"'<>]+$",
        description="演示页上坐席台的网址 / Address of the desk, shown on the demo page.",
    )
    mail_address: str | None = Field(
        None,
        pattern=r"^[^\s\"'<>@]+@[^\s\"'<>@]+$",
        description="演示页上的客服邮箱 / Mailbox that the demo page invites to write to.",
    )
    smtp_address: str | None = Field(
        None,
        pattern=r"^[^\s\"'<>:]+:[0-9]{1,5}$|^\[[0-9a-fA-F:]+\]:[0-9]{1,5}$",
        description="演示页上的 SMTP 地址（主机:端口）"
        " / SMTP door (host:port), shown on the demo page.",
    )

    def site(self, name: str | None) -> tuple[str, Site] | None:
        """The account and settings of a site; the first one where no name is given."""
        if name is None or name == self.account:
            return self.account, self
        found = self.sites.get(name)
        return None if found is None else (name, found)

    @property
    def silence_seconds(self) -> float:
        return 60.0 * self.silence_minutes

    @property
    def all_origins(self) -> frozenset[str]:
        return frozenset(self.origins).union(*(site.origins for site in self.sites.values()))
