from datetime import datetime

import pytest

from classifier.progress import progress_question
from models.ids import ticket_number

NUMBER = ticket_number(datetime(2026, 11, 25), 17)  # noqa: DTZ001  a day is all that counts


@pytest.mark.parametrize(
    "text",
    [
        "进度", "查进度", "进度查询", "“进度”", "進度", "查一下我的工单进度", "请问处理进度？",
        "查查进度", "请帮我看看投诉进度", "请问一下办理进展",
        "Status?", "progress", "ticket status", "What's the status of my ticket?",
    ],
)  # fmt: skip
def test_the_word_alone_asks_after_everything(text: str) -> None:
    found = progress_question(text)
    assert found is not None
    assert found.number is None
    assert found.lang == ("zh" if "\u4e00" <= text.strip("“")[0] <= "\u9fff" else "en")


@pytest.mark.parametrize(
    "text", [NUMBER, f"工单号：{NUMBER}", f"进度 {NUMBER}", f"{NUMBER} 进度", f"status {NUMBER}"]
)
def test_a_number_asks_after_one(text: str) -> None:
    found = progress_question(text)
    assert found is not None
    assert found.number == NUMBER


def test_a_wrong_number_beside_the_word_is_still_a_question() -> None:
    found = progress_question("进度 12345678901234")
    assert found is not None
    assert found.number == "12345678901234"


@pytest.mark.parametrize(
    "text",
    [
        "", "进度太慢了", "我的进度条卡住了", "退款进度", "order 12345678901234", "12345678901234",
        "查", "status code 500", "进度查询在哪里可以看到啊", f"{NUMBER} 什么时候处理",
        "进" * 100 + "进度",
    ],
)  # fmt: skip
def test_whatever_holds_more_is_a_message(text: str) -> None:
    assert progress_question(text) is None
