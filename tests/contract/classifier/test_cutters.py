"""Both that cut texts into words: rjieba, which is used, and jieba, which it must equal."""

from pathlib import Path

import pytest

from classifier.text import Cut, default_cut, normalize, reference_cut, with_words, words

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
