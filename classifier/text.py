"""From what a customer typed to what the classifier reads: one way for training and use."""

import functools
import logging
import re
import tempfile
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import opencc
from numpy.typing import NDArray

_SAMPLE = 2_000
"""Characters by which the language is told."""

HEAD_CHARS = 16_000
TAIL_CHARS = 4_000
"""Of a longer text only its head and tail are read: the matter is told there."""

URL, EMAIL, PHONE, MONEY, DATE, ORDER, NUMBER, GLAD, ANGRY, EMOJI = map(chr, range(0xE000, 0xE00A))
"""Stand-ins for values whose kind matters and whose content does not. Each is one private-use
character, so that words and characters both see it as a single thing."""

STAND_INS: dict[str, tuple[str, str]] = {
    URL: ("网址", "link"),
    EMAIL: ("邮箱", "e-mail address"),
    PHONE: ("电话", "phone number"),
    MONEY: ("金额", "amount"),
    DATE: ("日期", "date"),
    ORDER: ("单号", "order number"),
    NUMBER: ("数字", "number"),
    GLAD: ("开心表情", "glad emoji"),
    ANGRY: ("生气表情", "angry emoji"),
    EMOJI: ("表情", "emoji"),
}

_PIECE = 512
"""NFKC sorts runs of combining marks in quadratic time; pieces of this size bound it."""

_UNREADABLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe0e\ufe0f\ufeff"
    "\ud800-\udfff\ue000-\uf8ff\U0001f3fb-\U0001f3ff\U000e0000-\U0010ffff]"
)

# Every alternative is bounded, or starts behind a look-behind and runs possessively, so that
# a digit or letter is read a fixed number of times whatever follows: linear on any input.
_AMOUNT = r"\d{1,12}(?:,\d{3}){0,4}(?:\.\d{1,8})?"
# What each can begin with stands before them all: most characters are passed over by one look.
TYPED = re.compile(
    r"(?=[a-z0-9_.+¥$€£-])"
    r"(?:(?P<url>(?:https?://|www\.)[^\s<>\u3000-\uffef]++)"
    r"|(?P<email>(?<![a-z0-9_.+-])[a-z0-9_.+-]++@[a-z0-9-]++(?:\.[a-z0-9-]++)+)"
    r"|(?P<phone>(?<![a-z0-9-])(?:(?:\+?86[ -]?)?1[3-9]\d[ -]?[\d*]{4}[ -]?[\d*]{4}"
    r"|0\d{2,3}[- ]?\d{7,8}|[48]00[- ]?\d{3,4}[- ]?\d{3,4})(?![a-z0-9*-]))"
    r"|(?P<date>(?<![a-z0-9-])(?:19|20)\d\d[-/.年]\d{1,2}[-/.月]\d{1,2}(?!\d)[日号]?)"
    rf"|(?P<money>[¥$€£]\s?{_AMOUNT}(?:万|千|亿|k\b)?"
    rf"|(?<![a-z0-9.]){_AMOUNT}\s?[万千百亿]?多?(?:人民币|美元|欧元|港币|日元|元|块钱?"
    r"|(?:rmb|cny|usd|eur|gbp|yuan|dollars?|bucks|euros?|pounds?)\b))"
    r"|(?P<order>(?<![a-z0-9-])(?=(?:[a-z-]{0,6}\d){6})[a-z0-9-]{8,}+)"
    r"|(?P<number>(?<![a-z0-9.])\d{6,}+))"
)
KINDS = {
    "url": URL,
    "email": EMAIL,
    "phone": PHONE,
    "date": DATE,
    "money": MONEY,
    "order": ORDER,
    "number": NUMBER,
}

_GLAD_EMOJI = "👍❤🌹😊😄😁😃😀🥰😍😘💐🎉👏🙏💯☺🤗💕💖😆🥳✨🌟⭐"
_ANGRY_EMOJI = "😡😠🤬👎😤💢😒🙄😭😢😞😩😫😖😣💔👿🤮🤢😨😰"
_FACES = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u231a-\u23ff\u200d\u20e3]+")

_PLAIN = (
    *zip("‘’“”", "''\"\"", strict=True),
    *zip("，！？：；（）", ",!?:;()", strict=True),
)
"""Written plainly before anything else: Chinese texts are full of them, and none combines."""

# What compatibility leaves as it is and no mark combines with, left out: the rest is in short
# runs. An ASCII character goes along, since a mark behind it combines with it.
_UNSTABLE = re.compile("[\x00-\x7f]?[^\x00-\x7f\u3001\u3002\u3400-\u4db5\u4e00-\u9fff]+")
_RUN = re.compile(r"(.)\1{2,}", re.DOTALL)
_SPACE = re.compile(r"\s+")
HAN = "\u3400-\u4dbf\u4e00-\u9fff"
# The space first: it is searched for as fast as memory is read, what stands around it is not.
_SPACE_AT_HAN = re.compile(rf" (?:(?<=[{HAN}] )(?![{HAN}])|(?<![{HAN}] )(?=[{HAN}]))")
_GAP = re.compile(rf" (?<=[{HAN}] )(?=[{HAN}])")
_HAN_RUN = re.compile(f"[{HAN}]+")

_CLAUSE = 3.0
"""Characters in a row that are on average a clause: words have fewer than two."""


@dataclass(frozen=True, slots=True)
class Text:
    """What is classified.

    ``channel`` is the manner of writing that the bundle has learnt (“chat”, “mail”, “phone”,
    “form”); one that it does not know says nothing.
    """

    text: str
    subject: str = ""
    channel: str = ""


@functools.cache
def _simplifier() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


def _compatible(text: str) -> str:
    if text.isascii():
        return text
    for fancy, plain in _PLAIN:
        text = text.replace(fancy, plain)
    return _UNSTABLE.sub(_normal_form, text)


def _normal_form(match: re.Match[str]) -> str:
    run = match.group()
    return "".join(
        unicodedata.normalize("NFKC", run[start : start + _PIECE])
        for start in range(0, len(run), _PIECE)
    )


def _typed(match: re.Match[str]) -> str:
    return f" {KINDS[match.lastgroup or 'number']} "


def _face(match: re.Match[str]) -> str:
    faces = match.group()
    glad = sum(face in _GLAD_EMOJI for face in faces)
    angry = sum(face in _ANGRY_EMOJI for face in faces)
    if glad == angry:
        return f" {EMOJI} "
    return f" {GLAD} " if glad > angry else f" {ANGRY} "


def _cut_to_length(text: str) -> str:
    if len(text) <= HEAD_CHARS + TAIL_CHARS:
        return text
    return f"{text[:HEAD_CHARS]} {text[-TAIL_CHARS:]}"


def normalize(text: str) -> str:
    """``text`` as the classifier reads it, in time linear in its length.

    Full width becomes half width, capitals small, traditional characters simplified; links,
    addresses, phone and order numbers, amounts and emoji become stand-ins; a character
    repeated more than twice is kept twice. Spaces beside Chinese characters go, but those, and
    ends of lines, that stand for a comma, as people write in chats; between the words of
    segmented text none does.
    """
    text = _compatible(_UNREADABLE.sub("", _cut_to_length(text))).lower()
    if not text.isascii():
        text = _simplifier().convert(text)
        text = _FACES.sub(_face, text)
    text = TYPED.sub(_typed, text)
    text = _RUN.sub(r"\1\1", text)
    text = _SPACE.sub(" ", text).strip()
    return _without_needless_spaces(text)


def _without_needless_spaces(text: str) -> str:
    text = _SPACE_AT_HAN.sub("", text)
    if not _GAP.search(text):
        return text
    runs = _HAN_RUN.findall(text)
    segmented = sum(map(len, runs)) < _CLAUSE * len(runs)
    return _GAP.sub("", text) if segmented else text


_HAN_ALONE = re.compile("[\u3400-\u4db5\u4e00-\u9fff]+")


def normalized(phrases: Iterable[str]) -> list[str]:
    """``normalize`` of each, in order.

    Of a taxonomy's two thousand phrases most are Chinese characters alone, to which only
    simplifying and repetition apply: those go through together, apart by line ends.
    """
    every = list(phrases)
    alone = [phrase for phrase in every if _HAN_ALONE.fullmatch(phrase)]
    together = _RUN.sub(r"\1\1", _simplifier().convert("\n".join(alone)))
    known = dict(zip(alone, together.split("\n"), strict=True)) if alone else {}
    return [known[phrase] if phrase in known else normalize(phrase) for phrase in every]


Cut = Callable[[str], Iterable[str]]
"""Cuts a run of Chinese characters into words."""


def reference_cut() -> Cut:
    """Jieba itself, the reference for how words are cut.

    Its cache is written to a private directory that goes with this call: in the shared
    temporary folder, where jieba would put it, anyone can plant a file to be unmarshalled.
    """
    with warnings.catch_warnings():
        # jieba 0.42.1 is from 2020; what it warns of is not ours to mend.
        warnings.simplefilter("ignore")
        import jieba
    jieba.setLogLevel(logging.WARNING)
    tokenizer = jieba.Tokenizer()
    with tempfile.TemporaryDirectory(prefix="shouli-jieba-") as private:
        tokenizer.tmp_dir = private
        tokenizer.initialize()
    cut: Cut = tokenizer.lcut
    return cut


@functools.cache
def default_cut() -> Cut:
    """The fast way to cut: rjieba, or jieba where there is no wheel of it.

    On runs of Chinese characters both give the same words, rjieba about thirty times faster.
    """
    try:
        import rjieba
    except ImportError:
        return reference_cut()
    cut: Cut = rjieba.cut
    return cut


def with_words(cut: Cut, own: Iterable[str]) -> Cut:
    """``cut``, but for ``own`` words, which are never cut apart: the longest that begins first.

    Found before anything else is cut, so that jieba and its accelerator stay equal.
    """
    longest_first = sorted(set(own), key=lambda word: (-len(word), word))
    if not longest_first:
        return cut
    known = re.compile("|".join(map(re.escape, longest_first)))

    def cut_around(text: str) -> Iterator[str]:
        at = 0
        for match in known.finditer(text):
            yield from cut(text[at : match.start()])
            yield match.group()
            at = match.end()
        yield from cut(text[at:])

    return cut_around


# Only what jieba's own dictionary covers goes to it: on anything else jieba and rjieba differ.
_TOKEN = re.compile(
    r"(?P<han>[\u4e00-\u9fd5]+)"
    r"|[a-z0-9]+(?:['._+-][a-z0-9]+)*"
    r"|[\ue000-\ue009]"
    r"|[^\W\u4e00-\u9fd5a-z0-9]+"
)


def words(normal: str, cut: Cut) -> list[str]:
    """The words of a normalised text in order, stand-ins among them, punctuation not.

    All Chinese runs are cut in one call, apart by line ends, across which no word reaches.
    """
    tokens = list(_TOKEN.finditer(normal))
    pieces = [*cut("\n".join(token.group() for token in tokens if token.lastgroup)), "\n"]
    found: list[str] = []
    start = 0
    for token in tokens:
        if token.lastgroup:
            end = pieces.index("\n", start)
            found += pieces[start:end]
            start = end + 1
        else:
            found.append(token.group())
    return found


_ENGLISH = re.compile(
    r"\b(?:the|a|an|i|my|me|you|your|is|are|was|to|of|and|in|for|on|it|this|that|have|has|not"
    r"|do|does|can|please|what|how|when|why|where|we|be|with|no|hi|hello|thanks|thank)\b"
)
_LATIN = re.compile("[a-z]+")
_IDEOGRAPHS = re.compile("[\u3400-\u9fff]+")
_STRANGE = re.compile("[^\x00-\x7f\u3400-\u9fff\ue000-\uf8ff]+")


def code_points(text: str) -> NDArray[np.uint32]:
    """The characters of ``text`` as numbers."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


_FOREIGN = re.compile(
    "[\u3040-\u30ff\uac00-\ud7af\u0370-\u052f\u0590-\u05ff\u0620-\u064a\u0900-\u097f\u0e00-\u0e7f]"
)
"""Letters of who does not write Chinese: kana, Hangul, Greek, Cyrillic, Hebrew, Arabic, Thai,
Devanagari. Tibetan, Mongolian and Yi are none: who writes them in China reads Chinese as well."""

_UYGHUR = re.compile("[\u06c6-\u06c8\u06cb\u06d0\u06d5]")
"""Arabic letters that Arabic itself does not have."""

_ANY_LATIN = re.compile("[a-z\u00c0-\u024f\u1e00-\u1eff]")

_PINYIN = re.compile(
    r"(?:(?:zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw])?"
    r"(?:[iu]ang|iong|[aeio]ng|i[ae]n|iao|ua[in]|[ae][in]|[ao]o|ou|[iu]n|i[aeu]|u[aeio]|er|[aeiouv]))+"
)
_PINYIN_WORDS = 3
_SENTENCE = 12
"""Letters: fewer may be a name or the number of something."""


def language(text: str) -> str:
    """A cheap guess: “zh”, also in pinyin, “en”, or “und” where it cannot be told.

    A language that is none of both is “und-Latn” or, in other letters, “und-Zzzz” (BCP 47).
    """
    normal = _compatible(text[:_SAMPLE]).lower()
    guess = language_of(normal)
    if guess != "zh" and _is_pinyin(normal):
        return "zh"
    return _foreign(normal) if guess == "und" else guess


def _is_pinyin(sample: str) -> bool:
    """Chinese without Chinese keys: “wo de kuaidi hai mei dao”."""
    written = re.findall("[a-z]+", sample)
    english = len(_ENGLISH.findall(sample))
    return (
        len(written) >= _PINYIN_WORDS
        and english * 2 < len(written)
        and all(_PINYIN.fullmatch(word) for word in written)
    )


def _foreign(sample: str) -> str:
    han = len("".join(_IDEOGRAPHS.findall(sample)))
    if len(_FOREIGN.findall(sample)) > han and not _UYGHUR.search(sample):
        return "und-Zzzz"
    return "und-Latn" if len(_ANY_LATIN.findall(sample)) >= max(_SENTENCE, 4 * han) else "und"


def language_of(normal: str) -> str:
    """“zh”, “en” or “und”, of a text that is normalised already: what the classifier learns by."""
    sample = normal[:_SAMPLE]
    latin = len("".join(_LATIN.findall(sample)))
    han = other = 0
    if not sample.isascii():
        han = len("".join(_IDEOGRAPHS.findall(sample)))
        letters = "".join(_STRANGE.findall(sample))
        other = sum(each.isalnum() and not each.isdecimal() for each in letters)
    if other * 5 > han + latin:
        return "und"
    if han and han * 4 >= latin:
        return "zh"
    if latin < 2 or other * 20 > latin:
        return "und"
    few_words = sample.count(" ") < 4
    return "en" if few_words or _ENGLISH.search(sample) else "und"


# No word is made of others: what can be cut in two ways is tried in all of them, 40 characters of
# 亲亲 took 0.1 s.
_GREETING = re.compile(
    r"(?:(?:你好|您好|哈喽|哈啰|哈罗|嗨|喂|亲|在吗|在么|在嘛|在不在?|有人吗|有人在吗"
    r"|有人么|有人没有?|有人不|人呢|有客服吗|客服|人工|小姐姐|老师|请问|请问一下|打扰了|打扰一下"
    r"|早|早上好|上午好|中午好|下午好|晚上好|早安|呀|啊|哦|吗"
    r"|hi|hello|hey|hiya|yo|dear|there|all|team|sir|madam|good (?:morning|afternoon|evening)"
    r"|anyone(?: here)?|is anyone there|are you there|excuse me)"
    r"(?![a-z])[\W_]*)+"
)
_LONGEST_GREETING = 40


def is_greeting(text: str) -> bool:
    """Whether ``text`` only calls for attention (“在吗”, “hi”, “？”): the matter is to come.

    False for an empty text, since a picture may have come alone.
    """
    text = text.strip()
    if len(text) > _LONGEST_GREETING:
        return False
    normal = normalize(text)
    if not normal:
        return False
    said = re.sub(r"^[\W_]+", "", normal)
    return not said or _GREETING.fullmatch(said) is not None
