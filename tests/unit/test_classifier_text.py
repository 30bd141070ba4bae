import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.phrases import Phrases
from classifier.text import (
    ANGRY,
    DATE,
    EMAIL,
    GLAD,
    MONEY,
    NUMBER,
    ORDER,
    PHONE,
    STAND_INS,
    URL,
    Cut,
    default_cut,
    is_greeting,
    language,
    normalize,
    normalized,
    reference_cut,
    with_words,
    words,
)
from config.settings import load, load_taxonomy
from models.training import Taxonomy


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("ＡＰＰ打不开！！！！！", "app打不开!!"),
        ("我的訂單怎麼還沒到", "我的订单怎么还没到"),
        ("我 要 退 款", "我要退款"),
        ("退\u200b款", "退款"),
        ("好好好好好的", "好好的"),
        ("I can’t log in", "i can't log in"),
        ("打12315", "打12315"),
        ("iPhone15 和 5G", "iphone15和5g"),
        ("error 500", "error 500"),
        ("收到13812345678的短信", f"收到{PHONE}的短信"),
        ("收到138****5678的短信", f"收到{PHONE}的短信"),
        ("打400-123-4567没人接", f"打{PHONE}没人接"),
        ("退我1,200.50元", f"退我{MONEY}"),
        ("扣了3万块钱", f"扣了{MONEY}"),
        ("refund $99.90 please", f"refund {MONEY} please"),
        ("单号SF1234567890123已签收", f"单号{ORDER}已签收"),
        ("2026-11-03下的单", f"{DATE}下的单"),
        ("写信到me.too@example.com", f"写信到{EMAIL}"),
        ("看https://example.com/a?b=1。", f"看{URL} 。"),
        ("工号123456", f"工号{NUMBER}"),
        ("太棒了👍🏻👍", f"太棒了{GLAD}"),
        ("😡😡又坏了", f"{ANGRY}又坏了"),
        ("\ud800坏\x00的\ue003", "坏的"),
        ("", ""),
    ],
)
def test_normalize(typed: str, read: str) -> None:
    assert normalize(typed) == read


_PHRASES = [
    "退款",
    "訂單",
    "头髮",
    "好好好好",
    "",
    "app闪退",
    "着急啊啊啊",
    "打12315",
    "一\n二",
    "㐀𠀀",
    "！！！",
    "裏面",
]


def test_many_phrases_read_as_each_alone() -> None:
    cues = [
        phrase
        for facet in load_taxonomy(load(environ={})).facets.values()
        for spec in facet.classes.values()
        for phrase in spec.cues
    ]
    assert normalized([*_PHRASES, *cues]) == [normalize(each) for each in (*_PHRASES, *cues)]
    assert normalized([]) == []
    assert normalized(["app"]) == ["app"]


@given(st.lists(st.text("退款訂單裏面髮发頭a \n！", max_size=6), max_size=5))
def test_drawn_phrases_read_as_each_alone(phrases: list[str]) -> None:
    assert normalized(phrases) == [normalize(each) for each in phrases]


@given(st.text(max_size=300))
@settings(max_examples=60, deadline=None)
def test_normalize_takes_anything_and_what_it_gives_can_be_cut(typed: str) -> None:
    normal = normalize(typed)
    normal.encode()
    assert all(token and not token.isspace() for token in words(normal, default_cut()))


def test_a_long_text_keeps_head_and_tail() -> None:
    normal = normalize("投诉" + "甲乙" * 50_000 + "退款")
    assert normal.startswith("投诉")
    assert normal.endswith("退款")
    assert len(normal) <= 20_001


def test_words_keep_stand_ins_and_ascii_whole() -> None:
    normal = normalize("我的iPhone订单SF1234567890很慢，don't wait")
    assert words(normal, default_cut()) == [
        "我",
        "的",
        "iphone",
        "订单",
        ORDER,
        "很",
        "慢",
        "don't",
        "wait",
    ]


_SENTENCES = (
    "快递三天没动静了，什么时候能到？客服电话一直占线，转人工排了四十分钟。"
    "发票抬头开错了能不能红冲重开，税号是91310000MA1K。"
    "研究生命起源的同学在乒乓球拍卖完了之后结婚的和尚未结婚的都来了。"
    "我司系贵行对公客户，网银ukey插上无反应，工资代发今日截止，恳请加急处理！"
    "嗯那个我想问一下哈，就是我爸他住院那个报销，咋弄啊。叒叕㐂鿕龘靐。"
)


@pytest.fixture(scope="module")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The temporary folder of ``jieba``."""
    return tmp_path_factory.mktemp("jieba")


@pytest.fixture(scope="module")
def jieba(temporary: Path) -> Cut:
    """Jieba itself, loaded once: that takes longer than most tests here together."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(temporary))
        return reference_cut()


@pytest.fixture(params=["fast", "reference"])
def cut(request: pytest.FixtureRequest, jieba: Cut) -> Cut:
    return default_cut() if request.param == "fast" else jieba


def test_jieba_leaves_no_cache_behind(jieba: Cut, temporary: Path) -> None:
    assert jieba("退款")
    assert not list(temporary.iterdir())


def test_rjieba_cuts_exactly_as_jieba(jieba: Cut) -> None:
    fast = default_cut()
    pieces = [
        normalize(_SENTENCES[start : start + size])
        for size in (3, 7, 20, 60)
        for start in range(len(_SENTENCES))
    ]
    for piece in pieces:
        assert words(piece, fast) == words(piece, jieba)


@pytest.mark.parametrize(
    ("text", "guess"),
    [
        ("我的订单呢", "zh"),
        ("我的ＯＲＤＥＲ还没到", "zh"),
        ("我的order number是abc帮我查", "zh"),
        ("where is my order", "en"),
        ("refund", "en"),
        ("注文はどこですか、まだ届いていません", "und"),
        ("où est ma commande s'il vous plaît, déjà payée", "und"),
        ("12345 ???", "und"),
        ("", "und"),
    ],
)
def test_language(text: str, guess: str) -> None:
    assert language(text) == guess


@pytest.mark.parametrize(
    "text",
    [
        "在吗",
        "你好",
        "hi",
        "您好，在吗？",
        "Hi there!",
        "？",
        "👋",
        "亲，有人吗",
        "在吗在吗在吗",
        "hello hello",
    ],
)
def test_greetings(text: str) -> None:
    assert is_greeting(text)


@pytest.mark.parametrize(
    "text", ["", "  ", "你好，我要退款", "hi, refund please", "history", "在吗" * 30, "你好差"]
)
def test_no_greetings(text: str) -> None:
    assert not is_greeting(text)


def test_phrases_find_the_longest_and_whole_words() -> None:
    phrases = Phrases(["满意", "不满意", "ship", "一直没", "没收到", "收到", "12315"])
    found = [
        hit.phrase for hit in phrases.find("不满意,一直没收到,membership,ship 123154 打12315")
    ]
    assert found == ["不满意", "一直没", "没收到", "ship", "12315"]


def test_stand_ins_are_private_and_named_twice() -> None:
    for character, (zh, en) in STAND_INS.items():
        assert unicodedata.category(character) == "Co"
        assert zh
        assert en


def test_the_trades_own_words_are_never_cut_apart(cut: Cut) -> None:
    own = with_words(cut, ["权益包", "包月权益包"])
    normal = normalize("我的權益包没到账，包月权益包呢？权益包\n权益包")
    found = words(normal, own)
    assert [word for word in found if "权益" in word] == [
        "权益包",
        "包月权益包",
        "权益包",
        "权益包",
    ]
    assert "".join(found) == "我的权益包没到账包月权益包呢权益包权益包"
    assert with_words(cut, []) is cut


def test_both_cutters_stay_equal_around_own_words(jieba: Cut) -> None:
    normal = normalize("请问花呗分期的手续费怎么退，我在你们平台办了两次花呗分期")
    both = [words(normal, with_words(cut, ["花呗分期"])) for cut in (default_cut(), jieba)]
    assert both[0] == both[1]
    assert both[0].count("花呗分期") == 2


@pytest.mark.parametrize("word", ["包", "VIP套餐", "", "字" * 21])
def test_an_own_word_is_chinese(word: str) -> None:
    with pytest.raises(ValueError, match="2 to 20 Chinese characters"):
        Taxonomy(version="t", words=(word,), facets={})
