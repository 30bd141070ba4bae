import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.pleasantries import without_pleasantries
from classifier.text import normalize


@pytest.mark.parametrize(
    ("text", "matter"),
    [
        ("你好，昨天退的货，退款什么时候到账？", "昨天退的货,退款什么时候到账?"),
        ("您好！我的快递呢，谢谢！", "我的快递呢"),
        ("你好在吗我想退货谢谢啦", "我想退货"),
        ("亲，在吗，这个有货吗", "这个有货吗"),
        ("客服你好 退款", "退款"),
        ("喂你好，我想问个事", "我想问个事"),
        ("打扰一下，几点下班", "几点下班"),
        ("请问几点下班，十分感谢", "请问几点下班"),
        ("帮我查一下麻烦您了谢谢", "帮我查一下"),
        ("帮我查一下，辛苦了", "帮我查一下"),
        ("能退吗？谢谢", "能退吗?"),
        ("好的谢谢", "好的"),
        ("Hi team,\nlogin fails", "login fails"),
        ("Dear Customer Service, my order is late. Thank you", "my order is late."),
        (
            "Hi, where is my parcel? Thanks in advance.\nBest regards,\nTom Miller",
            "where is my parcel?",
        ),
    ],
)
def test_the_matter_stays(text: str, matter: str) -> None:
    assert without_pleasantries(normalize(text)) == matter


@pytest.mark.parametrize(
    "text",
    [
        "你好",
        "在吗",
        "你好，谢谢",
        "谢谢谢谢",
        "thanks",
        "盼复",
        "你好像没发货",
        "你好意思吗",
        "你好慢",
        "流程太麻烦了",
        "师傅辛苦了",
        "不用谢谢",
        "替我谢谢",
        "no, thanks",
        "thanks for nothing",
        "hi-fi 音箱没声音",
        "麻烦帮我看下",
    ],
)
def test_what_is_no_pleasantry_or_all_that_is_said_stays(text: str) -> None:
    normal = normalize(text)
    assert without_pleasantries(normal) == normal


def test_a_number_alone_is_a_matter() -> None:
    assert without_pleasantries(normalize("你好 13800138000")) == normalize("13800138000")


@given(st.lists(st.sampled_from(["你好", "谢谢", "，", "hi ", "退款", " thanks", "。", "x"])))
def test_what_is_left_is_a_part_of_the_text(pieces: list[str]) -> None:
    normal = normalize("".join(pieces))
    matter = without_pleasantries(normal)
    assert matter in normal
    assert bool(matter) == bool(normal)
