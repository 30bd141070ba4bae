"""Key information in a message, where it stands: order numbers, phones, amounts, addresses.

For what a person wants to see at a glance, and for masking. Offsets are into the text as it was
written, so it is read here character by character as wide as it is, not normalised.
"""

import re
import unicodedata
from typing import NamedTuple

from classifier.text import DATE, EMAIL, HAN, KINDS, MONEY, NUMBER, ORDER, PHONE, TYPED, URL

NAMES: dict[str, tuple[str, str]] = {
    "order": ("单号", "order number"),
    "phone": ("电话", "phone number"),
    "money": ("金额", "amount"),
    "date": ("日期", "date"),
    "address": ("地址", "address"),
    "email": ("邮箱", "e-mail address"),
    "url": ("网址", "link"),
    "number": ("号码", "number"),
    "card": ("银行卡号", "bank card number"),
    "identity": ("身份证号", "ID card number"),
}
"""Each kind's name in Chinese and English."""

_KIND_OF = {
    ORDER: "order",
    PHONE: "phone",
    MONEY: "money",
    DATE: "date",
    EMAIL: "email",
    URL: "url",
    NUMBER: "number",
}

# A street with a house number makes an address; the Chinese characters before it belong to it,
# from where the sentence leads in (“我住在”).
_HOUSE = re.compile(
    r"(?:大道|路|街|巷|弄|胡同|村|小区)\s?[0-9a-z-]{1,6}\s?(?:号院|号楼|号|弄|栋|幢|座)"
    r"(?:\s?[0-9a-z-]{1,6}\s?(?:号楼|号|栋|幢|座|楼|层|单元|室|房)){0,4}"
    r"(?:\s?[0-9a-z-]{2,6}(?![0-9a-z-]))?"
)
# Bank cards by the first digits of UnionPay, Visa, Mastercard, JCB and Amex, in a row or in
# groups; ID cards of mainland China with a birthday inside. Both carry a check, or too many order
# numbers would be one. The runs are bounded and begin behind a look-behind: linear.
_CARD = re.compile(
    r"(?<![a-z0-9-])(?=6[02]|9558|4|5[1-5]|2[2-7]|35|3[47])\d(?:[ -]?\d){14,18}(?![a-z0-9-])"
)
_IDENTITY = re.compile(
    r"(?<![a-z0-9-])[1-9]\d{5}(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dx]"
    r"(?![a-z0-9-])"
)
_REACH = 24
"""Characters before the street that may belong to the address."""

_RUN = re.compile(rf"[{HAN}]*$")
_LEADS_IN = re.compile(r".*(?:地址是|地址|寄到|送到|搬到|位于|在|到|是)")


class Span(NamedTuple):
    """A piece of the text: of which kind, from where, up to where (excluded)."""

    kind: str
    start: int
    end: int


def spans(text: str) -> list[Span]:
    """What is found in ``text``, from left to right, none inside another."""
    folded = _folded(text)
    found = [_address(folded, match) for match in _HOUSE.finditer(folded)]
    found += [Span("identity", *m.span()) for m in _IDENTITY.finditer(folded) if _is_id(m[0])]
    known = {span.start for span in found}
    cards = (match for match in _CARD.finditer(folded) if match.start() not in known)
    found += [Span("card", *m.span()) for m in cards if _is_card(m[0])]
    taken = sorted((each.start, each.end) for each in found)
    begun = covered = 0
    for match in TYPED.finditer(folded):
        start, end = match.span()
        while begun < len(taken) and taken[begun][0] < end:
            covered = max(covered, taken[begun][1])
            begun += 1
        if covered <= start:
            found.append(Span(_KIND_OF[KINDS[match.lastgroup or "number"]], start, end))
    return sorted(found, key=lambda span: span.start)


def _is_card(text: str) -> bool:
    """The check of ISO/IEC 7812-1 annex B (Luhn)."""
    digits = [int(c) for c in reversed(text) if c.isdigit()]
    return sum(d if n % 2 == 0 else d * 2 - 9 * (d > 4) for n, d in enumerate(digits)) % 10 == 0


def _is_id(text: str) -> bool:
    """The check of GB 11643-1999 (ISO 7064 MOD 11-2)."""
    values = [10 if c == "x" else int(c) for c in text]
    return sum(v * pow(2, 17 - n, 11) for n, v in enumerate(values)) % 11 == 1


_PERSONAL = frozenset({"phone", "email", "address", "order", "number", "card", "identity"})


def anonymous(text: str, lang: str) -> str:
    """``text`` with its personal data named instead of told: 〔电话〕, [phone number].

    Names of people are no spans: they stay.
    """
    parts, at = [], 0
    for span in spans(text):
        if span.kind in _PERSONAL:
            zh, en = NAMES[span.kind]
            parts += [text[at : span.start], f"〔{zh}〕" if lang == "zh" else f"[{en}]"]
            at = span.end
    return "".join([*parts, text[at:]])


def _address(folded: str, house: re.Match[str]) -> Span:
    before = folded[max(0, house.start() - _REACH) : house.start()]
    run = _RUN.search(before)
    named = run.group() if run else ""
    led_in = _LEADS_IN.match(named)
    return Span(
        "address", house.start() - len(named) + (led_in.end() if led_in else 0), house.end()
    )


def _folded(text: str) -> str:
    """Half width and small, each character where it was."""
    if text.isascii():
        return text.lower()
    return "".join(map(_fold, text))


def _fold(character: str) -> str:
    plain = unicodedata.normalize("NFKC", character).lower()
    return plain if len(plain) == 1 else character
