"""Presets by trade: each has seed messages of all its classes, trains, and tells them apart."""

import typing
from collections import Counter

import pytest

from classifier import seed
from classifier.corrections import corrected_examples
from classifier.fitting import TrainConfig
from classifier.predict import Classifier
from classifier.text import Text
from classifier.train import train
from config.settings import ConfigurationError, Preset, load, load_taxonomy
from models.training import Correction

PRESETS = typing.get_args(Preset)
ASKED = {
    "telecom": ("宽带断网了，光猫红灯一直闪，麻烦派师傅来修", "故障报修"),
    "bank": ("我的卡正在被盗刷，不是我操作的，快帮我冻结", "挂失止付"),
    "retail": ("快递五天不更新了，帮我催一下派送", "催单查件"),
    "civic": ("路口的井盖坏了，麻烦派人来修一下", "故障报修"),
    "saas": ("两步验证的手机丢了登录不上，麻烦解锁", "账号权限"),
}

BLAMING = Text("三号线故障为什么不提前通知？投诉你们")
"""Has the words of an inquiry and of a fault, and is neither."""


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_trains_and_tells_its_types_apart(preset: str) -> None:
    house = load_taxonomy(load(environ={}))
    taxonomy = load_taxonomy(load(environ={"SHOULI_PRESET": preset}))
    assert taxonomy.version.startswith(preset)
    assert taxonomy.facets["domain"] == house.facets["domain"]
    assert taxonomy.floors == house.floors
    inherited = taxonomy.facets["type"].classes["投诉"]
    assert inherited.cues == house.facets["type"].classes["投诉"].cues
    only = taxonomy.model_copy(update={"facets": {"type": taxonomy.facets["type"]}})
    data = seed.load(only)
    counts = Counter(example.labels["type"] for example in data)
    assert counts.keys() == taxonomy.facets["type"].classes.keys()
    assert min(counts.values()) >= 100
    text, kind = ASKED[preset]
    # To learn the whole corpus five times would take as long as a fifth of the contract's tests.
    shares = {name: 4 if name == kind else 16 for name in counts}
    some = [each for at, each in enumerate(data) if at % shares[each.labels["type"]] == 0]
    classifier = Classifier(train(some, only, TrainConfig(folds=3), now=0.0))
    figures = classifier.card.metrics["facets"]["type"]
    assert figures["macro_f1"] > 0.5  # by a sixteenth of the corpus; chance is below 0.15
    assert classifier.classify([Text(text)])[0].facets["type"].value == kind
    assert classifier.classify([BLAMING])[0].facets["type"].value == "投诉"


def test_what_was_corrected_before_the_preset_still_teaches() -> None:
    taxonomy = load_taxonomy(load(environ={"SHOULI_PRESET": "telecom"}))
    given = Correction("c", "t", "v", "a", 0.0, "type", "咨询", "求助", "", "请帮我改套餐", "live")
    taught, skipped = corrected_examples([given], taxonomy)
    assert not any(skipped.values())
    assert taught[0].example.labels == {"type": "业务办理"}


def test_another_trade_is_refused_in_words() -> None:
    with pytest.raises(ConfigurationError, match="preset"):
        load(environ={"SHOULI_PRESET": "farming"})
