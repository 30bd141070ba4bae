"""What a stranger chose and people read on one line."""

import pytest

from models.message import Attachment, Sender


@pytest.mark.parametrize(
    ("chosen", "shown"),
    [
        ("invoice-\u202egpj.exe", "invoice- gpj.exe"),
        ("王\u2066女士\u2069", "王 女士"),
        ("a\r\nb\x00c", "a b c"),
        ("家庭👨\u200d👩\u200d👧", "家庭👨\u200d👩\u200d👧"),
        ("مريم", "مريم"),
        ("普通\u3000名字", "普通\u3000名字"),
    ],
)
def test_a_name_cannot_turn_what_stands_beside_it(chosen: str, shown: str) -> None:
    assert Sender(external_id="x", name=chosen).name == shown
    assert Attachment(id="1", name=chosen, mime="a/b", size=0).name == shown
