"""The same messages as other people would put them: of labels that are sound, none changes for it.

Each manner is a way to open, to close or to type that says nothing of the matter. The forms of
``APART`` were written before anything was mended for the others, and judge whether it holds for
what nobody had in mind; but 想请教, 坐等 and 挺急的 were known to who wrote the rules. Those of
``LATER`` were written after that, and no rule has been made for any of them.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import opencc

from classifier.predict import Classifier
from classifier.text import Text

Put = Callable[[Text], Text]
"""A message to the same in another manner."""

_TRADITIONAL = opencc.OpenCC("s2t")
_STOPS = re.compile(r"[，。！？、；：,.!?;:…~\s]+")
_FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}


def _typed(change: Callable[[str], str]) -> Put:
    return lambda item: replace(item, text=change(item.text))


def _around(*forms: str) -> tuple[Put, ...]:
    """Puts the text, without its full stop, where each form has {}."""

    def put(form: str) -> Put:
        return _typed(lambda text: form.format(text.rstrip("。！.!")))

    return tuple(map(put, forms))


def _under(*subjects: str) -> tuple[Put, ...]:
    """The text as a mail of each subject, but for what has one."""

    def put(subject: str) -> Put:
        return lambda item: replace(item, subject=item.subject or subject)

    return tuple(map(put, subjects))


def _instead_of_stops(mark: str) -> Put:
    return _typed(lambda text: _STOPS.sub(mark, text).strip())


CHINESE: Mapping[str, tuple[Put, ...]] = {
    "你好，…，谢谢": _around(
        "你好，{}", "您好！{}", "在吗，{}", "{}，谢谢", "{}，麻烦了", "你好，{}，谢谢！"
    ),
    "我想问一下，…": _around(
        "我想问一下，{}",
        "想问下{}",
        "麻烦问下，{}",
        "请问一下，{}",
        "咨询一下，{}",
        "你好，我想咨询一下{}",
    ),
    "请问…": _around("请问{}", "请问，{}", "你好请问{}"),
    "亲，… 客服在吗…": _around("亲，{}", "亲{}", "客服在吗，{}", "客服，{}", "有客服吗？{}"),
    "…，在线等": _around("{}，在线等", "{} 在线等回复", "{}，等回复"),
    "…急急急": _around("{}急急急", "{}，急！！！", "急急急，{}", "{}，在线等，急"),
    "…[微笑]": _around(
        "{}[微笑]", "{}[流泪]", "{}[抱拳]", "{}[玫瑰][玫瑰]", "{}[大哭]", "{}[发怒]"
    ),
    "…🙏": _around("{}🙏", "{}😭", "{}😂", "🙏{}", "{}🙏🙏🙏"),
    "…！！！": _around("{}！！！", "{}!", "{}。", "{}～", "{}......"),
    "…？？？": _around("{}？？？", "{}？"),
    "…呢": _around("{}呢", "{}啊"),
    "繁體": (_typed(_TRADITIONAL.convert),),
    "全角 / full width": (_typed(lambda text: text.translate(_FULL_WIDTH)),),
    "没有标点 / no stops": (_instead_of_stops(""),),
    "空格、换行代替标点 / spaces, lines": (_instead_of_stops(" "), _instead_of_stops("\n")),
    "主题：你好 / as a subject": _under("你好", "您好！", "在吗", "Hello"),
}
ENGLISH: Mapping[str, tuple[Put, ...]] = {
    "Hi, … thanks": _around(
        "Hi, {}", "Hello, {}", "Hi team,\n{}", "{} Thanks", "Dear Sir or Madam,\n{}\nRegards"
    ),
    "Just wondering, …": _around(
        "Just wondering, {}",
        "Quick question: {}",
        "I would like to ask, {}",
        "I have a question. {}",
    ),
    "URGENT … ASAP": _around("{}, please reply ASAP", "URGENT: {}"),
    "… 🙏 !!!": _around("{} 🙏", "{} 😭", "{}!!!"),
    "UPPER, lower": (_typed(str.upper), _typed(str.lower)),
    "no stops": (_typed(lambda text: re.sub(r"[,.!?;:']", "", text)),),
    "Subject: Hello": _under("Hello", "Hi there"),
}
APART_CHINESE: Mapping[str, tuple[Put, ...]] = {
    "想请教一下，…": _around(
        "想请教一下，{}",
        "有个问题想问问，{}",
        "帮忙问一下 {}",
        "我来问问{}",
        "打扰了，想咨询个事，{}",
        "不好意思问一下哈，{}",
        "跟您打听个事，{}",
        "向你们了解一下，{}",
    ),
    "小姐姐，…": _around(
        "小姐姐，{}", "你们好呀～{}", "哈喽哈喽，{}", "hello，{}", "人呢？{}", "喂 {}"
    ),
    "…坐等": _around("{}，坐等回复", "{} 等你们消息", "{}，速回", "{}，尽快回复我"),
    "…挺急的": _around("{}，挺急的", "着急！{}", "{} 急！", "十万火急 {}"),
    "…[捂脸]": _around("{}[捂脸]", "{}[旺柴]", "[叹气]{}", "{}[R]", "{}/流泪", "{}(T_T)"),
    "…🥺": _around("{}🥺", "😊{}", "{}💔", "{}🤔🤔"),
    "…!?!?": _around("{}!?!?", "{}！", "{}…？", "！！{}"),
    "…哦 那个…": _around("{}哦", "{}哈", "{} 。。", "那个，{}", "就是{}"),
}
APART_ENGLISH: Mapping[str, tuple[Put, ...]] = {
    "Could I ask …": _around("Could I ask, {}", "Wanted to check: {}", "hey guys, question, {}"),
    "… get back to me": _around(
        "{} Please get back to me.", "{} pls help", "{} Need this quickly.", "{} Waiting online."
    ),
}
LATER_CHINESE: Mapping[str, tuple[Put, ...]] = {
    "老铁，…": _around("各位大神，{}", "老铁，{}", "家人们，{}", "大兄弟，{}"),
    "说个事儿，…": _around("说个事儿，{}", "是这样子的，{}", "跟你们讲，{}", "情况如下：{}"),
    "…求解答": _around("{}，蹲一个回复", "{}，求解答", "{}，盼回音", "{} 拜托拜托"),
    "…火烧眉毛了": _around("{}，我都快急死了", "{}，火烧眉毛了", "麻溜的，{}", "{}，越快越好"),
    "…呗 害，…": _around("{}呗", "{}哎", "emmm {}", "害，{}"),
    "~…~ 【…】": _around("~{}~", "【{}】", "{}、、、", "{}!?"),
    "弱弱地问一句，…": _around(
        "想打探一下，{}", "弱弱地问一句，{}", "小白请教，{}", "方便问一下吗，{}"
    ),
}
LATER_ENGLISH: Mapping[str, tuple[Put, ...]] = {
    "So, …": _around("So, {}", "Sorry to bother you, {}", "Not sure who to ask: {}"),
    "… any help?": _around("{} Much appreciated.", "{} Any help?", "{} please advise"),
}


class Changes(NamedTuple):
    """Of ``asked`` messages in a manner, how many changed each facet."""

    asked: int
    of: Counter[str]


def changes(classifier: Classifier, items: Sequence[Text], forms: Sequence[Put]) -> Changes:
    """How many labels of ``items`` are others in each of ``forms``, together."""
    plain = classifier.classify(items)
    changed: Counter[str] = Counter()
    for put in forms:
        for before, after in zip(plain, classifier.classify([*map(put, items)]), strict=True):
            changed.update(
                facet
                for facet, label in after.facets.items()
                if label.value != before.facets[facet].value
            )
    return Changes(len(items) * len(forms), changed)


def tell(classifier: Classifier, items: Sequence[Text]) -> None:
    """Prints a row a manner: how many there are, and how many labels of each facet changed."""
    english = [item for item in items if item.text.isascii()]
    chinese = [item for item in items if not item.text.isascii()]
    facets = list(classifier.taxonomy.facets)
    print(f"{'changed by':36} {'of':>5} " + " ".join(f"{facet:>8}" for facet in facets))
    for ours, manners, kept in (
        (chinese, CHINESE, ""),
        (english, ENGLISH, ""),
        (chinese, APART_CHINESE, "apart: "),
        (english, APART_ENGLISH, "apart: "),
        (chinese, LATER_CHINESE, "later: "),
        (english, LATER_ENGLISH, "later: "),
    ):
        for name, forms in manners.items():
            asked, changed = changes(classifier, ours, forms)
            row = " ".join(f"{changed[facet]:8}" for facet in facets)
            print(f"{kept + name:36} {asked:5} {row}")
