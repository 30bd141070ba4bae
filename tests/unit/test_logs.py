"""Logs say what happened and never who or what was written."""

import importlib.util
import io
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp.http_exceptions import BadHttpMessage
from aiohttp.web import RequestPayloadError

from workers.monitoring.logs import QUIET, REPEATED, configure, masked_text


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in QUIET}
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    structlog.reset_defaults()


def _lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_line_of_json_with_its_role(stream: io.StringIO) -> None:
    configure("info", "auto", "work", stream)
    structlog.get_logger("workers.messages.pipeline").info("drained", envelopes=3, 渠道="邮件")
    (line,) = _lines(stream)
    assert line["event"] == "drained"
    assert (line["envelopes"], line["role"], line["level"]) == (3, "work", "info")
    assert line["logger"] == "workers.messages.pipeline"
    assert "邮件" in stream.getvalue()
    assert line["timestamp"].endswith("Z")


def test_private_keys_are_dropped_at_any_depth(stream: io.StringIO) -> None:
    configure("info", "json", "intake", stream)
    structlog.get_logger().warning(
        "seen", body=b"x", token="t0k", size=1, message={"text": "私", "id": 7}, raw=b"abc"
    )
    (line,) = _lines(stream)
    assert line["message"] == {"id": 7}
    assert {"body", "token", "raw"}.isdisjoint(line)
    assert line["size"] == 1


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("from 王.li+x@例子.cn refused", "from ***@*** refused"),
        ("postgresql+asyncpg://u:p%40w@db/x", "postgresql+asyncpg://***@db/x"),
        ("call 13812345678 now", "call *** now"),
        ("ticket 20261122000015 kept", "ticket 20261122000015 kept"),
        ("POST https://api.telegram.org/bot123456789:AAE" + "x" * 32, "https://api.telegram.org"),
        ("xoxb-1-abc and xapp-1-def", "*** and ***"),
        (
            "GET /cgi-bin/media/get?access_token=87_abc-abc&media_id=m",
            "GET /cgi-bin/media/get?access_token=***&media_id=m",
        ),
        (
            "/wechat/callback?signature=abc1&nonce=1&msg_signature=abc2",
            "/wechat/callback?signature=***&nonce=1&msg_signature=***",
        ),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("INSERT …\n[parameters: ('秘密', 1)]\n(Background …)", "INSERT …\n[parameters: ***]"),
        ("x [type=int, input_value='秘密', input_type=str]", "input_value=***, input_type=str]"),
    ],
)
def test_what_looks_private_is_masked(written: str, kept: str) -> None:
    shown = masked_text(written)
    assert kept in shown
    assert not any(secret in shown for secret in ("秘密", "AAE", "p%40w", "abc"))


def test_exceptions_are_masked_and_show_no_locals(stream: io.StringIO) -> None:
    configure("info", "json", "work", stream)
    local = "局部" * 2
    try:
        raise ValueError("bad sender a@b.cn")
    except ValueError:
        structlog.get_logger().exception("failed")
    assert "ValueError: bad sender ***@***" in _lines(stream)[0]["exception"]
    assert local not in stream.getvalue()


def test_other_libraries_go_the_same_way_and_chatty_ones_are_quiet(stream: io.StringIO) -> None:
    configure("debug", "json", "intake", stream)
    for name in ("httpx", "telegram.ext.Application", "mail.log", "dramatiq.worker"):
        logging.getLogger(name).info("chatter")
    logging.getLogger("aiohttp.server").warning("peer %s", "x@y.cn", extra={"cookie": "c"})
    (line,) = _lines(stream)
    assert line["event"] == "peer ***@***"
    assert line["logger"] == "aiohttp.server"
    assert "cookie" not in line


def test_strangers_who_speak_no_http_fill_no_log(stream: io.StringIO) -> None:
    configure("info", "json", "intake", stream)
    server = logging.getLogger("aiohttp.server")
    server.error("Error handling request", exc_info=BadHttpMessage("no HTTP"))
    server.error("Unhandled exception", exc_info=RequestPayloadError("no gzip"))
    server.error("Unhandled exception", exc_info=ValueError("ours"))
    (line,) = _lines(stream)
    assert line["event"] == "Unhandled exception"


def test_the_console_form_is_for_people(stream: io.StringIO) -> None:
    configure("info", "console", "run", stream)
    structlog.get_logger().info("started", path=Path("x"), email="a@b.cn")
    assert "started" in stream.getvalue()
    assert not stream.getvalue().startswith("{")
    assert "a@b.cn" not in stream.getvalue()


@pytest.mark.parametrize(
    ("environ", "coloured"),
    [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({"NO_COLOR": "1"}, False)],
)
def test_a_terminal_that_knows_no_colours_gets_none(
    stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], coloured: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(stream, "isatty", lambda: True)
    configure("info", "auto", "run", stream)
    structlog.get_logger().info("started")
    assert ("\x1b[" in stream.getvalue()) is coloured


def test_a_line_on_a_terminal_is_short_and_says_where_only_when_something_is_wrong(
    stream: io.StringIO,
) -> None:
    """A first start writes some twenty of them, between the passwords and the addresses."""
    configure("info", "console", "run", stream)
    logger = structlog.get_logger("workers.processes.supervisor")
    logger.info("process started", pid=19027, process="intake")
    logger.warning("process died", pid=19027, process="intake")
    started, died = stream.getvalue().splitlines()
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d \[info\] process started pid=19027 process=intake role=run", started
    )
    assert "[workers.processes.supervisor]" in died


def test_what_a_stranger_says_does_not_drive_the_terminal_of_who_reads(
    stream: io.StringIO,
) -> None:
    configure("info", "console", "intake", stream)
    said = "x\x1b]0;title\x07\x9b2J\r"
    structlog.get_logger("own").warning(said, reason=said, more=[said])
    logging.getLogger("theirs").warning("refused: %s", said)
    told = stream.getvalue()
    assert "\\x1b]0;title\\x07" in told
    assert all(sign == "\n" or sign.isprintable() for sign in told)


def test_below_the_level_nothing_is_written(stream: io.StringIO) -> None:
    configure("error", "json", "run", stream)
    structlog.get_logger().warning("quiet")
    logging.getLogger("httpx").warning("quiet")
    assert stream.getvalue() == ""


def test_of_a_redis_that_is_away_one_line_a_minute_is_heard(stream: io.StringIO) -> None:
    configure("info", "json", "work", stream)
    started = 1_800_000_000.0
    for second in (0, 3, 59, 60, 61):
        for queue in ("deliver", "fetch"):
            name = f"dramatiq.worker.ConsumerThread({queue})"
            record = logging.LogRecord(
                name, logging.CRITICAL, __file__, 1,
                "Consumer encountered a connection error: %s", ("refused",), None,
            )  # fmt: skip
            record.created = started + second
            logging.getLogger(name).handle(record)
    logging.getLogger("dramatiq.worker.ConsumerThread(fetch)").critical("something else")
    told = [json.loads(line)["event"] for line in stream.getvalue().splitlines()]
    assert [line.partition(":")[0] for line in told] == [
        "Consumer encountered a connection error",
        "Consumer encountered a connection error",
        "something else",
    ]


OURS = [one for one in REPEATED if one[0].partition(".")[0] in {"workers", "desk", "channels"}]
_SAID = re.compile(r"_log\.(?:warning|error|exception)\(\s*\"([^\"]+)\"")


@pytest.mark.parametrize(("name", "phrase"), OURS)
def test_what_our_own_say_while_the_database_is_away_is_heard_once_a_minute(
    stream: io.StringIO, name: str, phrase: str
) -> None:
    configure("info", "json", "clock", stream)
    said = _sentence(name, phrase)
    log = structlog.stdlib.get_logger(name)
    for _ in range(60):
        log.warning(said, error="database or disk is full")
    log.warning("something else", error="x")
    told = [json.loads(line)["event"] for line in stream.getvalue().splitlines()]
    assert told == [said, "something else"]


def _sentence(name: str, phrase: str) -> str:
    """What the module of this logger says with ``phrase`` in it: it must be there."""
    spec = importlib.util.find_spec(name)  # not imported: some load a platform's whole library
    assert spec is not None
    text = Path(str(spec.origin)).read_text("utf-8")
    (said,) = {found for found in _SAID.findall(text) if phrase in found}
    return str(said)


def test_connections_beyond_the_limit_of_files_do_not_fill_the_disk(stream: io.StringIO) -> None:
    configure("info", "json", "intake", stream)
    for _ in range(1000):
        logging.getLogger("asyncio").error("socket.accept() out of system resource\nsocket: x")
    logging.getLogger("asyncio").error("something else")
    assert len(stream.getvalue().splitlines()) == 2
