"""The line that says who wrote what is quoted below it, and when: “On … wrote:”, “在 … 写道：”."""

import re
from collections.abc import Sequence

_ATTRIBUTION = re.compile(
    r"(?:"
    # 163: At 2024-01-01 12:00:00, "张三" <a@b> wrote: · 在 2024-01-01 12:00:00，张三 写道：
    r"(?:(?:on|at|le|am|el|il giorno|in data|em|op)\s.{4,300}?|(?:在|于)\s?.{4,300}?)"
    r"(?:wrote|写道|寫道|写到|撰写|a écrit|schrieb.{0,80}|escribió|ha scritto|escreveu"
    r"|schreef.{0,80})"
    # Gmail: 张三 <a@b> 于2024年1月1日周一 12:00写道：
    r"|[^<\n]{0,100}<[^<>\s]{3,200}>\s?(?:于|在|於).{4,80}?(?:写道|寫道)"
    r"|[^<\n]{0,100}<[^<>\s]{3,200}>,.{4,80}yazdı"
    # 张三 于 2024-01-01 12:00 写道：
    r"|[^<\n，。]{1,60}[于於在]\s?\d{4}[-/年].{2,30}\d:\d\d.{0,12}(?:写道|寫道)"
    r"|[^<\n]{1,100}<[^<>\s]{3,200}>\s?(?:wrote|writes|schrieb.{0,80}|写道)"
    r"|quoting\s.{3,200}?"
    r")\s?[:：]\s*",
    re.IGNORECASE,
)

_ADDRESS_LAST = re.compile(r"<[^<>\s@]{1,100}@[^<>\s]{1,200}>\)?[^<>:：]{0,30}\s?[:：]\Z")
_SAID_LAST = re.compile(
    r"(?:skrev|skreiv|napisał\S{0,4}|pisze|kirjoitti|nap[sí]s?al\S{0,4}|írta|a scris|menulis"
    r"|đã viết|пиш[еі]т?|(?:на)?писал\S{0,4}|さんは書きました|が書きました|작성|έγραψε|כתב|كتب)"
    r"[^:：]{0,80}\s?[:：]\Z",
    re.IGNORECASE,
)
"""How Thunderbird, Roundcube and others go on behind year and time, without an address."""

_YEAR = re.compile(r"(?:19|20)\d\d")
_TIME = re.compile(r"\d[:.]\d\d")
"""A line of a year, a time and at last an address says who wrote in any language. (Gmail in
Japanese and in Russian has no word for it.)"""

_SAID = re.compile(
    r"wrote|writes|quoting|写道|寫道|写到|撰写|a écrit|schrieb|escribió|scritto|escreveu|schreef"
    r"|yazdı",
    re.IGNORECASE,
)
"""Asked first: the pattern above costs 100 µs where it fails late."""

_PART_OF_DATE = re.compile(r"(?:19|20)\d\d|\d[:./-]\d")
_WHEN_OR_WHO = re.compile(r"[\d@]")
_SENTENCE_ENDS = ("。", "？", "！", "?", "!")
"""No line ends so within who wrote and when."""

_MAY_WRAP = re.compile(
    r"(?:on|at|le|am|el|em|op|il|den)\s|[在于]|\d{4}年|\w{2,3}[,.]{1,2} \d", re.IGNORECASE
)
_BEHIND = ":   "
_AT = frozenset("于於在")
"""How a line begins that says who wrote, where it may be too long for one."""


def attribution_at(lines: Sequence[tuple[int, str]], number: int) -> bool:
    """“On … wrote:”, also when wrapped over up to three lines."""
    line = lines[number][1].lstrip("> ")
    # Yahoo on phones writes what is quoted behind it, three spaces away.
    if is_attribution(line) or (
        _BEHIND in line and is_attribution(line.partition(_BEHIND)[0] + ":")
    ):
        return True
    following = lines[number + 1][1].lstrip("> ") if number + 1 < len(lines) else ""
    # Gmail in Chinese breaks the line behind the address.
    wraps = _MAY_WRAP.match(line) or _is_dated(line)
    if not wraps and not (line.endswith(">") and following[:1] in _AT):
        return False
    joined = line
    for _, following in lines[number + 1 : number + 3]:
        if not following or joined.endswith(_SENTENCE_ENDS):
            return False
        joined = f"{joined} {following.lstrip('> ')}"
        if is_attribution(joined):
            return True
    return False


def is_attribution(line: str) -> bool:
    """Whether the line, without its “>” signs, is such a one as programs write them."""
    if line.startswith("--") and line.endswith("--"):
        # Lotus Notes and Zoho draw lines on both sides of who wrote.
        line = f"{line.strip('- :：')}:"
    if not line.endswith((":", "：")):
        return False
    if _is_dated(line) and (_ADDRESS_LAST.search(line) or _SAID_LAST.search(line)):
        return True
    return (
        _SAID.search(line) is not None
        # Programs write when, or from which address; people write “在官网上你们写道：”.
        and _WHEN_OR_WHO.search(line) is not None
        and _ATTRIBUTION.fullmatch(line) is not None
    )


def may_be_attribution(line: str) -> bool:
    """Whether a line above “>” signs says who wrote or when, in a language known or not."""
    said = _SAID.search(line) or _SAID_LAST.search(line)
    return bool(said) or "@" in line or _PART_OF_DATE.search(line) is not None


def _is_dated(line: str) -> bool:
    return _YEAR.search(line) is not None and _TIME.search(line) is not None
