"""Signatures that mail programs mark, and 网易's cards: in plain text their frame is left."""

import pytest

from channels.email.markup import read
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


SIGNATURES = {
    "Gmail": '<div dir="ltr" class="gmail_signature">-- <div>物流公司 张三</div>手机</div>',
    "Thunderbird": '<div class="moz-signature">-- <br>物流公司 张三</div>',
    "QQ": '<sign signid="0"><div>------------------</div><div>物流公司 张三</div></sign>',
    "QQ phone": '<div id="QQMailSignature"><div>物流公司 张三</div></div>',
    "QQ card": '<hr><a class="xm_write_card" href="#"><table><tr><td>张三</table></a>',
    "Foxmail": '<hr><div><span id="_FlashSignName"><div>物流公司 张三</div></span></div>',
    "NetEase on a Mac": '<div id="ntes-pcmac-signature"><table><tr><td>张三</table></div>',
    "NetEase Mail Master": '<div id="ntes-pcmail-signature"><table><tr><td>张三</table></div>',
    "Outlook web": '<div id="Signature"><p>物流公司 张三</p></div>',
    "163 web": '<div id="spnEditorSign" style="zoom:1">物流公司 张三</div>',
    "163 card": '<div id="spnEditorSign_app"><table><tr><td>张三</table></div>',
    "Feishu": '<div id="s-1" class="lark-mail-signature"><div>物流公司 张三</div></div>',
}


@pytest.mark.parametrize("signature", SIGNATURES.values(), ids=SIGNATURES)
@pytest.mark.parametrize(
    "below",
    [
        "",
        '<blockquote type="cite">旧<div class="gmail_signature">客服</div></blockquote>',
        "<p>发件人：客服<br>发送时间：2024-01-01<br>收件人：z</p><p>旧</p>",
        "<p>本邮件及其附件含有保密信息，仅限于发送给上面列出的个人。禁止任何其他人以任何形式使用。</p>",
    ],
    ids=["nothing", "a quotation", "a quoted header", "a disclaimer"],
)
def test_a_marked_signature_is_cut(signature: str, below: str) -> None:
    reading = read(f"<div>新的</div>{signature}{below}")
    start, end = split(reading.text, reading.quoted, reading.signed)
    assert reading.text[start:end].strip() == "新的"


@pytest.mark.parametrize(
    "source",
    [
        '<div class="gmail_signature">只有这里有字</div>',
        '<p>上</p><div class="gmail_signature">张三</div><p>下</p>',
        '<p>上</p><div class="gmail_signature">没有结束',
        '<p>上</p><div class="gmail_signature_prefix">不是签名</div>',
        # The phone puts the cursor into it, and people write where it is.
        '<p>上</p><div id="ms-outlook-mobile-signature">我的订单没有到</div>',
    ],
)
def test_on_doubt_nothing_is_a_signature(source: str) -> None:
    reading = read(source)
    assert tuple(split(reading.text, reading.quoted, reading.signed)) == (0, len(reading.text))
