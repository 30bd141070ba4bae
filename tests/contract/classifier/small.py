"""A taxonomy of three facets, and an example of each way to fill it."""

from classifier.examples import Example
from classifier.text import Text
from models.training import ClassSpec, FacetSpec, FloorSpec, Taxonomy

TAXONOMY = Taxonomy(
    version="t",
    facets={
        "fruit": FacetSpec(
            zh="水果",
            en="Fruit",
            threshold=0.6,
            classes={
                "苹果": ClassSpec(zh="苹果", en="Apple", cues=("红富士", "apple")),
                "香蕉": ClassSpec(zh="香蕉", en="Banana", cues=("banana",)),
                "葡萄": ClassSpec(zh="葡萄", en="Grape"),
            },
        ),
        "haste": FacetSpec(
            zh="快慢",
            en="Haste",
            ordinal=True,
            threshold=0.2,
            classes={
                "快": ClassSpec(zh="快", en="Fast", cost=4),
                "中": ClassSpec(zh="中", en="Middle", cost=1.5),
                "慢": ClassSpec(zh="慢", en="Slow"),
            },
        ),
        "mood": FacetSpec(
            zh="心情",
            en="Mood",
            classes={"好": ClassSpec(zh="好", en="Good"), "坏": ClassSpec(zh="坏", en="Bad")},
        ),
    },
    floors={
        "fire": FloorSpec(
            zh="失火", en="Fire", words=("着火", "盗刷", "on fire", "fraud"), sets={"haste": "快"}
        )
    },
)

_FRUITS = {"苹果": "这箱{}又红又脆", "香蕉": "一把{}弯弯的黄黄的", "葡萄": "一串{}紫色的酸酸的"}
_HASTES = {"快": "马上要，等不了", "中": "这两天要用", "慢": "不着急，慢慢来"}
_MOODS = {"好": "真开心", "坏": "烦死了"}
_TAILS = ("，谢谢", "。订单SF1234567890", "，in the bag", "，一共30元", "，店里卖光了？")


def samples() -> list[Example]:
    return [
        Example(
            Text(f"{fruit_text.format(fruit)}，{haste_text}，{mood_text}{tail}", channel="chat"),
            {"fruit": fruit, "haste": haste, "mood": mood},
        )
        for fruit, fruit_text in _FRUITS.items()
        for haste, haste_text in _HASTES.items()
        for mood, mood_text in _MOODS.items()
        for tail in _TAILS
    ]


NEW = [
    Text("红富士苹果有吗，马上要", channel="chat"),
    Text("banana弯的不急", subject="香蕉"),
    Text("訂單SF1234567890的葡萄，30元", channel="fax"),
    Text(""),
    Text("zzz qqq"),
]
