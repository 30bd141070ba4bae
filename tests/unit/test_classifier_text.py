import unicodedata

import pytest
from hypothesis import given
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
    default_cut,
    is_greeting,
    language,
    normalize,
    normalized,
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


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("裤子才洗一水 能退吗", "裤子才洗一水 能退吗"),
        ("刚才付款的时候\n点了两下\n\n结果扣了两笔", "刚才付款的时候 点了两下 结果扣了两笔"),
        ("我 想 退款 ， 怎么 操作", "我想退款,怎么操作"),
        ("你们 客服 电话 打不通", "你们客服电话打不通"),
        ("打开 app 闪退 ， 付了 30 元", f"打开app闪退,付了{MONEY}"),
    ],
)
def test_a_space_between_clauses_stays_and_between_words_goes(typed: str, read: str) -> None:
    assert normalize(typed) == read


def test_no_word_reaches_across_clauses() -> None:
    assert "水能" not in words(normalize("裤子才洗一水 能退吗"), default_cut())


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


@pytest.mark.parametrize(
    ("text", "guess"),
    [
        ("我的订单呢", "zh"),
        ("我的ＯＲＤＥＲ还没到", "zh"),
        ("我的order number是abc帮我查", "zh"),
        ("where is my order", "en"),
        ("refund", "en"),
        ("注文はどこですか、まだ届いていません", "und-Zzzz"),
        ("Здравствуйте, где мой заказ?", "und-Zzzz"),
        ("주문한 상품이 아직 안 왔어요", "und-Zzzz"),
        ("où est ma commande s'il vous plaît, déjà payée", "und-Latn"),
        ("todavía estoy esperando mi pedido, ayuda por favor", "und-Latn"),
        ("我の快递呢", "und"),
        ("بۇيرۇتقان مالىم كەلمىدى", "und"),
        ("أين طلبي من فضلكم", "und-Zzzz"),
        ("ང་ཚོའི་ཅ་ལག", "und"),
        ("kuaidi yizhi mei dao, bangwo cha yixia", "zh"),
        ("wo de baoguo you mei you dao", "zh"),
        ("you are late", "en"),
        ("refund please the item is broken", "en"),
        ("ＳＦ1234567890123", "en"),
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
        "有人没",
        "有人不？",
        "人呢",
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


@pytest.mark.parametrize("word", ["包", "VIP套餐", "", "字" * 21])
def test_an_own_word_is_chinese(word: str) -> None:
    with pytest.raises(ValueError, match="2 to 20 Chinese characters"):
        Taxonomy(version="t", words=(word,), facets={})
