import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.faces import with_emoji
from classifier.manners import without_manners
from classifier.pleasantries import without_pleasantries
from classifier.text import normalize


@pytest.mark.parametrize(
    ("text", "matter"),
    [
        ("我想问一下，我的退款三天没动静了", "我的退款三天没动静了"),
        ("你好，我想咨询一下哈，我的件丢了要赔", "我的件丢了要赔"),
        ("麻烦问下退款还没有到账", "退款还没有到账"),
        ("我就想问问，你们良心不痛", "你们良心不痛"),
        ("请问帮我查下快递", "帮我查下快递"),
        ("有个问题，我的订单没有了", "我的订单没有了"),
        ("亲我的快递到哪里了", "我的快递到哪里了"),
        ("客服在吗，我的快递到哪了", "我的快递到哪了"),
        ("有人工客服吗？我的快递到哪了", "我的快递到哪了"),
        ("东西坏了退不了，在线等，急！！！", "东西坏了退不了"),
        ("急！东西坏了退不了", "东西坏了退不了"),
        ("东西坏了退不了急急急", "东西坏了退不了"),
        ("很急，今天要用的发票开不出来", "今天要用的发票开不出来"),
        ("东西坏了退不了，等你们回复。", "东西坏了退不了"),
        ("🙏帮我查下快递到哪了🙏🙏", "帮我查下快递到哪了"),
        ("URGENT: my parcel has not arrived", "my parcel has not arrived"),
        ("I have a question. My parcel was lost", "my parcel was lost"),
        ("My account was hacked, please help ASAP!!!", "my account was hacked"),
    ],
)
def test_the_matter_stays(text: str, matter: str) -> None:
    assert without_manners(normalize(text)) == matter


@pytest.mark.parametrize(
    "text",
    [
        "在线等",
        "急急",
        "服务👍",
        "太差了!!",
        "请问",
        "我想问一下你们几点关门",
        "请问退款什么时候到账?",
        "麻烦问下会员能不能退",
        "just wondering, where is my parcel?",
        "想问一下年费",
        "我想问一下退款",
        "I have a question",
    ],
)
def test_where_little_else_is_said_or_something_asked_manners_are_read(text: str) -> None:
    normal = normalize(text)
    assert without_manners(normal) == normal


@pytest.mark.parametrize(
    "text",
    [
        "咨询了三次都没人理我到底谁管",
        "咨询电话一直打不通",
        "问了五遍了没人回答我",
        "帮我问问哪位骑手捡到了我的耳机",
        "想要退货,东西坏了不想要了",
        "我想了解过的那个套餐下架了吗",
        "有问题的商品你们也敢卖",
        "急诊科几点开门",
        "急急忙忙下的单能退吗",
        "不急,你们慢慢弄就是了",
        "我急着用钱你们退款快点",
        "亲测不好用,给我退钱",
        "快递员说话很着急",
    ],
)
def test_what_is_of_the_matter_stays(text: str) -> None:
    normal = normalize(text)
    assert without_manners(normal) == normal


@given(
    st.lists(
        st.sampled_from(
            ["你好", "我想问一下", "，", "急急", "在线等", "退款", "！", "？", "👍", "x "]
        )
    )
)
def test_little_that_is_left_is_as_it_is_without_pleasantries(pieces: list[str]) -> None:
    normal = normalize("".join(pieces))
    matter = without_manners(normal)
    assert bool(matter) == bool(normal)
    assert matter in normal
    assert len(matter) <= len(without_pleasantries(normal))


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("快递丢了[流泪][流泪]", "快递丢了😢😢"),
        ("好用［强］", "好用😊"),
        ("[捂脸]又坏了", "🙂又坏了"),
        ("见[图片]和[附件1]", "见[图片]和[附件1]"),
        ("a[0] = b[OK]", "a[0] = b😊"),
        ("没有", "没有"),
    ],
)
def test_faces_sent_by_name_are_emoji(text: str, read: str) -> None:
    assert with_emoji(text) == read
