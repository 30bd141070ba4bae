"""Key information is found where it stands in the text as it was written."""

import pytest

from classifier.spans import NAMES, spans


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("单号SF1234567890到哪了", [("order", "SF1234567890")]),
        ("電話是１３８００１３８０００，急", [("phone", "１３８００１３８０００")]),
        ("😀😀退我299.5元，2026-11-25前", [("money", "299.5元"), ("date", "2026-11-25")]),
        (
            "我住在北京市海淀区中关村大街27号3号楼502室",
            [("address", "北京市海淀区中关村大街27号3号楼502室")],
        ),
        ("寄到南京路100号，谢谢", [("address", "南京路100号")]),
        (
            "mail a.b@example.com or https://x.example/1",
            [("email", "a.b@example.com"), ("url", "https://x.example/1")],
        ),
        ("卡6222-0212-3456-7890-128", [("card", "6222-0212-3456-7890-128")]),
        ("身份证 11010519491231002x 丢了", [("identity", "11010519491231002x")]),
        ("单号6222021234567890127", [("order", "6222021234567890127")]),
        ("单号110105194912310021", [("order", "110105194912310021")]),
        ("在路上等了3号线", []),
        ("什么也没有", []),
        ("", []),
    ],
)
def test_found_where_it_stands(text: str, expected: list[tuple[str, str]]) -> None:
    assert [(kind, text[start:end]) for kind, start, end in spans(text)] == expected


def test_every_kind_has_names() -> None:
    text = "a@b.cn 13800138000 100元 2026年1月2日 人民路8号 SF1234567890 1234567 www.x.cn"
    text += " 6222021234567890128 11010519491231002X"
    assert {span.kind for span in spans(text)} == set(NAMES)
