"""What can be set for the e-mail channel."""

from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator

from channels.email.headers import valid_address
from models.addresses import Network

_Address = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True)]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Mailbox(_Settings):
    """One of our addresses."""

    address: _Address = Field(
        description="对外公布的邮箱地址 / Our address, as customers write it."
    )
    account: str = Field(
        "",
        description="所属账号；多个地址可共用，留空即地址本身"
        " / Account it belongs to; addresses may share one; empty: the address itself.",
    )
    signature: str = Field(
        "",
        max_length=2000,
        description="落款，接在坐席的每封答复后面；自动邮件不加"
        " / What stands below each answer of an agent's; automatic mails go without.",
    )
    plus: bool = Field(
        True,
        description="回信地址带加号（service+…@）；服务商不认加号、或只许以登录的地址发信的，"
        "设为 false"
        " / Ways back have a plus (service+…@); false where the provider knows none, or lets one"
        " send by the address of the login only.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if valid_address(self.address) != self.address:
            raise ValueError(
                f"“{self.address}”不是邮箱地址，例如 service@example.com"
                f" / “{self.address}” is not a mail address such as service@example.com"
            )
        return self

    @property
    def name(self) -> str:
        """The account's name."""
        return self.account or self.address


_CA_FILE = (
    "自签证书的根证书（PEM），留空用系统的"
    " / Root certificate (PEM) of a private authority; empty: the system's."
)


class Relay(_Settings):
    """The mail server that takes our answers."""

    host: str = Field(description="发信服务器 / Host name of the server.")
    port: int = Field(587, ge=1, le=65535, description="端口 / Port.")
    username: str = Field("", description="用户名，留空则不登录 / User; empty: no login.")
    password: SecretStr = Field(SecretStr(""), description="密码 / Password.")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls",
        description="加密方式：starttls（必须升级）、tls（直接加密）、none（仅限本机）"
        " / starttls (required), tls (from the start) or none (own host only).",
    )
    ca_file: Path | None = Field(None, description=_CA_FILE)
    timeout_seconds: float = Field(
        60.0, gt=0, description="每一步的等待上限，秒 / Longest wait for one step, in seconds."
    )


class Imap(_Settings):
    """A mailbox elsewhere that is read over IMAP."""

    host: str = Field(description="收信服务器，例如 imap.163.com / Host name of the server.")
    port: int = Field(993, ge=1, le=65535, description="端口 / Port.")
    security: Literal["tls", "starttls", "none"] = Field(
        "tls",
        description="加密方式：tls、starttls 或 none（仅限本机）"
        " / tls, starttls or none (own host only).",
    )
    ca_file: Path | None = Field(None, description=_CA_FILE)
    username: str = Field(description="用户名 / User.")
    password: SecretStr = Field(description="密码或授权码 / Password, or authorisation code.")
    authserv_id: str = Field(
        "",
        description="该邮箱服务商写 Authentication-Results 用的名字，例如 mx.google.com；"
        "留空则发件人都不算已验证 / Name under which this provider writes Authentication-Results;"
        " empty: no sender counts as verified.",
    )
    folder: str = Field("INBOX", description="读取的文件夹 / Folder that is read.")
    account: str = Field(
        "",
        description="归入的账号，须是 mailboxes 之一；留空取第一个"
        " / Account of one of the mailboxes; empty: the first.",
    )
    afterwards: Literal["flag", "move", "leave"] = Field(
        "flag",
        description="存好以后：flag 标为已读，move 移到 move_to，leave 不动"
        " / Once a mail is stored: mark it as read, move it to move_to, or leave it alone.",
    )
    move_to: str = Field("Shouli", description="move 的目标文件夹 / Folder for move.")
    history: bool = Field(
        False,
        description="首次连接时是否读入已有的邮件"
        " / Whether mails that are there at the first connection are read, too.",
    )
    idle: bool = Field(
        True, description="服务器支持时用 IDLE 即时得知新邮件 / IDLE, where the server has it."
    )
    poll_seconds: float = Field(
        20.0, gt=0, description="最长多少秒看一次 / Seconds between two looks, at the most."
    )
    lease_seconds: float = Field(
        15.0,
        ge=1.0,
        description="读它的进程死后，多少秒由别的进程接手"
        " / Seconds after which another process takes over from one that died.",
    )
    timeout_seconds: float = Field(
        60.0, gt=0, description="每一步的等待上限，秒 / Longest wait for one step, in seconds."
    )


class Options(_Settings):
    """Settings of the e-mail channel."""

    host: str = Field("127.0.0.1", description="SMTP 监听地址 / Address SMTP listens on.")
    port: int = Field(
        2525, ge=0, le=65535, description="SMTP 监听端口，0 为任意 / SMTP port; 0: any free one."
    )
    mailboxes: tuple[Mailbox, ...] = Field(
        (Mailbox(address="support@localhost", account="support"),),
        min_length=1,
        description="接收的邮箱地址；其余收件人一律拒收（550）"
        " / Addresses that are accepted; every other recipient is refused (550).",
    )
    domain: str = Field(
        "",
        description="用于问候与 Message-ID 的域名，留空取第一个邮箱的域名"
        " / Name in greetings and Message-IDs; empty: that of the first mailbox.",
    )
    from_name: str = Field("客户服务", description="发件人显示名 / Name that answers come from.")
    max_bytes: int = Field(
        25 * 1024 * 1024,
        ge=1_024,
        le=64 * 1024 * 1024,
        description="单封邮件上限，字节（超出 552） / Largest mail in bytes (beyond: 552).",
    )
    max_recipients: int = Field(
        100, ge=1, description="单封邮件收件人上限 / Most recipients of one mail."
    )
    max_connections: int = Field(
        500, ge=1, description="同时连接上限 / Most connections at one time."
    )
    max_connections_per_peer: int = Field(
        100, ge=1, description="同一来源的连接上限 / Most connections from one host."
    )
    messages_per_minute: int = Field(
        0,
        ge=0,
        description="互联网上同一来源每分钟最多几封，多的答 450 请它再来，0 为不限；"
        "内网、verifying_peers、unlimited_peers 不受限"
        " / Mails a minute from one host on the Internet, beyond them 450 (come again); 0: no"
        " limit. Private networks, verifying_peers and unlimited_peers have none.",
    )
    message_burst: int = Field(
        100, ge=1, description="其中可连发的封数 / Of these so many at once."
    )
    unlimited_peers: tuple[Network, ...] = Field(
        (),
        description="不受 messages_per_minute 限制的网段，例如公网上自己的前置邮件服务器"
        " / Networks without that limit, such as our own mail servers at public addresses.",
    )
    idle_seconds: float = Field(
        60.0, gt=0, description="无数据时断开前的秒数 / Seconds of silence before closing."
    )
    absolute_seconds: float = Field(
        600.0,
        gt=0,
        description="收完一封邮件的最长秒数 / Seconds in which one mail must be complete.",
    )
    certificate: Path | None = Field(
        None,
        description="证书文件（PEM），设置后启用 STARTTLS"
        " / Certificate chain (PEM); enables STARTTLS.",
    )
    key: Path | None = Field(None, description="证书私钥文件 / The certificate's private key.")
    verifying_peers: tuple[Network, ...] = Field(
        (),
        description="自行校验发件域（DMARC）的前置邮件服务器网段；来自它们的发件人视为已验证"
        " / Networks of our own mail servers that check DMARC before they hand mail on; senders"
        " of mail from them count as verified.",
    )
    authserv_id: str = Field(
        "",
        description="前置服务器写 Authentication-Results 用的名字；设置后只按它的 dmarc 结论判断，"
        "其余同名头一律不看 / Name under which those servers write Authentication-Results: then"
        " only their dmarc verdict counts, and no other such header is looked at.",
    )
    verify_senders: bool = Field(
        True,
        description="直接从互联网来的邮件，自己核验 SPF、DKIM、DMARC（查 DNS）；内网来的不查"
        " / Check SPF, DKIM and DMARC ourselves (by DNS) of mail that comes straight from the"
        " Internet; private networks are not asked about.",
    )
    verify_seconds: float = Field(
        8.0,
        gt=0,
        le=60,
        description="核验一封邮件最多等 DNS 几秒；超时按未验证收下"
        " / Longest wait for DNS about one mail, in seconds; then it is taken as unproven.",
    )
    nameservers: tuple[IPv4Address | IPv6Address, ...] = Field(
        (),
        description="核验时询问的 DNS 服务器，留空用系统的"
        " / DNS servers that are asked for it; empty: the system's.",
    )
    lmtp: bool = Field(
        False,
        description="在此端口说 LMTP 而不是 SMTP（供前置的 MTA 投递）"
        " / Speak LMTP instead of SMTP on this port, for an MTA before us.",
    )
    imap: tuple[Imap, ...] = Field(
        (),
        description="用 IMAP 读取的邮箱，供没有 MX 的用户"
        " / Mailboxes that are read over IMAP, for those without an MX.",
    )
    relay: Relay | None = Field(
        None,
        description="发信服务器；未设置时回复会等待 / Server for answers; without it they wait.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError(
                "certificate 与 key 须同时设置 / Set certificate and key together, or neither"
            )
        addresses = [mailbox.address for mailbox in self.mailboxes]
        if len(set(addresses)) < len(addresses):
            raise ValueError("mailboxes 中有重复地址 / An address occurs twice in mailboxes")
        accounts = {mailbox.name for mailbox in self.mailboxes}
        if unknown := {box.account for box in self.imap if box.account} - accounts:
            name = sorted(unknown)[0]
            raise ValueError(
                f"imap 的账号“{name}”不在 mailboxes 中"
                f" / The account “{name}” of imap is none of the mailboxes'"
            )
        return self

    @property
    def door(self) -> tuple[str, int]:
        """Where it listens by itself, so that nobody else is given the same port."""
        return self.host, self.port

    @property
    def own_domain(self) -> str:
        return self.domain or self.mailboxes[0].address.rpartition("@")[2]

    @property
    def own_addresses(self) -> frozenset[str]:
        """All that is ours, in lower case: also by which name mailboxes elsewhere are read."""
        named = {mailbox.address for mailbox in self.mailboxes}
        return frozenset(
            named | {box.username.lower() for box in self.imap if "@" in box.username}
        )

    def unproven(self, peer: str) -> bool:
        """Whether nobody but us can say who sends what comes from this address."""
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        return address.is_global and not any(address in net for net in self.verifying_peers)

    def limited(self, peer: str) -> bool:
        """Whether the mails of this address count: it is none of our own servers'."""
        if not self.messages_per_minute or not self.unproven(peer):
            return False
        return not any(ip_address(peer) in net for net in self.unlimited_peers)

    def mailbox_of(self, account: str) -> Mailbox | None:
        """The address that answers of an account come from: its first."""
        return next((mailbox for mailbox in self.mailboxes if mailbox.name == account), None)
