"""Replies in the structure of each mail program: how much of them is cut exactly (bar: 95 %)."""

import html
from email.message import EmailMessage
from email.policy import SMTP

import pytest

from tests.unit.letters import read

BODIES = (
    "问题还没有解决，请尽快处理。",
    "您好，\n\n第一，发票没有收到。\n第二，金额不对，应为 > 100 元。\n\n谢谢！",
    "Hello,\n\nthe parcel never arrived. Can you check?\n\nRegards, Zhang",
    "好的。请看：On the website it says 3 days.\n价格：100\n时间：今天",
    "原始邮件我已经删了，请再发一次。发件人是谁？",
)

_HEADS = {
    "发件人": '"客服" <support@example.com>',
    "发送时间": "2024年1月1日(星期一) 中午12:00",
    "收件人": '"张三" <z@qq.com>',
    "主题": "Re: 退款",
}
_OLD = "旧的答复，第一行。"


def _divs(text: str) -> str:
    """How programs write what was typed: a <div> a line."""
    return "".join(f"<div>{html.escape(line) or '<br>'}</div>" for line in text.split("\n"))


def _paragraphs(text: str) -> str:
    return "".join(
        f'<p class="MsoNormal"><span lang="EN-US">{html.escape(line) or "<o:p>&nbsp;</o:p>"}'
        "</span></p>"
        for line in text.split("\n")
    )


def _fields(wrap: str, colon: str = ":") -> str:
    return "".join(
        wrap.format(name=f"{name}{colon}", value=html.escape(value))
        for name, value in _HEADS.items()
    )


HTML = {
    "QQ web": lambda t: (
        f'{_divs(t)}<div><br></div><div><br></div><div style="font:Verdana normal 14px">'
        '<div style="FONT-SIZE: 12px;FONT-FAMILY: Arial Narrow;padding:2px 0 2px 0;">'
        "------------------&nbsp;原始邮件&nbsp;------------------</div>"
        '<div style="FONT-SIZE: 12px;background:#efefef;padding:8px;">'
        + _fields("<div><b>{name}</b>&nbsp;{value};</div>")
        + f"</div></div><div><br></div><div>{_OLD}</div>"
    ),
    "QQ new": lambda t: (
        f'<div class="qmbox">{_divs(t)}</div><div style="position: relative;"><br>'
        '<div class="xm_write_history_container"><div style="font-size:12px">'
        "------------------ 原始邮件 ------------------</div><div>"
        + _fields("<div>{name}{value}</div>")
        + f'</div><div><blockquote type="cite">{_OLD}</blockquote></div></div></div>'
    ),
    "QQ phone": lambda t: (
        f"{_divs(t)}<div><br></div><div>发自我的iPhone</div><div><br></div><div><br></div>"
        '<div style="font-size:70%;padding:2px 0;">------------------ 原始邮件 ------------------'
        "</div><div>" + _fields("<b>{name}</b>{value}<br>") + f"</div><div>{_OLD}</div>"
    ),
    "163 web": lambda t: (
        f'<div style="line-height:1.7;color:#000;font-size:14px">{_divs(t)}<br><br><br><br>'
        '<div id="divNeteaseMailCard"></div><br>在 2024-01-01 12:00:00，"客服" '
        '&lt;support@example.com&gt; 写道：<br> <blockquote id="isReplyContent" '
        f'style="PADDING-LEFT: 1ex; BORDER-LEFT: #ccc 1px solid"><div>{_OLD}</div></blockquote>'
        "</div>"
    ),
    "163 old": lambda t: (
        f"<div>{_divs(t)}<br><br>At 2024-01-01 12:00:00, &quot;客服&quot; "
        '&lt;support@example.com&gt; wrote:<br> <blockquote id="isReplyContent">'
        f"<div>{_OLD}</div></blockquote></div>"
    ),
    "NetEase Mail Master": lambda t: (
        f'<html><body><div id="mail-editor-content">{_divs(t)}<div><br></div>'
        '<div class="ntes-mailmaster-quote" style="padding-top:1px;padding-bottom:1px">'
        '<div style="margin-top:2em;margin-bottom:1em;font-size:14px">---- 回复的原邮件 ----</div>'
        '<table width="100%">' + _fields("<tr><td>{name}</td><td>{value}</td></tr>")
        + f"</table><div>{_OLD}</div></div></div></body></html>"
    ),
    "Foxmail": lambda t: (
        f'<div><span></span>{_divs(t)}</div><div><br></div><hr style="width: 210px; height: 1px;"'
        ' color="#b5c4df" size="1" align="left"><blockquote style="margin-Top: 0px;'
        ' margin-Bottom: 0px; margin-Left: 0.5em"><div>&nbsp;</div><div style="border:none;'
        'border-top:solid #B5C4DF 1.0pt;padding:3.0pt 0cm 0cm 0cm"><div style="PADDING: 8px;'
        ' FONT-SIZE: 12px;BACKGROUND: #efefef">'
        + _fields("<div><b>{name}</b>&nbsp;{value}</div>", "：")
        + f"</div></div><div>{_OLD}</div></blockquote>"
    ),
    "Outlook zh": lambda t: (
        f'<div class="WordSection1">{_paragraphs(t)}<p class="MsoNormal"><o:p>&nbsp;</o:p></p>'
        "<div><div style='border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm'>"
        '<p class="MsoNormal">' + _fields("<b><span>{name}</span></b><span> {value}<br></span>")
        + f"</p></div></div><p class=MsoNormal>{_OLD}</p></div>"
    ),
    "Outlook web": lambda t: (
        f'{_divs(t)}<div id="appendonsend"></div><hr style="display:inline-block;width:98%"'
        ' tabindex="-1"><div id="divRplyFwdMsg" dir="ltr"><font face="Calibri">'
        + _fields("<b>{name}</b> {value}<br>") + f"<div>&nbsp;</div></font></div><div>{_OLD}</div>"
    ),
    "Gmail": lambda t: (
        f'<div dir="ltr">{_divs(t)}</div><br><div class="gmail_quote"><div dir="ltr" '
        'class="gmail_attr">客服 &lt;<a href="mailto:support@example.com">support@example.com</a>'
        "&gt; 于2024年1月1日周一 12:00写道：<br></div><blockquote class=\"gmail_quote\""
        f' style="margin:0px 0px 0px 0.8ex"><div>{_OLD}</div></blockquote></div>'
    ),
    "Apple Mail": lambda t: (
        f'<body style="word-wrap: break-word">{_divs(t)}<div><br><blockquote type="cite"><div>'
        "在 2024年1月1日，12:00，客服 &lt;support@example.com&gt; 写道：</div><br "
        f'class="Apple-interchange-newline"><div>{_OLD}</div></blockquote></div><br></body>'
    ),
    "iPhone": lambda t: (
        f'<body>{_divs(t)}<br id="lineBreakAtBeginningOfSignature"><div dir="ltr">发自我的 iPhone'
        '</div><div dir="ltr"><br><blockquote type="cite">在 2024年1月1日，中午12:00，客服 '
        f"&lt;support@example.com&gt; 写道：<br><br></blockquote></div><blockquote type=\"cite\">"
        f'<div dir="ltr">{_OLD}</div></blockquote></body>'
    ),
    "Thunderbird": lambda t: (
        f'<p>{html.escape(t).replace(chr(10), "<br>")}</p><div class="moz-cite-prefix">在 '
        '2024/1/1 12:00, 客服 写道:<br></div><blockquote type="cite" cite="mid:a@example.com">'
        f"<p>{_OLD}</p></blockquote>"
    ),
}  # fmt: skip

_LINES = "\n".join(f"{name}: {value}" for name, value in _HEADS.items())
_WIDE = "\n".join(f"{name}： {value}" for name, value in _HEADS.items())
PLAIN = {
    "QQ": "{0}\n\n\n------------------ 原始邮件 ------------------\n" + _LINES + "\n\n" + _OLD,
    "QQ entities": "{0}\n\n------------------&nbsp;原始邮件&nbsp;------------------\n" + _LINES,
    "163": '{0}\n\n\n\n\n\n在 2024-01-01 12:00:00，"客服" <support@example.com> 写道：\n' + _OLD,
    "163 old": '{0}\n\n\nAt 2024-01-01 12:00:00, "客服" <support@example.com> wrote:\n>' + _OLD,
    "NetEase Mail Master": "{0}\n\n\n\n---- 回复的原邮件 ----\n"
    "| 发件人 | 客服<support@example.com> |\n"
    "| 日期 | 2024年01月01日 12:00 |\n| 收件人 | z<z@163.com> |\n| 主题 | Re: 退款 |\n" + _OLD,
    "Foxmail": "{0}\n\n\n\n张三\n \n" + _WIDE + "\n" + _OLD,
    "Outlook zh": "{0}\n\n" + _LINES + "\n\n" + _OLD,
    "Outlook phone": "{0}\n\n获取 Outlook for iOS\n________________________________\n" + _LINES,
    "Gmail": "{0}\n\n客服 <support@example.com> 于2024年1月1日周一 12:00写道：\n\n> " + _OLD,
    "Apple Mail": "{0}\n\n> 在 2024年1月1日，12:00，客服 <support@example.com> 写道：\n> \n> "
    + _OLD,
    "iPhone": "{0}\n\n发自我的 iPhone\n\n> 在 2024年1月1日，12:00，客服 <s@e.example> 写道：\n"
    "> \n> " + _OLD,
    "Thunderbird": "{0}\n\n在 2024/1/1 12:00, 客服 写道:\n> " + _OLD + "\n> 第二行",
}
SIGNED = {"Foxmail": "\n\n\n\n张三"}
"""What a program writes under the text that is no quotation: it stays."""


def letter(plain: str, markup: str) -> bytes:
    made = EmailMessage(policy=SMTP)
    made["From"] = "张三 <z@qq.com>"
    made["Subject"] = "Re: 退款"
    made["Message-ID"] = "<m1@qq.com>"
    if plain:
        made.set_content(plain)
        if markup:
            made.add_alternative(markup, subtype="html")
    else:
        made.set_content(markup, subtype="html")
    return made.as_bytes()


def _same(found: str, wanted: str) -> bool:
    return found.split() == wanted.split()


def test_cuts_are_exact() -> None:
    wrong: list[str] = []
    total = 0
    for body in BODIES:
        for name, write in HTML.items():
            total += 1
            if not _same(read(letter("", write(body))).text, body):
                wrong.append(f"HTML {name}: {read(letter('', write(body))).text!r}")
        for name, form in PLAIN.items():
            total += 1
            found = read(letter(form.format(body), "")).text
            if not _same(found, body + SIGNED.get(name, "")):
                wrong.append(f"plain {name}: {found!r}")
        for name in HTML.keys() & PLAIN.keys():
            total += 1
            found = read(letter(PLAIN[name].format(body), HTML[name](body))).text
            if not _same(found, body) and not _same(found, body + SIGNED.get(name, "")):
                wrong.append(f"both {name}: {found!r}")
    exact = 1 - len(wrong) / total
    print(f"{total} replies, {exact:.1%} cut exactly", *wrong, sep="\n")
    assert exact >= 0.95, wrong


@pytest.mark.parametrize("name", sorted(HTML))
def test_nothing_new_shows_everything(name: str) -> None:
    """A mail that only quotes is shown whole."""
    assert _OLD in read(letter("", HTML[name](""))).text
