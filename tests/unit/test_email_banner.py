"""What a company's server puts above mail from outside."""

import pytest

from channels.email.banner import end
from channels.email.quote import split

NEW = "您好，三号线打印机报 E05。\n请派人来看。"

BANNERS = [
    "[EXTERNAL EMAIL] DO NOT CLICK links or attachments unless you recognize the sender.",
    """CAUTION: This email originated from outside of the organization. Do not click links or open
attachments unless you recognize the sender and know that the content is safe.""",
    "CAUTION: External email.\nDo not click links.",
    "This message was sent from outside your company. Please use caution with its links.",
    "You don't often get email from z@customer.example. Learn why this is important",
    "*** WARNING *** This is an external email. Be careful with attachments.",
    "外部邮件，请谨慎处理",
    "【外部邮件】此邮件来自公司外部，请谨慎点击链接和附件。",
    "安全提醒：本邮件来自公司外部，请勿轻易点击链接，谨防诈骗。",
    "此邮件由组织以外的人员发送，打开附件前请核实发件人身份。",
    "你不常收到来自 z@customer.example 的电子邮件。了解这一点为什么很重要",
]


@pytest.mark.parametrize("between", ["\n", "\n\n", "\n \n\n"])
@pytest.mark.parametrize("banner", BANNERS)
def test_the_warning_is_not_the_customers(banner: str, between: str) -> None:
    text = f"{banner}{between}{NEW}"
    assert text[end(text) :].strip() == NEW
    start, until = split(f"{text}\n\n发自我的iPhone")
    assert text[start:until].strip() == NEW


@pytest.mark.parametrize("tag", ["[EXTERNAL] ", "【外部邮件】", "*External* "])
def test_a_mark_alone(tag: str) -> None:
    text = tag + NEW
    assert text[end(text) :].strip() == NEW


@pytest.mark.parametrize(
    "text",
    [
        "外部邮件收不到怎么办？请核实一下我们的设置。\n谢谢",
        "External emails do not arrive. Do not click on my old link, please.",
        "外部邮件收不到，从昨天起。\n请查一下，谢谢。",
        "注意：收件地址是公司外部的仓库。\n请改一下。",
        "Attention: the parcel went to a company outside the city.\nUse care.",
        "注意：打开包装请小心，里面是玻璃。\n第二件已经碎了。",
        "注意：订单 8812 没有发货。\n\n公司外部的人打电话来，我很小心，没有给他钱。\n请查。",
        "我点了外部邮件里的链接，没有小心，怎么办\n请帮忙",
        BANNERS[2],
        BANNERS[7] + "\n",
        "",
    ],
)
def test_what_a_person_writes_stays(text: str) -> None:
    assert end(text) == 0
