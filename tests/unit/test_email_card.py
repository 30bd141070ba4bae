"""The card that 网易's programs draw under what they send: in plain text its frame is left."""

import pytest

from channels.email.quote import split

NEW = "发票没有收到，麻烦补发。"
FRAMES = {
    "a table": "| |\n张三\n|\n|\nz@163.example\n|",
    "with empty lines": "| |\n\n张三\n\n采购部\n\n|",
    "as long as any": "| |\n" + "行\n" * 10 + "|",
}
BELOW = {
    "nothing": "",
    "its maker": "\n签名由网易邮箱大师定制",
    "its maker in English": "\n\nSignature is customized by Netease Mail Master",
    "a quotation": "\n\n在2026年1月4日 09:30，客服<s@our.example> 写道：\n您好，已经寄出。",
}


@pytest.mark.parametrize("below", BELOW.values(), ids=BELOW)
@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_the_card_is_cut(frame: str, below: str) -> None:
    text = f"{NEW}\n\n\n{frame}{below}"
    start, end = split(text)
    assert text[start:end].strip() == NEW


@pytest.mark.parametrize(
    "text",
    [
        f"{NEW}\n| |\n张三\n|\n另外，发票抬头也要改。",
        f"{NEW}\n| |\n" + "行\n" * 11 + "|",
        f"{NEW}\n| 型号 | 数量 |\n| A1 | 3 |",
        f"{NEW}\n|",
        f"{NEW}\n| |\n请看表",
        "| |\n张三\n|",
    ],
)
def test_what_is_no_card_below_a_text_stays(text: str) -> None:
    assert tuple(split(text)) == (0, len(text))
