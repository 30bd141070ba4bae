"""Mails that say hardly a word above what they quote: that is what somebody has to read.

Below an answer stands what its reader wrote or has read. Below “FYI” stands what nobody at the
centre has seen, and it is the matter. Below “see my answers in red” stand the answers.
"""

import re
import unicodedata
from collections.abc import Sequence

from channels.email.headers import Headers
from channels.email.quote import Cut

_SUBJECT = re.compile(r"\s*(?:fwd?|wg|转发|转寄|轉寄|轉發)\s?[:：]", re.IGNORECASE)
"""Of the last program only: “Re: Fwd:” is an answer."""

_HEADING = re.compile(
    r"[-_=*—>\s]*(?:转发的?(?:原始)?(?:邮件|消息)(?:信息)?|開始轉寄|轉寄的(?:郵件|訊息)|开始转发的邮件"
    r"|(?:begin )?forwarded message|weitergeleitete nachricht|message transféré)[-_=*—>\s:：]*",
    re.IGNORECASE,
)
_POINTS_BELOW = re.compile(
    r"[见見](?:以?下|后|後)(?!\w)"
    r"|[见見看](?:(?!附件|附檔).){0,12}(?:下文|下方|下面|[红紅蓝藍]色?(?:字|部分|标)|批注|标[红蓝注])"
    r"|\b(?:see|answer|repl|comment|respon)\w*\b.{0,30}"
    r"\b(?:below|in-?line|in (?:red|blue|green))\b",
    re.IGNORECASE,
)
"""How people say that they have written between the lines of what they quote."""

_BELOW = r"(?:下面|下方|下文|以下|原文|原邮件|来信|邮件[中里内])"
_MARKED = r"(?:[红紅蓝藍绿綠]色?(?:字|标|標|部分)|[标標][红紅蓝藍绿綠]|批注|逐[条條一])"
_ANSWERED_WITHIN = re.compile(
    rf"{_BELOW}[^。！？\n]{{0,10}}{_MARKED}|{_MARKED}[^。！？\n]{{0,10}}{_BELOW}"
    r"|\b(?:answer|repl|comment|respon)\w*\b[^.\n]{0,40}\b(?:in-?line|in (?:red|blue|green))\b",
    re.IGNORECASE,
)
"""The same, so plainly that it counts in a longer comment as well."""

_SIGNS_OF_IT = (
    *("红", "紅", "蓝", "藍", "绿", "綠", "批注", "逐"),
    *("inline", "in-line", "in red", "in blue", "in green"),
)
"""Asked first: the pattern above takes 200 µs for a page."""

_SHORT = 40
"""Columns of a comment that says little by itself: 20 Chinese characters, seven English words."""

_HEAD_LINE = 200


def with_what_it_hands_on(text: str, cut: Cut, subject: str) -> Cut:
    """The cut moved to the end of the text, where a short comment hands it on or points at it."""
    below = text[cut.end :].lstrip()
    comment = text[cut.start : cut.end].strip()
    if below and _is_answered_within(comment):
        return Cut(cut.start, len(text))
    if not below or _columns(comment) > _SHORT:
        return cut
    if _POINTS_BELOW.search(comment):
        return Cut(cut.start, len(text))
    first = below[:_HEAD_LINE].partition("\n")[0]
    if _SUBJECT.match(subject) or _HEADING.fullmatch(first.strip()):
        return Cut(cut.start, len(text))
    return cut


def _is_answered_within(comment: str) -> bool:
    said = comment.lower()
    return any(sign in said for sign in _SIGNS_OF_IT) and bool(_ANSWERED_WITHIN.search(comment))


def head(headers: Headers) -> str:
    """Who wrote an attached mail, when and about what; “” for what is no mail at all."""
    said = ((name, headers.text(name.lower())) for name in ("From", "Date", "Subject"))
    return "\n".join(f"{name}: {value}" for name, value in said if value)


def with_attached(text: str, cut: Cut, mails: Sequence[str]) -> tuple[str, Cut]:
    """The text with the mails that are attached to it, and what of it is new.

    Below a word or two they are the matter; below more they stand under the whole text, for
    whoever wants to read on.
    """
    if not mails:
        return text, cut
    attached = "\n\n".join(mails)
    if _columns(text[cut.start : cut.end].strip()) > _SHORT:
        return f"{text}\n\n{attached}", cut
    above = text[: cut.end].rstrip()
    whole = f"{above}\n\n{attached}".lstrip("\n")
    return f"{whole}\n\n{text[cut.end :].lstrip()}".rstrip(), Cut(cut.start, len(whole))


def _columns(text: str) -> int:
    wide = sum(unicodedata.east_asian_width(each) in "WF" for each in text[: _SHORT + 1])
    return len(text) + wide
