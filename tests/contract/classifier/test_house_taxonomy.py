"""The taxonomy and the seed that come along."""

import tomllib
from pathlib import Path

import pytest

from classifier import seed
from classifier.rules import Floors
from classifier.text import normalize
from models.training import Taxonomy

ROOT = Path(__file__).parents[3]


def _house_taxonomy() -> Taxonomy:
    return Taxonomy.model_validate(
        tomllib.loads((ROOT / "config/taxonomy.toml").read_text("utf-8"))
    )


def test_the_house_taxonomy_and_seed_fit() -> None:
    taxonomy = _house_taxonomy()
    assert list(taxonomy.facets) == ["type", "domain", "urgency"]
    assert taxonomy.facets["urgency"].ordinal
    lower = {name for name, spec in taxonomy.floors.items() if spec.sets != {"urgency": "紧急"}}
    assert lower == {"doubt"}
    assert taxonomy.floors["doubt"].sets == {"urgency": "重要"}
    assert len(seed.load(taxonomy)) >= 750


@pytest.mark.parametrize(
    ("text", "floor"),
    [
        ("电池充电时起火，我手被烫伤了", "人身安全"),
        ("卡里三万块不是我刷的", "盗刷诈骗"),
        ("你们把客户信息泄露了", "信息泄露"),
        ("再不退款我就打12345投诉", "监管转办"),
        ("明天就找媒体曝光", "媒体曝光"),
        ("等着收律师函吧", "律师函诉讼"),
        ("我们业主要集体投诉", "群体投诉"),
        ("there is an unauthorized charge on my card", "盗刷诈骗"),
        ("you will hear from my lawyer", "律师函诉讼"),
        ("如果再不处理我就找媒体曝光", "媒体曝光"),
        ("不解决就法院见", "律师函诉讼"),
        ("急救包里的药过期了，人晕倒了", "人身安全"),
        ("热水器打不着火，一修就着火了", "人身安全"),
        ("漏电保护器一合上就漏电", "人身安全"),
        ("上次差点被骗，这次真的被骗了", "盗刷诈骗"),
        ("刚把养老钱转到公安局的安全账户了，这会觉得不对", "盗刷诈骗"),
        ("三万的贷款不是我办的，钱已经转走了", "盗刷诈骗"),
        ("I didn't take out this loan", "盗刷诈骗"),
        ("账单上三百二那笔好像不是我买的", "疑似盗刷"),
        ("刚才那笔不是我买的", "盗刷诈骗"),
    ],
)
def test_the_house_floors(text: str, floor: str) -> None:
    assert [found.spec.zh for found in Floors(_house_taxonomy()).find(normalize(text))] == [floor]


@pytest.mark.parametrize(
    "text",
    [
        "不是盗刷，就是想问问这笔是什么",
        "我没有被骗，只是问问",
        "怎么防止信息泄露",
        "我的密码是12345",
        "单号123154567什么时候到",
        "相机的曝光怎么调",
        "电梯的声音有点大",
        "this is not a fraudulent order",
        "快递什么时候到",
        "煤气灶打不着火，换了电池也不行",
        "爷爷误触电视遥控器买了部电影",
        "漏电保护器多少钱一个",
        "車上想放個急救包，你們有賣嗎",
        "幸好你们打电话核实，差点被骗",
        "【反诈中心】凡是要求转账到安全账户的都是诈骗",
        "盗刷险怎么买",
        "祝你们全体员工新年快乐",
        "旧光猫上门取件选个时间段吧，别天天堵门",
        "办贷款不是我一个人能定的，要问我爱人",
    ],
)
def test_no_house_floor(text: str) -> None:
    assert Floors(_house_taxonomy()).find(normalize(text)) == []


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("nonsense", "not JSON"),
        ("[]", "not an object"),
        ('{"text": "x"}', "missing"),
        (
            '{"text":"x","type":"咨询","domain":"产品","urgency":"一般","lang":"zh","channel":"fax","trade":"t"}',
            "channel",
        ),
        (
            '{"text":"x","type":"怪","domain":"产品","urgency":"一般","lang":"zh","channel":"chat","trade":"t"}',
            "type",
        ),
    ],
)
def test_a_broken_seed_line_is_named(line: str, wrong: str) -> None:
    with pytest.raises(seed.SeedBroken, match=f"a.jsonl:7: .*{wrong}"):
        seed._checked(line, "a.jsonl:7", _house_taxonomy())
