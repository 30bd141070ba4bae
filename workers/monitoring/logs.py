"""Logs: one event a line, without message bodies, addresses or secrets.

Two nets, because people forget: keys that name something private are dropped wherever they
stand, and what looks like an address, a phone number or a credential is masked in every text,
exceptions and other libraries' lines included.
"""

import logging
import os
import re
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from workers.monitoring.control_signs import WRITTEN_OUT

PRIVATE_KEYS = frozenset(
    {
        "address", "addresses", "args", "attachments", "authorization", "body", "content",
        "cookie", "cookies", "credentials", "customer_name", "email", "headers", "html",
        "input", "mail_from", "master_key", "password", "path_qs", "payload", "phone",
        "query_string", "raw", "rcpt_tos", "recipient", "recipients", "secret", "sender",
        "session", "signature", "subject", "text", "text_full", "token", "url",
    }
)  # fmt: skip

_MASKS = (
    # A URL's user and password, before the address pattern sees “password@host”.
    (re.compile(r"(?<=://)[^/\s@]+(?=@)"), "***"),
    # Behind the look-behind no longer run of letters is tried from each of them.
    (re.compile(r"(?<![\w.+%-])[\w.+%-]+@[\w-]+(?:\.[\w-]+)+"), "***@***"),
    # Mobile numbers of mainland China; ticket numbers are longer runs of digits.
    (re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)"), "***"),
    # Telegram puts the token of a bot into its addresses; Slack's begin with xox or xapp.
    (re.compile(r"\d{6,12}:[\w-]{30,}"), "***"),
    (re.compile(r"\bx(?:ox[a-z]|app)-[\w-]+"), "***"),
    # WeChat wants its token and what proves a request in the address.
    (re.compile(r"\b((?:access_token|(?:msg_)?signature)=)[\w.~+/%-]+"), r"\1***"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+"), r"\1 ***"),
    # What SQLAlchemy and pydantic quote of the values they were given.
    (re.compile(r"\[parameters: .*", re.DOTALL), "[parameters: ***]"),
    (re.compile(r"input_value=.*?(?=, input_type=|$)", re.DOTALL), "input_value=***"),
)

_SPARING_SECONDS = 60.0

REPEATED = (
    # Redis is away: each of six consumers says so every few seconds.
    ("dramatiq.worker.ConsumerThread", "connection error"),
    # No file descriptor is left: asyncio says so a thousand times a second, with tracebacks, and
    # strangers who open connections could fill the disk.
    ("asyncio", "out of system resource"),
    # The database is away or the disk is full: our own say so each time they look again, some of
    # them every second. Each of these is heard, so that nobody hides behind another.
    ("workers.assembly.wiring", "waiting for the database"),
    ("workers.effects.clock", "tick failed"),
    ("workers.roles.work", "put off"),
    ("workers.roles.work", "webhooks failed"),
    ("workers.roles.work", "sweep failed"),
    ("workers.effects.webhooks", "webhook put off"),
    ("workers.messages.fetching", "file not fetched"),
    ("workers.messages.intake", "not accepted"),
    ("desk.push", "the desk's line waits"),
    ("desk.push", "the desk's line stumbled"),
    ("channels.webchat.hub", "webchat.tail_failed"),
    ("channels.webchat.hub", "webchat.page_failed"),
    ("channels.webchat.http", "webchat.file_not_taken"),
    ("channels.email.imap", "is read later"),
    # Anybody on the Internet can be refused, as often as they like.
    ("desk.proving", "wrong login"),
    ("channels.dingtalk.door", "dingtalk message refused"),
    ("channels.dingtalk.stream", "dingtalk message not stored"),
    ("channels.feishu.events", "feishu event refused"),
    ("channels.slack.sockets", "slack event not stored"),
    ("channels.telegram.polling", "telegram polling broke"),
)
"""Where a logger's name begins so, and its text has that."""

QUIET = (
    "aiohttp.access", "aiosqlite", "alembic", "asyncio", "dramatiq", "httpcore", "httpx",
    "jieba", "mail", "slack_bolt", "slack_sdk", "sqlalchemy", "telegram",
)  # fmt: skip
"""Libraries that are heard from warnings up: at info httpx prints the bot's token with each
address, and aiosmtpd (“mail.log”) each envelope.
"""


def masked_text(text: str) -> str:
    """``text`` without what looks like an address, a phone number or a credential."""
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    return text


def drop_private(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A structlog processor: private keys go, texts are masked, at any depth."""
    return {key: _clean(value) for key, value in event.items() if key not in PRIVATE_KEYS}


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return masked_text(value).translate(WRITTEN_OUT)
    if isinstance(value, Mapping):
        return {key: _clean(inner) for key, inner in value.items() if key not in PRIVATE_KEYS}
    if isinstance(value, list | tuple):
        return [_clean(inner) for inner in value]
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    return value


def _coloured(stream: TextIO) -> bool:
    plain = os.environ.get("TERM") == "dumb" or os.environ.get("NO_COLOR")
    return stream.isatty() and not plain


def configure(level: str, form: str, role: str, stream: TextIO = sys.stderr) -> None:
    """Sends structlog's and everybody else's records to ``stream``.

    ``form`` is “json” (a line each), “console” (for people) or “auto”: console on a terminal.
    ``role`` is the process: run, intake, work, desk, clock.
    """
    console = form == "console" or (form == "auto" and stream.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if console else "iso", utc=not console),
        _with_role(role),
    ]
    # Tracebacks become text before they are masked, and never show local variables.
    last: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        drop_private,
    ]
    if console:
        last += [
            _briefly,
            structlog.dev.ConsoleRenderer(0, colors=_coloured(stream), pad_level=False),
        ]
    else:
        last.append(structlog.processors.JSONRenderer(ensure_ascii=False, default=_shown))
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()], processors=last
        )
    )
    handler.addFilter(_Sparing())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
    logging.getLogger("aiohttp.server").addFilter(_is_ours)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


class _Sparing(logging.Filter):
    """Of what is said again and again while something lasts, one a minute is heard."""

    def __init__(self) -> None:
        super().__init__()
        self._next: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        for repeated in REPEATED:
            name, phrase = repeated
            if record.name.startswith(name) and phrase in text:
                if record.created < self._next.get(repeated, 0.0):
                    return False
                self._next[repeated] = record.created + _SPARING_SECONDS
        return True


_STRANGERS = frozenset({"aiohttp.http_exceptions", "aiohttp.web_protocol"})
"""Where exceptions are made of what was sent: no HTTP, or a body that is not what its headers say
and that no handler has read.
"""


def _is_ours(record: logging.LogRecord) -> bool:
    """False for requests that are garbled.

    aiohttp tells of each as of an error, with its traceback: strangers could fill the disk.
    """
    error = record.exc_info[1] if record.exc_info else None
    return type(error).__module__ not in _STRANGERS


def _with_role(role: str) -> Processor:
    def add(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["role"] = role
        return event

    return add


def _briefly(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """For a terminal: where it stands in the code matters once something is wrong."""
    if event.get("level") in ("debug", "info"):
        event.pop("logger", None)
    return event


def _shown(value: object) -> str:
    return masked_text(str(value))
