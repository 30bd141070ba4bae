"""Answers by mail: how they are written, and what became of sending one."""

import html
import re
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, Policy
from typing import TYPE_CHECKING, NamedTuple

from channels.email.guard import LOOP_HEADER
from channels.email.headers import clean_line, clean_text, valid_address
from channels.email.options import Mailbox, Options, Relay
from channels.email.thread import Threads, plain_mailbox
from models.errors import Permanent
from models.masking import masked
from models.message import Attachment, OutboundMessage, SendResult

if TYPE_CHECKING:
    import aiosmtplib

RETRY_SECONDS = 300.0
"""Before another attempt after a temporary refusal; RFC 5321 §4.5.4.1 asks for 30 minutes of
a mail exchanger, a relay of one's own may be asked sooner. Each pause is twice the one before."""

LONGEST_RETRY_SECONDS = 7200.0
"""With the attempts that an answer has, a relay may be away for more than a day."""

_REPLY = re.compile(r"(?:re|回复|答复|回覆|答覆|aw|sv)\s?[:：]", re.IGNORECASE)
_MESSAGE_ID = re.compile(r"(?!.*=\?)[!-;=?-~]{1,250}")
_MOST_REFERENCES = 20
_EMPTY_LINES = re.compile(r"\n[ \t]*\n")
_LINK = re.compile(r"https?://[A-Za-z0-9._~:/?#@!$&*+,;=%-]{1,500}[A-Za-z0-9/#=&_-]")
_MIME = re.compile(r"[a-z0-9][a-z0-9.+-]{0,62}/[a-z0-9][a-z0-9.+-]{0,62}")


class _Identifiers(UnstructuredHeader, BaseHeader):
    """In-Reply-To and References, folded between identifiers and nowhere else.

    The library puts one that is longer than its line into encoded words, which RFC 2047 §5
    allows in no such field: the customer's program finds no thread in them.
    """

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {str(self).replace(' ', policy.linesep + ' ')}{policy.linesep}"


_REGISTRY = HeaderRegistry()
for _name in ("in-reply-to", "references"):
    _REGISTRY.map_to_type(_name, _Identifiers)
_POLICY = SMTP.clone(header_factory=_REGISTRY)

NO_RELAY = (
    "未配置发信服务器，邮件答复会保留并等待：请设置 channels.email.relay 的 host"
    " / No mail relay is configured, answers by mail wait: set host under channels.email.relay"
)

NO_SMTPUTF8 = (
    "对方邮箱名含非 ASCII 字符，我们的发信服务器不支持 SMTPUTF8，无法送达；请用别的方式联系"
    " / The recipient's name is not ASCII and our mail relay lacks SMTPUTF8, so no answer can be"
    " delivered; use another way"
)

UNTRUSTED = (
    "发信服务器的证书不受信任（{why}）：自签的，在 channels.email.relay 里写 ca_file"
    " / The mail relay's certificate is not trusted ({why}): that of a private authority needs"
    " ca_file under channels.email.relay"
)

LOGIN_REFUSED = (
    "发信服务器拒绝登录（{why}）：检查 channels.email.relay 的 username 和 password"
    "（很多邮箱要填授权码）"
    " / The mail relay refused our login ({why}): check username and password under"
    " channels.email.relay (many providers want an authorisation code)"
)

SILENT = (
    "发信服务器连不上，或没有应答（{why}）"
    " / The mail relay is out of reach, or gives no answer ({why})"
)

UNREADABLE = (
    "channels.email.relay 的 ca_file（{file}）读不出：{why}"
    " / ca_file of channels.email.relay ({file}) cannot be read: {why}"
)

INTERNATIONAL = (
    "对方邮箱名含非 ASCII 字符：只有发信服务器支持 SMTPUTF8 才送得到，不支持时答复会标为发送失败"
    " / The recipient's name is not ASCII: an answer arrives only if the mail relay knows"
    " SMTPUTF8, else it is marked as failed"
)

NOT_IN_COPY = "客户的已发出，抄送未发到：{who} / Sent to the customer, but not in copy to: {who}"
BAD_ADDRESS = "地址无效 bad address"

_GOING_AWAY = 421
"""RFC 5321 §3.8: said of any command, by a relay that closes."""

_LOGIN_WANTED = 530
"""RFC 4954 §6: said of any command, by a relay that wants to know who we are."""

_LOGIN_FAILED = frozenset({534, 535})
"""RFC 4954 §6: the credentials are wrong, or not enough."""

_SMTPUTF8 = ("SMTPUTF8", "BODY=8BITMIME")
"""RFC 6531 §3.4; who offers the first must offer the second."""


class Letter(NamedTuple):
    """A mail ready to be sent: the envelope's addresses, and what is in it.

    ``cc`` may go without: to what is no address at all nothing is sent, and it is in ``refused``.
    """

    sender: str
    recipient: str
    message_id: str
    mail: EmailMessage
    cc: Sequence[str] = ()
    refused: Sequence[str] = ()

    @property
    def content(self) -> bytes:
        """To all of them."""
        return self.told_to(self.cc)

    def told_to(self, cc: Sequence[str]) -> bytes:
        """The bytes, in which these are named in copy, and no others."""
        del self.mail["Cc"]
        if cc:
            self.mail["Cc"] = _named(cc)
        international = not "".join([self.recipient, *cc]).isascii()
        return self.mail.as_bytes(policy=_POLICY.clone(utf8=international))


def write(outbound: OutboundMessage, options: Options, threads: Threads) -> Letter:
    """The answer as a mail. The same answer always gives the same Message-ID.

    Raises:
        Permanent: it cannot be addressed.
    """
    mailbox = options.mailbox_of(outbound.account)
    if mailbox is None:
        raise Permanent(
            f"账号“{outbound.account}”没有邮箱地址，请在 channels.email.mailboxes 中加回"
            f" / Account “{outbound.account}” has no mailbox; add it to channels.email.mailboxes",
            code="mail_no_account",
        )
    recipient = _recipient(outbound.route.address)
    letter = _letter(outbound, options, threads, mailbox, recipient)
    return _with_copies(letter, outbound.cc, options)


def _with_copies(letter: Letter, wanted: Sequence[str], options: Options) -> Letter:
    """To others as well, each once; not to us, should an address have become ours since."""
    there = {letter.recipient.lower(), *options.own_addresses}
    cc, refused = [], []
    for address in wanted:
        try:
            recipient = _recipient(address)
        except Permanent:
            refused.append(f"{masked(address)}（{BAD_ADDRESS}）")
            continue
        if not {recipient.lower(), plain_mailbox(recipient)} & there:
            there.add(recipient.lower())
            cc.append(recipient)
    return letter._replace(cc=cc, refused=refused)


def _recipient(address: str) -> str:
    """The address as it stands in To and in the envelope.

    Some providers have given out names with two full stops together, or one at the end; they
    are sent to in quotes (RFC 5321 §4.1.2), and come in without.

    Raises:
        Permanent: no mail can be sent to it.
    """
    local, _, domain = valid_address(address).rpartition("@")
    if local and "=?" not in local:  # the library would decode it, line ends and all
        spelled = f'"{local}"' if ".." in f".{local}." else local
        try:
            # A name of a host has an ASCII form that every relay knows (RFC 5890).
            host = domain.encode("idna").decode()
            Address(addr_spec=f"{spelled if local.isascii() else 'x'}@{host}")
            return f"{spelled}@{host}"
        except Exception:  # noqa: BLE001, S110 - MessageError, IndexError, AttributeError, …
            pass  # “a@b..c”, an encoded word, “a@[”: the library's parser has many ways to say so
    raise Permanent(
        "收件地址无效，无法发送；请向客户确认地址"
        " / The recipient's address is not valid; ask the customer for another",
        code="mail_bad_recipient",
    )


def _letter(
    outbound: OutboundMessage,
    options: Options,
    threads: Threads,
    mailbox: Mailbox,
    recipient: str,
) -> Letter:
    message_id = threads.message_id(outbound, options.own_domain)
    reply_to = mailbox.address
    if mailbox.plus:
        reply_to = threads.reply_address(mailbox.address, outbound.conversation_key)
    mail = EmailMessage(policy=_POLICY.clone(utf8=True))
    mail["From"] = Address(clean_line(options.from_name, 100), addr_spec=mailbox.address)
    mail["To"] = _named([recipient])
    mail["Subject"] = reply_subject(outbound.subject)
    mail["Date"] = datetime.fromtimestamp(outbound.created_at, UTC)
    mail["Message-ID"] = f"<{message_id}>"
    if reply_to != mailbox.address:
        mail["Reply-To"] = Address(addr_spec=reply_to)
    _refer(mail, outbound)
    if outbound.automatic:
        # RFC 3834 §5: said to be automatic, and from nobody who could be answered.
        mail["Auto-Submitted"] = "auto-replied"
        mail["X-Auto-Response-Suppress"] = "All"
        mail[LOOP_HEADER] = threads.loop_mark()
    text = clean_text(outbound.text if outbound.automatic else _signed(outbound.text, mailbox))
    mail.set_content(text, charset="utf-8", cte="base64")
    mail.add_alternative(as_html(text), subtype="html", charset="utf-8", cte="base64")
    for file in outbound.attachments:
        _attach(mail, file, outbound.files.get(file.sha256 or "", b""))
    # A bounce of an agent's answer comes back into its conversation by the signed address. Who
    # may send by one address only may not send from nobody either.
    sender = "" if outbound.automatic and mailbox.plus else reply_to
    return Letter(sender, recipient, message_id, mail)


def _named(recipients: Sequence[str]) -> str | list[Address]:
    """What the library writes as it stands: of a string it reads only ASCII."""
    together = ", ".join(recipients)
    return (
        together
        if together.isascii()
        else [Address("", *one.rsplit("@", 1)) for one in recipients]
    )


def _signed(text: str, mailbox: Mailbox) -> str:
    return "\n\n".join(filter(None, (text.rstrip(), mailbox.signature.strip())))


def as_html(text: str) -> str:
    """The text as HTML that looks the same everywhere: paragraphs, and links that work."""
    paragraphs = [part.strip("\n") for part in _EMPTY_LINES.split(text) if part.strip()]
    body = "".join(f"<p>{_linked(part)}</p>" for part in paragraphs)
    return f'<!doctype html><html><head><meta charset="utf-8"></head><body>{body}</body></html>\n'


def _linked(text: str) -> str:
    pieces: list[str] = []
    position = 0
    for link in _LINK.finditer(text):
        shown = html.escape(link[0])
        pieces += [html.escape(text[position : link.start()]), f'<a href="{shown}">{shown}</a>']
        position = link.end()
    pieces.append(html.escape(text[position:]))
    return "".join(pieces).replace("\n", "<br>\n")


def _attach(mail: EmailMessage, file: Attachment, content: bytes) -> None:
    # A mail inside may not be in base64 (RFC 2046 §5.2.1), and what we send is.
    safe = not file.mime.startswith(("message/", "multipart/")) and _MIME.fullmatch(file.mime)
    main, _, sub = (file.mime if safe else "application/octet-stream").partition("/")
    name = _literal(file.name, 200) or "file"
    mail.add_attachment(content, maintype=main, subtype=sub, filename=name)


def _literal(text: str, limit: int) -> str:
    """Somebody else's words on one line, of which the library reads nothing as encoded.

    It decodes what looks like an encoded word (RFC 2047) in the values that it is given, and
    writes the line ends that come out: a customer's subject, encoded twice, was header and body
    of our answer.
    """
    return clean_line(text, limit).replace("=?", "= ?")


def reply_subject(subject: str) -> str:
    """“Re: …”, once; an answer to a mail without a subject says what it is."""
    subject = _literal(subject, 400)
    if not subject:
        return "Re: 您的来信 / Your message"
    return subject if _REPLY.match(subject) else f"Re: {subject}"


def _refer(mail: EmailMessage, outbound: OutboundMessage) -> None:
    """In-Reply-To and References (RFC 5322 §3.6.4), of identifiers that are well-formed."""
    known = [identifier for item in outbound.references if (identifier := _identifier(item))]
    parent = _identifier(outbound.in_reply_to or "")
    if parent:
        mail["In-Reply-To"] = f"<{parent}>"
        known = [identifier for identifier in known if identifier != parent] + [parent]
    if known:
        mail["References"] = " ".join(f"<{item}>" for item in known[-_MOST_REFERENCES:])


def _identifier(text: str) -> str:
    """A Message-ID without brackets; our external ids carry a hash behind “#”."""
    bare = text.strip().strip("<>").rpartition("#")
    candidate = bare[0] if bare[1] and re.fullmatch(r"[0-9a-f]{32}", bare[2]) else "".join(bare)
    return candidate if _MESSAGE_ID.fullmatch(candidate) else ""


async def send(letter: Letter, relay: Relay, own_domain: str, attempt: int) -> SendResult:
    """The ``attempt``-th to hand a mail to the relay. Raises nothing that a relay can cause."""
    pause = min(RETRY_SECONDS * 2.0 ** (attempt - 1), LONGEST_RETRY_SECONDS)
    try:
        trusted = ssl.create_default_context(cafile=relay.ca_file) if relay.ca_file else None
    except OSError as error:
        why = UNREADABLE.format(file=relay.ca_file, why=error.strerror)
        return SendResult("retry", None, why, pause)
    # Only processes that send need the client.
    import aiosmtplib

    client = aiosmtplib.SMTP(
        hostname=relay.host,
        port=relay.port,
        username=relay.username or None,
        password=relay.password.get_secret_value() or None,
        local_hostname=own_domain,
        timeout=relay.timeout_seconds,
        use_tls=relay.security == "tls",
        start_tls=relay.security == "starttls",
        tls_context=trusted,
    )
    step = "connect"
    try:
        await client.connect()
        letter = await _fitting(client, letter)
        if not letter.recipient.isascii() and not client.supports_extension("smtputf8"):
            return SendResult("failed", None, NO_SMTPUTF8)
        step = "address"
        international = not "".join([letter.recipient, *letter.cc]).isascii()
        await client.mail(letter.sender, options=_SMTPUTF8 if international else None)
        await client.rcpt(letter.recipient, encoding="utf-8")
        cc, refused = await _offer(client, letter)
        step = "data"
        await client.data(letter.told_to(cc))
    except aiosmtplib.SMTPResponseException as refusal:
        return _refused(step, refusal.code, refusal.message, pause)
    except (aiosmtplib.SMTPException, OSError) as error:
        sentence = _reason(error)
        if step == "data":
            # Lost between DATA and its reply: the relay may have taken it.
            return SendResult("unknown", letter.message_id, sentence)
        return SendResult("retry", None, sentence, pause)
    finally:
        client.close()
    return SendResult("sent", letter.message_id, _not_to(refused))


async def _fitting(client: "aiosmtplib.SMTP", letter: Letter) -> Letter:
    """Without those in copy whom this relay cannot be told of."""
    abroad = [one for one in letter.cc if not one.isascii()]
    if not abroad and letter.recipient.isascii():
        return letter
    await client.ehlo()
    if client.supports_extension("smtputf8"):
        return letter
    without = [f"{masked(one)}（SMTPUTF8）" for one in abroad]
    kept = [one for one in letter.cc if one.isascii()]
    return letter._replace(cc=kept, refused=[*letter.refused, *without])


async def _offer(client: "aiosmtplib.SMTP", letter: Letter) -> tuple[list[str], list[str]]:
    """Names those in copy to a relay that has taken the customer: who is taken, who is refused.

    What is refused of them for now is refused: the customer does not wait for it, and a second
    mail later would come twice to all the others.

    Raises:
        SMTPResponseException: the relay gives up the whole mail (421), of which nothing went out.
    """
    import aiosmtplib

    taken, refused = [], [*letter.refused]
    for address in letter.cc:
        try:
            await client.rcpt(address, encoding="utf-8")
        except aiosmtplib.SMTPRecipientRefused as refusal:
            if refusal.code == _GOING_AWAY:
                raise
            said = clean_line(f"{refusal.code} {refusal.message}", 100)
            said = re.sub(re.escape(address), masked(address), said, flags=re.IGNORECASE)
            refused.append(f"{masked(address)}（{said}）")
        else:
            taken.append(address)
    return taken, refused


def _not_to(refused: Sequence[str]) -> str:
    if not refused:
        return ""
    told = "、".join(refused)[:200]
    return NOT_IN_COPY.format(who=told)


def _reason(error: Exception) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return UNTRUSTED.format(why=cause.verify_message)
        cause = cause.__cause__
    return SILENT.format(why=clean_line(str(error), 300) or type(error).__name__)


def _refused(step: str, code: int, message: str, pause: float) -> SendResult:
    """What a reply of the relay means: 5xx is for good, unless it is about our own login."""
    sentence = clean_line(f"{code} {message}", 300)
    if step == "connect" and code in _LOGIN_FAILED:
        return SendResult("retry", None, LOGIN_REFUSED.format(why=sentence), pause)
    if step != "connect" and 500 <= code < 600 and code != _LOGIN_WANTED:
        return SendResult("failed", None, sentence)
    return SendResult("retry", None, sentence, pause)
