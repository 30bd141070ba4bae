"""What strangers write takes time in proportion to its length, however it is made up.

A ratio of two times on one processor, which no machine's speed decides.
"""

import gc
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from time import process_time
from zoneinfo import ZoneInfo

import pytest

from channels.email import lost, markup
from channels.email.body import Body
from channels.email.charset import decode
from channels.email.cleaning import visible, without_idle_tags
from channels.email.parts import Budget, parse
from channels.email.quote import split
from channels.email.uuencode import unpacked
from classifier.courtesy import is_courtesy
from classifier.faces import with_emoji
from classifier.manners import without_manners
from classifier.pleasantries import without_pleasantries
from classifier.progress import progress_question
from classifier.spans import spans
from classifier.stop_phrases import without_stop_phrases
from classifier.text import normalize
from router.sla import Calendar
from workers.monitoring.logs import masked_text

TIMES = 8
"""How much longer the longer text is."""

LINEAR = 3 * TIMES
"""What takes linear time stays below: it grows by ``TIMES``, what is quadratic by its square."""

_RUNS = 3


def growth(work: Callable[[int], object], size: int) -> float:
    """How many times as much of the processor ``work(TIMES * size)`` takes as ``work(size)``.

    Of several runs the least counts, for all that disturbs only adds. So does the garbage
    collector: what it looks through is the heap of all tests so far, whenever enough is made.
    """
    return _least(work, TIMES * size) / max(_least(work, size), 1e-4)


def _least(work: Callable[[int], object], size: int) -> float:
    spent = []
    collecting = gc.isenabled()
    gc.disable()
    try:
        for _ in range(_RUNS):
            started = process_time()
            work(size)
            spent.append(process_time() - started)
            if spent[-1] > 0.2:  # long enough to be no accident
                break
    finally:
        if collecting:
            gc.enable()
    return min(spent)


Reader = Callable[[str], object]


def _shown(raw: bytes) -> object:
    body = Body(Budget())
    body.collect(parse(raw, body.budget))
    return body.text()


READERS: dict[str, tuple[Reader, int, tuple[str, ...]]] = {
    # What reads, the characters of the shorter text, and what both repeat.
    "spans": (
        spans,
        4_000,
        (
            "市", "北京市", "1号", "1-", "中路", "大道1号楼", "到", "62 ", "4-4",
            "路1号,13812345678 ",
        ),
    ),
    "normalize": (
        normalize,
        2_500,
        (
            "1", "1,", "1.", "1,111", "a.", "a@", "a-", "¥1 ", "13 ", "+86", "e\u0316\u0301",
            "😀", "www.",
        ),
    ),
    "formulas": (
        without_stop_phrases,
        3_200,
        ("服务真的", "客服电话", "我们要", "给大家一个", "nobody cares the "),
    ),
    "log masks": (
        masked_text,
        4_000,
        ("a", "a.", "1", "://", "bearer ", "xoxb-", "1:", "a@", "signature="),
    ),
    "hidden HTML": (
        lambda text: visible(f"x{text}"),
        8_000,
        (
            '<div style="display:none">a</div>b',
            '<div style="display:none">a',
            '<td style="display:none">a<td>b',
        ),
    ),
    "deep HTML": (
        without_idle_tags,
        40_000,
        ("<b>", "<b", "<", "<b> ", "<b>" * 1_600 + "x", "<b>" * 99 + "x"),
    ),
    "style sheets": (
        lambda text: visible(f"<i style='opacity:0'>a</i>{text}"),
        8_000,
        (
            "<style>", "<style>/*", "<style>a{</style>", "<style>.a{display:none}</style>",
            "<p class=a class='", "<p style='font-size:0'>a", "<ol><li>", "<i style='opacity:0'>a",
        ),
    ),
    "lists and lines": (
        markup.read,
        8_000,
        ("<ol>", "<ol><li>a</ol>", "<li>", "<b style='display:block'>", "</b></ol>"),
    ),
    "charsets": (
        lambda text: decode(text.encode("latin-1")),
        16_000,
        (
            "~{", "~{VP~}", "~{VPVP", "\x1b$B", "\x1b$BF|\x1b(B", "\x1b$BF", "\xe4\xbd\xa0\xff\n",
            "\xe5\x6e\n", "\xc4n ", "\xc4\xe3\xe4\xbd\xa0\n", "\xff\n",
        ),
    ),
    "enriched text": (
        lambda text: _shown(b"Content-Type: text/enriched\r\n\r\n" + text.encode()),
        8_000,
        ("<", "<a", "<param>", "<param>x</param>", "\n", "<<"),
    ),
    "files in a text": (
        lambda text: unpacked(text.encode()),
        8_000,
        ("begin 644 x\n", "begin 644 x\n#86)C\n", "begin 644 ", "M\r", "\n"),
    ),
    "mails without their header": (
        lambda text: lost.fields([], text.encode(), 0, len(text)),
        8_000,
        ("--b\n", "=E5=E5=E5", "=3D'= ", "5L2g5aW9\n", "5L2g5aW9=\n"),
    ),
    "quotations": (
        split,
        12_500,
        (
            "On " + "a" * 390 + ":\n",
            "> x\n",
            "> \n",
            "发件人：x\n",
            "发件人: x\n",
            "-" * 390 + "\n",
            "=" * 390 + "\n",
            "在" * 300 + "\n",
            "--" + "wrote " * 60 + "--\n",
            "本邮件保密" * 70 + "\n",
            "On ",
            "-",
            "- _=",
            "<a@b wrote",
            "在",
            " ",
        ),
    ),
    "courtesies": (lambda text: is_courtesy(f"{text}x"), 4, ("谢谢你您",)),
    "pleasantries": (
        lambda text: without_pleasantries(f"x{text}x{text}"),
        12_500,
        ("你好", "谢谢", "谢谢你", ",", "你好,", "dear a", "thanks ", "麻烦您了", "。谢谢"),
    ),
    "manners": (
        lambda text: without_manners(f"x{text}x{text}"),
        12_500,
        ("我想问", "请问", "问一下", "急", "在线等", "有个问题", "\ue007", "!", "?", "asap "),
    ),
    "faces": (lambda text: with_emoji(f"[{text}"), 12_500, ("[", "[微", "[微笑]", "]", "［")),
    "progress": (
        lambda text: progress_question(f"{text}x"),
        4,
        ("查", "看", "问", "请问", "查看", "问一下", "show my ", "工单", "查，"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "piece"),
    [(name, piece) for name, (*_, pieces) in READERS.items() for piece in pieces],
)
def test_a_text_is_read_in_linear_time(name: str, piece: str) -> None:
    reader, size, _ = READERS[name]
    assert growth(lambda size: reader((piece * (size // len(piece) + 1))[:size]), size) < LINEAR


def test_ten_years_of_business_hours_are_counted_in_linear_time() -> None:
    hours = dict.fromkeys(("monday", "friday"), ("09:00-12:00", "13:00-18:00"))
    calendar = Calendar.of("Asia/Shanghai", hours, {date(2026, 10, 9): "monday"})
    since = datetime(2026, 1, 1, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()

    def counted(days: int) -> float:
        fresh = replace(calendar)  # remembers nothing
        return fresh.business_seconds_between(since, since + days * 86_400)

    assert growth(counted, 450) < LINEAR
