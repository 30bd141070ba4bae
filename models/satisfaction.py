"""How content a customer is: the scale of labels, and what is answered to our question."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum


class Score(IntEnum):
    """The scale, by label; the numbers are for means, never for customers (see ``Keys``)."""

    VERY_SATISFIED = 5
    SATISFIED = 4
    NEUTRAL = 3
    DISSATISFIED = 2
    VERY_DISSATISFIED = 1


SCORE_NAMES: Mapping[Score, tuple[str, str]] = {
    Score.VERY_SATISFIED: ("非常满意", "Very satisfied"),
    Score.SATISFIED: ("满意", "Satisfied"),
    Score.NEUTRAL: ("一般", "Neutral"),
    Score.DISSATISFIED: ("不满意", "Dissatisfied"),
    Score.VERY_DISSATISFIED: ("非常不满意", "Very dissatisfied"),
}

SOLVED_NAMES: Mapping[bool, tuple[str, str]] = {
    True: ("已解决", "Solved"),
    False: ("未解决", "Not solved"),
}

CONTENT = Score.SATISFIED
"""From here on an answer counts for 满意率."""

LOW = Score.DISSATISFIED
"""Down from here an answer asks for a 不满意回访."""

Keys = Mapping[str, str]
"""Digits that a question offers, each to a label (“1” → “非常满意”).

Nobody can know what a bare digit means unless the question said so: on a Chinese phone menu 1
is the best, on a scale of five it is the worst.
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said of a service; None is what was not said."""

    score: Score | None = None
    solved: bool | None = None
    words: str = ""
