"""What a customer's words say of our service, in answer to our question after satisfaction."""

import re
import unicodedata
from collections.abc import Mapping

from models.satisfaction import SCORE_NAMES, SOLVED_NAMES, Answer, Keys, Score

_SCORES = {name: score for score, names in SCORE_NAMES.items() for name in names} | {
    "很满意": Score.VERY_SATISFIED,
    "十分满意": Score.VERY_SATISFIED,
    "比较满意": Score.SATISFIED,
    "基本满意": Score.SATISFIED,
    "还行": Score.NEUTRAL,
    "很不满意": Score.VERY_DISSATISFIED,
    "不太满意": Score.DISSATISFIED,
    "Very unsatisfied": Score.VERY_DISSATISFIED,
    "Unsatisfied": Score.DISSATISFIED,
}
_SOLVED = {name: solved for solved, names in SOLVED_NAMES.items() for name in names} | {
    "解决了": True,
    "没解决": False,
    "没有解决": False,
    "没有": False,
    "是": True,
    "是的": True,
    "否": False,
    "Yes": True,
    "No": False,
    "Unsolved": False,
}

_TRADITIONAL = str.maketrans("滿決沒還較與", "满决没还较与")
_GAP = r"[\s,，。.!！;；、:：/~～-]"


def _either(labels: Mapping[str, object]) -> str:
    """The longest first: 不满意 is no 满意."""
    return "|".join(re.escape(one.lower()) for one in sorted(labels, key=len, reverse=True))


_PATTERN = re.compile(
    rf"{_GAP}*(?:(?P<score>{_either(_SCORES)})(?![a-z]))?"
    rf"{_GAP}*(?:(?P<solved>{_either(_SOLVED)})(?![a-z]))?"
    rf"(?P<rest>(?:{_GAP}|[（(😀-🙏]).*)?",
    re.DOTALL,
)
_LONGEST = 2000

_HEAD = 64
"""Characters in which an answer has begun: of longer texts no more is read, unless it has."""

_BEGINS = re.compile(rf"{_GAP}*(?:{_either({**_SCORES, **_SOLVED})}|$)")

_MARKS = " \t\r\n\u3000,，。.!！;；、:：/~～-"
_FIRST = re.compile(rf"{_GAP}|[{''.join({one[0].lower() for one in {**_SCORES, **_SOLVED}})}]|$")


def read_answer(text: str, keys: Keys | None = None) -> Answer | None:
    """What ``text`` answers to our question after satisfaction, or None if it is no answer.

    It begins with a label of the scale, with 已解决 or 未解决, or with both; what follows behind
    a space or a mark are free words. A bare digit is an answer only where ``keys``, those that
    the question offered, hold it.
    """
    if len(text) > _HEAD and not _may_begin(text[:_HEAD]):
        return None
    said = unicodedata.normalize("NFKC", text).strip()
    if not said or len(said) > _LONGEST:
        return None
    if said in (keys or {}):
        return Answer(_SCORES[(keys or {})[said]])
    found = _PATTERN.fullmatch(_plain(said))
    if found is None or not (found["score"] or found["solved"]):
        return None
    scores = {name.lower(): score for name, score in _SCORES.items()}
    solved = {name.lower(): value for name, value in _SOLVED.items()}
    rest = said[len(said) - len(found["rest"] or "") :]
    return Answer(
        scores[found["score"]] if found["score"] else None,
        solved[found["solved"]] if found["solved"] else None,
        re.sub(rf"^{_GAP}+", "", rest).strip(),
    )


def _may_begin(head: str) -> bool:
    """Whether an answer may begin so. Asked of every message: most are told by one character."""
    first = _plain(head.lstrip(_MARKS)[:1])
    return bool(_FIRST.match(first) and _BEGINS.match(_plain(head)))


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).translate(_TRADITIONAL).lower()


def is_survey_answer(text: str) -> bool:
    """Whether ``text`` is a rating and nothing else (「满意」): it reopens nothing.

    Whether or not a question of ours is open. 「没有」 alone says too little, and 「一般 多久到」
    may ask something: those are answers only to a question.
    """
    answer = read_answer(text)
    return answer is not None and answer.score is not None and not answer.words


def is_bare_digit(text: str) -> bool:
    """Whether ``text`` is one digit and nothing else."""
    said = text.strip(" .。．!！\t\r\n\u3000")
    return len(said) == 1 and said.isdigit()
