"""What is new in a mail, told apart from what it quotes and from the signature.

Anchors in the HTML are certain and come first (see ``markup``); this module reads the text
markers of QQ 邮箱, 网易, Foxmail, Outlook, Gmail, Apple Mail and Thunderbird. Each line is looked
at once. On doubt everything is new: an agent can skip a quotation, but not miss a question.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

_LONGEST_LINE = 400
"""Characters of a line that are compared; no marker is longer."""

_MOST_LINES = 20_000

_DIVIDER = re.compile(
    r"[-_=*—\s]{2,}(?:&nbsp;|\s)?(?:原始邮件|原邮件|回复的原邮件|回复邮件|转发的?邮件|转发的原邮件|邮件原文|原始信件"
    r"|原始郵件|轉寄郵件|原始訊息|original (?:message|email)|replied message|forwarded message"
    r"|original appointment|元のメッセージ)(?:&nbsp;|\s)?"
    r"[-_=*—\s]{2,}",
    re.IGNORECASE,
)
"""“------------------ 原始邮件 ------------------” and its relatives, alone on a line. The plain
form that QQ writes has its spaces as “&nbsp;”."""

_ATTRIBUTION = re.compile(
    r"(?:"
    # 163: At 2024-01-01 12:00:00, "张三" <a@b> wrote: · 在 2024-01-01 12:00:00，张三 写道：
    r"(?:(?:on|at|le|am|el|in data|em|op)\s.{4,300}?|(?:在|于)\s?.{4,300}?)"
    r"(?:wrote|写道|寫道|写到|a écrit|schrieb.{0,80}|escribió|ha scritto|escreveu|schreef)"
    # Gmail: 张三 <a@b> 于2024年1月1日周一 12:00写道：
    r"|[^<\n]{0,100}<[^<>\s]{3,200}>\s?(?:于|在|於).{4,80}?(?:写道|寫道)"
    r"|[^<\n]{1,100}<[^<>\s]{3,200}>\s?(?:wrote|schrieb.{0,80}|写道)"
    r")\s?[:：]\s*",
    re.IGNORECASE,
)

_SAID = re.compile(
    r"wrote|写道|寫道|写到|a écrit|schrieb|escribió|scritto|escreveu|schreef", re.IGNORECASE
)
"""Asked first: the pattern above costs 100 µs where it fails late."""

_HEADER_FIRST = re.compile(
    r"[>*\s]*(?:发件人|寄件者|寄件人|发信人|from|von|de|差出人)\*?\s?[:：]\*?\s?\S", re.IGNORECASE
)
_HEADER_OTHER = re.compile(
    r"[>*\s]*(?:发送时间|发送日期|日期|时间|收件人|收件者|抄送|主题|主旨|寄件日期|sent|date|to|cc|subject"
    r"|gesendet|an|betreff|envoyé|objet|à|宛先|件名|送信日時)\*?\s?[:：]",
    re.IGNORECASE,
)
_HEADER_WINDOW = 6
"""Lines after 发件人： among which two more fields of a quoted header must stand."""

_SIGN_OFF = re.compile(
    r"(?:发自我的|發自我的|发送自|從我的|来自我的|sent from my|get outlook for|获取 ?outlook"
    r"|sent from (?:mail|outlook|yahoo)|来自(?:qq邮箱|网易邮箱|139邮箱|华为手机)|enviado desde mi"
    r"|envoyé de mon|von meinem).{0,60}",
    re.IGNORECASE,
)
"""What a phone writes under a mail, alone on the last line."""

_LONGEST_SIGNATURE = 12
"""Lines after “-- ”; a longer tail is text that happens to have such a line above it."""


class Cut(NamedTuple):
    """Where the new part lies in the full text."""

    start: int
    end: int


def split(text: str, quoted: Sequence[tuple[int, int]] = ()) -> Cut:
    """The new part of ``text``; ``quoted`` are the ranges that HTML anchors marked.

    The whole text when nothing new would be left (a forwarded mail), or when the new part is
    not in one piece (answers written between the quoted lines).
    """
    start, end = _outside(text, quoted)
    lines = _lines(text, start, end)
    end = min(end, _quotation_start(lines, end))
    end = _without_signature([line for line in lines if line[0] < end], end)
    if not text[start:end].strip():
        return Cut(0, len(text))
    return Cut(start, end)


def _outside(text: str, quoted: Sequence[tuple[int, int]]) -> tuple[int, int]:
    if len(quoted) != 1:
        return 0, len(text)
    first, last = quoted[0]
    before, after = text[:first].strip(), text[last:].strip()
    if before and not _only_attribution(before):
        # Something on both sides: an answer around a quotation is shown whole.
        return (0, len(text)) if after and not _SIGN_OFF.fullmatch(after) else (0, first)
    return (last, len(text)) if after else (0, len(text))


def _only_attribution(text: str) -> bool:
    return _is_attribution(" ".join(text[: 2 * _LONGEST_LINE].split()))


def _lines(text: str, start: int, end: int) -> list[tuple[int, str]]:
    """The lines of a range: where each begins, and its stripped beginning."""
    lines: list[tuple[int, str]] = []
    position = start
    while position < end and len(lines) < _MOST_LINES:
        newline = text.find("\n", position, end)
        line_end = end if newline < 0 else newline
        lines.append((position, text[position : min(line_end, position + _LONGEST_LINE)].strip()))
        position = line_end + 1
    return lines


def _quotation_start(lines: Sequence[tuple[int, str]], end: int) -> int:
    """Where the quoted tail begins: the first certain marker, or the lines with “>”."""
    for number, (position, line) in enumerate(lines):
        if not line:
            continue
        if _DIVIDER.fullmatch(line):
            return position
        if _begins_header(lines, number):
            return _rule_above(lines, number)
        if _attribution_at(lines, number):
            return position if _quotation_follows(lines, number) else end
    return _trailing_quote(lines, end)


def _begins_header(lines: Sequence[tuple[int, str]], number: int) -> bool:
    """发件人： … 发送时间： … 主题： as Outlook and Foxmail put above what they quote."""
    if not _HEADER_FIRST.match(lines[number][1]):
        return False
    following = lines[number + 1 : number + 1 + _HEADER_WINDOW]
    return sum(1 for _, line in following if _HEADER_OTHER.match(line)) >= 2


def _rule_above(lines: Sequence[tuple[int, str]], number: int) -> int:
    """Where a quoted header begins, with the line of “____” that Outlook draws above it."""
    above = number - 1
    while above >= 0 and not lines[above][1]:
        above -= 1
    if above >= 0 and len(lines[above][1]) >= 5 and not lines[above][1].strip("_-=*—"):
        return lines[above][0]
    return lines[number][0]


def _attribution_at(lines: Sequence[tuple[int, str]], number: int) -> bool:
    """“On … wrote:”, also when wrapped over up to three lines."""
    line = lines[number][1].lstrip("> ")
    if _is_attribution(line):
        return True
    if not line.lower().startswith(("on ", "at ", "在", "于", "le ", "am ")):
        return False
    joined = line
    for _, following in lines[number + 1 : number + 3]:
        joined = f"{joined} {following.lstrip('> ')}"
        if _is_attribution(joined):
            return True
    return False


def _is_attribution(line: str) -> bool:
    return (
        line.endswith((":", "："))
        and _SAID.search(line) is not None
        and _ATTRIBUTION.fullmatch(line) is not None
    )


def _quotation_follows(lines: Sequence[tuple[int, str]], number: int) -> bool:
    """Whether all after an attribution is quoted.

    With “>” signs below it and unquoted text after those, the answer is under or between what
    it quotes, and nothing can be cut. Without any sign the program marks by the line alone.
    """
    signs = [line.startswith(">") for _, line in lines[number + 1 :] if line]
    if True not in signs:
        return True
    return all(signs[signs.index(True) :]) or not _answers_below(lines[number + 1 :])


def _answers_below(lines: Sequence[tuple[int, str]]) -> bool:
    tail = [line for _, line in lines if line]
    while tail and (_SIGN_OFF.fullmatch(tail[-1]) or tail[-1].startswith(">")):
        tail.pop()
    first = next((place for place, line in enumerate(tail) if line.startswith(">")), len(tail))
    return any(not line.startswith(">") for line in tail[first:])


def _trailing_quote(lines: Sequence[tuple[int, str]], end: int) -> int:
    """Where the block of “>” lines at the very end begins."""
    start = end
    quoted = 0
    for position, line in reversed(lines):
        if line.startswith(">"):
            start, quoted = position, quoted + 1
        elif line:
            break
    return start if quoted >= 2 else end


def _without_signature(lines: Sequence[tuple[int, str]], end: int) -> int:
    # RFC 3676 §4.3: the signature is below a line of “-- ”.
    for position, line in reversed(lines[-_LONGEST_SIGNATURE - 1 :]):
        if line == "--":
            end = position
    for position, line in reversed(lines):
        if position >= end or not line:
            continue
        return position if _SIGN_OFF.fullmatch(line) else end
    return end
