"""What can be set for the webchat channel."""

import re
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

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


class Options(BaseModel):
    """Settings of the webchat channel."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    account: str = Field(
        "web",
        min_length=1,
        max_length=64,
        description="站点名，用来区分多个网站 / Name of the site, to tell several apart.",
    )
    origins: tuple[Origin, ...] = Field(
        (),
        description="允许嵌入挂件的网站来源（逐字比较），本服务自己的页面总是允许"
        " / Origins of the sites that may embed the widget, compared exactly; this server's own"
        " pages always may.",
    )
    missing_origin: bool = Field(
        False,
        description="是否接受不带 Origin 的连接（非浏览器客户端）"
        " / Whether connections without an Origin (clients other than browsers) are accepted.",
    )
    proxies: tuple[IPv4Network | IPv6Network, ...] = Field(
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
