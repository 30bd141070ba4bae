"""Telephone, card and ID numbers are masked on display; all else stands as it was written."""

from classifier.spans import spans
from desk.masking import beginning, hidden, hides_something, keys_of, shown
from models.store.dialogue.conversations import Entry

TEXT = "电话13812345678，单号 SF1234567890123，退35元"


def entry(**options: object) -> Entry:
    values = {"seq": 1, "side": "customer", "id": "m", "ticket_id": "t", "at": 0.0}
    return Entry(**values | {"kind": "message", "text": TEXT} | options)  # type: ignore[arg-type]


def test_numbers_are_masked_and_only_they() -> None:
    assert hidden(TEXT, spans) == TEXT.replace("13812345678", "138****5678")
    assert hidden("没有号码", spans) == "没有号码"


def test_cards_and_id_cards_are_masked_and_orders_are_not() -> None:
    text = "卡号6222 0212 3456 7890 128，身份证11010519491231002X，订单6222021234567890127"
    assert hidden(text, spans) == "卡号622****0128，身份证110****002X，订单6222021234567890127"


def test_no_version_of_a_message_tells_what_the_shown_one_hides() -> None:
    old = {"revision": 1, "text": "打13912345678", "attachments": [], "at": 0.0}
    told = shown(entry(text_full=f"{TEXT}\n> 13712345678", versions=[old]), spans)
    everything = f"{told.text} {told.text_full} {told.versions}"
    for number in ("13812345678", "13712345678", "13912345678"):
        assert number not in everything
    assert old["text"] == "打13912345678"


def test_what_we_wrote_is_shown_as_it_is() -> None:
    ours = entry(side="us")
    assert shown(ours, spans) == ours
    assert keys_of(ours, spans) == []


def test_key_information_is_told_once_and_masked_until_revealed() -> None:
    message = entry(text=f"{TEXT}，重复一遍 13812345678")
    told = keys_of(message, spans)
    assert [key["kind"] for key in told] == ["phone", "order", "money"]
    assert told[0] == {"kind": "phone", "text": "138****5678", "masked": True}
    full = keys_of(message, spans, revealed=True)
    assert full[0] == {"kind": "phone", "text": "13812345678", "masked": False}
    assert keys_of(entry(withdrawn_at=1.0), spans) == []


def test_it_is_known_whether_something_is_hidden() -> None:
    assert hides_something(entry(), spans)
    assert not hides_something(entry(text="退35元"), spans)


def test_of_a_long_text_the_beginning_is_masked_and_the_rest_not_read() -> None:
    read: list[int] = []

    def counting(text: str) -> list[tuple[str, int, int]]:
        read.append(len(text))
        return [tuple(span) for span in spans(text)]  # type: ignore[misc]

    card = "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1，"
    for text in (TEXT, "a" * 70 + TEXT, card * 5000):
        assert beginning(text, counting, 80) == hidden(text, spans)[:80]
    assert max(read) < 500
