"""Mails that are handed on with hardly a word: what they hand on is what somebody has to read.

Below an answer stands what its reader wrote or has read. Below “FYI” stands what nobody at the
centre has seen, and it is the matter.
"""

import re
import unicodedata

from channels.email.quote import Cut

_SUBJECT = re.compile(r"\s*(?:fwd?|wg|转发|转寄|轉寄|轉發)\s?[:：]", re.IGNORECASE)
"""Of the last program only: “Re: Fwd:” is an answer."""

_HEADING = re.compile(
    r"[-_=*—>\s]*(?:转发的?(?:原始)?(?:邮件|消息)(?:信息)?|開始轉寄|轉寄的(?:郵件|訊息)|开始转发的邮件"
    r"|(?:begin )?forwarded message|weitergeleitete nachricht|message transféré)[-_=*—>\s:：]*",
    re.IGNORECASE,
)
_SHORT = 40
"""Columns of a comment that says little by itself: 20 Chinese characters, seven English words."""

_HEAD_LINE = 200


def with_what_it_hands_on(text: str, cut: Cut, subject: str) -> Cut:
    """The cut of a forwarded mail that has a short comment, moved to the end of the text."""
    below = text[cut.end :].lstrip()
    if not below or _columns(text[cut.start : cut.end].strip()) > _SHORT:
        return cut
    first = below[:_HEAD_LINE].partition("\n")[0]
    if _SUBJECT.match(subject) or _HEADING.fullmatch(first.strip()):
        return Cut(cut.start, len(text))
    return cut


def _columns(text: str) -> int:
    wide = sum(unicodedata.east_asian_width(each) in "WF" for each in text[: _SHORT + 1])
    return len(text) + wide
