import pytest

from classifier.satisfaction import is_bare_digit, is_survey_answer, read_answer
from models.satisfaction import SCORE_NAMES, SOLVED_NAMES, Answer, Score


@pytest.mark.parametrize(("score", "names"), SCORE_NAMES.items())
def test_every_label_is_read_in_both_languages(score: Score, names: tuple[str, str]) -> None:
    for name in names:
        assert read_answer(f" {name}！") == Answer(score)


@pytest.mark.parametrize(("solved", "names"), SOLVED_NAMES.items())
def test_solved_or_not(solved: bool, names: tuple[str, str]) -> None:
    for name in names:
        assert read_answer(name) == Answer(solved=solved)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("不满意，等了太久", Answer(Score.DISSATISFIED, words="等了太久")),
        ("非常不满意 已解决", Answer(Score.VERY_DISSATISFIED, True)),
        ("一般。没解决, 还要等", Answer(Score.NEUTRAL, False, "还要等")),
        ("滿意", Answer(Score.SATISFIED)),
        ("Very satisfied, thanks", Answer(Score.VERY_SATISFIED, words="thanks")),
    ],
)
def test_label_solved_and_words(text: str, answer: Answer) -> None:
    assert read_answer(text) == answer


def test_a_long_text_is_an_answer_by_how_it_begins() -> None:
    words = "等了太久 下次不来了" * 10
    assert read_answer(f" 　！{'。' * 70}不满意，{words}") == Answer(
        Score.DISSATISFIED, words=words
    )
    assert read_answer(f"滿意 {words}") == Answer(Score.SATISFIED, words=words)
    assert read_answer(f"{words}，不满意") is None
    assert read_answer(f"不满意{words}") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "满意度调查在哪",
        "一般多久发货",
        "没有收到货",
        "nothing came",
        "satisfiedness",
        "1",
        "5",
    ],
)
def test_what_is_no_answer(text: str) -> None:
    assert read_answer(text) is None


def test_a_digit_means_what_the_question_said_and_nothing_otherwise() -> None:
    phone = {"1": "非常满意", "5": "非常不满意"}
    assert read_answer("1", phone) == Answer(Score.VERY_SATISFIED)
    assert read_answer("５", phone) == Answer(Score.VERY_DISSATISFIED)
    assert read_answer("2", phone) is None
    assert is_bare_digit("1。")
    assert is_bare_digit(" ５！\n")
    assert not is_bare_digit("12")


def test_a_rating_alone_reopens_nothing_but_one_with_words_may() -> None:
    assert is_survey_answer("非常满意")
    assert not is_survey_answer("一般，多久到货？")
    assert not is_survey_answer("没有")
