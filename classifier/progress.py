"""Whether a customer asks how their ticket stands, and nothing else."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from models.ids import is_ticket_number

_LONGEST = 60
_LONGEST_WRITTEN = 500
"""With all that is blank or composed: of most messages it is seen at once that they ask more."""

_NUMBER = r"(?P<number>\d{14,20})"
_MARKS = r"[\s,，。.!！?？:：;；#“”\"'「」『』()（）-]*"
# No word that may be repeated is made of others: 查查 is 查 twice, too, and thirty of them were
# tried in all ways that there are, for five seconds.
_WORD = (
    r"(?:(?:查|查询|查一下|看|问|问一下|请|帮我|我要|我想|想|麻烦)*"
    r"(?:我的|一下|下)?(?:工单|处理|办理|投诉|受理)?(?:号|的)?(?:进度|进展)"
    r"(?:查询|查看|如何|怎么样了?|怎样了?|呢|吗|到哪了)?)"
)
_ENGLISH = (
    r"(?:(?:please |what(?:'s| is) |check |show |get |my |the |ticket |order |case )*"
    r"(?:status|progress)(?: (?:of|for|on) (?:my |the )?(?:ticket|case|request))?(?: please)?)"
)
_LABEL = r"(?:工单号?码?|单号|编号|ticket(?: number| no)?)"
_ASKED = re.compile(
    rf"{_MARKS}(?:(?:{_WORD}|{_ENGLISH}){_MARKS}(?:{_LABEL}{_MARKS})?(?:{_NUMBER})?"
    rf"|(?:{_LABEL}{_MARKS})?(?P<alone>\d{{14,20}}){_MARKS}(?:{_WORD}|{_ENGLISH})?){_MARKS}"
)
_TRADITIONAL = str.maketrans("進單號編碼問處辦", "进单号编码问处办")


@dataclass(frozen=True, slots=True)
class ProgressQuestion:
    """What is asked after: one ticket by its number, or (None) all that are theirs.

    ``lang`` is “zh” or “en”, or None where only a number was written.
    """

    number: str | None
    lang: Literal["zh", "en"] | None


def progress_question(text: str) -> ProgressQuestion | None:
    """「进度」, “status” or a ticket number and nothing more; None for everything else.

    Where the text holds more than that, it is a message for a person.
    """
    if len(text) > _LONGEST_WRITTEN:
        return None
    said = unicodedata.normalize("NFKC", text).strip()
    if not said or len(said) > _LONGEST:
        return None
    found = _ASKED.fullmatch(said.lower().translate(_TRADITIONAL))
    if found is None:
        return None
    if found["alone"] and not is_ticket_number(found["alone"]):
        return None  # other systems have long numbers, too: an order's is for a person
    return ProgressQuestion(found["number"] or found["alone"], _language(said))


def _language(said: str) -> Literal["zh", "en"] | None:
    if re.search(r"[a-zA-Z]", said):
        return "en"
    return "zh" if re.search(r"[\u4e00-\u9fff]", said) else None
