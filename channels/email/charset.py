"""Bytes to text, as a reader would expect it, whatever the mail declares.

Real Chinese mail declares gb2312 and sends GBK, declares iso-8859-1 and sends GBK, or
declares nothing. The order was measured: what cannot be accidental (byte order marks, escape
sequences, strict UTF-8) goes before what is declared, and that before what is guessed.
"""

import codecs
import re
from collections.abc import Iterator
from encodings.aliases import aliases
from functools import lru_cache

from channels.email import iso2022jp, plausible

_WIDER = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "cp950": "big5hkscs",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "iso2022_jp": "iso2022_jp_ext",
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
}
"""Python's name of a charset to the superset that mail programs really send under it."""

_ALIASES = {
    "x_gbk": "gb18030",
    "gb_2312_80": "gb18030",
    "x_euc_cn": "gb18030",
    "windows_936": "gb18030",
    "x_big5": "big5hkscs",
    "x_sjis": "cp932",
    "cp_850": "cp850",
    "windows_874": "cp874",
    "iso_8859_8_i": "iso8859_8",
    "utf8mb4": "utf_8",
}
"""Names that are seen in mail and that Python does not know."""

_CODECS = frozenset(aliases.values()) | {"cp737", "cp874", "koi8_u"}

_NOT_CHARSETS = frozenset(
    {"base64_codec", "bz2_codec", "hex_codec", "mbcs", "quopri_codec", "rot_13", "uu_codec"}
    | {"zlib_codec"}
)
"""What Python also calls codecs."""

_SEVEN_BIT = ("iso2022", "hz", "utf-7", "utf-16", "utf-32")
"""Beginnings of charsets whose bytes are, or may be, valid UTF-8 with another meaning."""

_WINDOWS_JP = "cp50221"
"""Unknown to Python, see ``iso2022jp``."""

_WESTERN = "cp1252"
"""Has a character for nearly any byte, so that declaring it proves nothing."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_SAMPLE = 65_536
"""Bytes that a guess is made from: guessing is slow and soon certain."""

_PLAUSIBLE = 0.5
"""Share of non-ASCII bytes that must be everyday characters before a guess is believed.
Running Chinese has about 0.8, Western text read as Chinese below 0.2."""

_TOLERABLE = 0.1
"""Share of the characters beyond ASCII that may be broken in a text still understood."""

_LEAST_TO_DETECT = 24
"""Bytes beyond ASCII: the detector's word on fewer is worth nothing."""

_MOST_LINES = 20_000
"""Lines that are looked at one by one."""

_DETECTOR_SAMPLE = 8_192
"""Bytes for the detector, which costs about 10 ms for each 4 KB."""

_MEANT = {"gb18030": "big5hkscs", "big5hkscs": "gb18030", "cp949": "gb18030"}
"""Charsets that accept nearly any bytes of another, which is sent under their names as well."""

_FAMILIAR = 0.2
"""Share of frequent characters above which all is Chinese."""

_SAMPLE_TO_DOUBT = 1_024
_STRAY = "channels.email.stray"
"""The name under which the codecs know what becomes of bytes that no charset explains."""

_LETTERS = re.compile(rb"[A-Za-z]")
_LOW_BYTES = bytes(range(128))

_EVERYDAY = {
    # Pairs of the first level of GB 2312 and its punctuation, or any other pair.
    "gb18030": re.compile(
        rb"([\xb0-\xd7][\xa1-\xfe]|[\xa1\xa3][\xa1-\xfe])|[\x81-\xfe][\x30-\xfe]"
    ),
    # Big5 level 1 (5,401 frequent characters) and punctuation.
    "big5hkscs": re.compile(
        rb"([\xa4-\xc6][\x40-\x7e\xa1-\xfe]|\xa1[\x40-\x7e])|[\x81-\xfe][\x40-\x7e\xa1-\xfe]"
    ),
    # Kana and its punctuation: no Japanese is without.
    "cp932": re.compile(
        rb"(\x82[\x9f-\xf1]|\x83[\x40-\x96]|\x81[\x40-\x5b])|[\x81-\x9f\xe0-\xfc][\x40-\xfc]"
    ),
}


_TELLING = {
    # Nothing but Hangul, which Chinese has on a fifth of its places.
    "cp949": (re.compile(rb"([\xb0-\xc8][\xa1-\xfe])|[\x81-\xfe][\x40-\xfe]"), 0.95),
    # A third is Hiragana: rare in Chinese, and in Big5 the place of some frequent characters.
    "euc_jp": (re.compile(rb"(\xa4[\xa1-\xf3])|[\x8e-\xfe][\xa1-\xfe]"), 0.33),
}
"""What only one language has so much of, though its bytes are characters of others, too."""

_TELLING_OF_FEW = {
    "cp949": _TELLING["cp949"],
    # Nothing but kana and the first level of JIS X 0208.
    "cp932": (
        re.compile(
            rb"(\x82[\x9f-\xf1]|\x83[\x40-\x96]|\x81[\x40-\x5b]|[\x88-\x97][\x40-\xfc])"
            rb"|[\x81-\x9f\xe0-\xfc][\x40-\xfc]"
        ),
        1.0,
    ),
}

_A_LITTLE_LESS = 0.99
"""Of what reads as well in both, Chinese is meant."""

_BESIDE_LATIN = re.compile(rb"[0-9A-Za-z][\xc2-\xdf]|[\x80-\xbf][0-9A-Za-z]")
_CN_DESIGNATION = re.compile(rb"\x1b\$\)A")
_CN_SHIFTED = re.compile(rb"\x0e([^\x0f\r\n]*)\x0f?")
"""ISO-2022-CN (RFC 1922), which Python does not know: GB 2312 without the high bit, between SO
and SI, a line at a time."""

_GATEWAYS = 600
"""Bytes above and below a text in which a gateway puts its own."""

_SURELY_UTF8 = re.compile(rb"(?:[\xe3-\xe9][\x80-\xbf]{2}){4}")
_WRAPPED = re.compile(
    rb"([\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2})\r?\n(?=[\x80-\xbf])"
)
"""A line end within a character of UTF-8."""

_LARGEST_MENDED = 262_144
"""Bytes: to look through more would take as long as all else of a mail together."""

_SURROGATE = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")
_HZ = re.compile(rb"~\{((?:[\x21-\x77][\x21-\x7e]){2,})~\}")
"""GB 2312 without the high bit, as the newsgroups wrote it (RFC 1843)."""

_COMMON = frozenset(
    "的一是不了我你您在有这这个们来到时大为上就说要会请没么好和也還没沒這個們來時為說會請么麼嗎吗订訂单單货貨款退"
    "发發问問收快下人谢謝，。、！？：；“”（）"
)
"""Characters that make a third of any running Chinese, and a hundredth of a misreading of it."""

_LEAST_TO_DOUBT = 8
"""Characters beyond ASCII before what is declared can be doubted."""

_CJK = r"\u1100-\u11ff\u2e80-\ud7ff\ue000-\uffef\U00020000-\U0003ffff"
_FOREIGN = re.compile(f"[{_CJK}]")
_LONELY = re.compile(rf"(?<=[A-Za-z])[{_CJK}](?![{_CJK}])|(?<![{_CJK}])[{_CJK}](?=[A-Za-z])")
"""One such character in a Latin word: “Från” and “INFORMAÇÃO” are Chinese by accident only."""

_LATIN_LETTERS = re.compile(rb"[\xc0-\xd6\xd8-\xf6\xf8-\xff][A-Za-z\xc0-\xd6\xd8-\xf6\xf8-\xff]")
"""Two bytes that are letters in Western charsets: a word, where “SIM卡” would be “SIM¿¨”."""

_WITH_HIGH_BIT = bytes(byte | 0x80 if byte > 0x20 else byte for byte in range(256))


def decode(data: bytes, declared: str | None = None) -> str:
    """The text in ``data``; never raises, and replaces only what no charset explains."""
    if b"\x1b" not in data and not data.startswith(codecs.BOM_UTF8) and not _shifts(declared):
        try:  # not by contextlib: this is asked of every field and part
            text = data.decode()
        except UnicodeDecodeError:
            pass
        else:
            if text.isascii():
                return _unmarked_hz(data, text) if "~{" in text else text
            return _by_accident(data, text, declared) or text
    if b"\x1b" in data and _CN_DESIGNATION.search(data):
        return decode(_CN_SHIFTED.sub(_unshifted, _CN_DESIGNATION.sub(b"", data)), "gb18030")
    for charset in _certain(data, declared):
        found = _strict(data, charset) if charset != _WINDOWS_JP else iso2022jp.decode(data)
        # What begins like UTF-8 and ends there is no proof of it: “caf\xe9”.
        if found is not None and (charset != "utf-8" or data.isascii() or not found.isascii()):
            return found
    return _likeliest(data, declared)


def _likeliest(data: bytes, declared: str | None) -> str:
    """What is neither certain nor broken beyond what is tolerable."""
    if (mended := _mended(data)) is not None:
        return mended
    text = data.decode("utf-8", "replace")
    if _mostly_right(text):
        return data.decode("utf-8", _STRAY)
    # GBK accepts much of what is UTF-8, and makes nonsense of it.
    ends = data if len(data) <= 2 * _GATEWAYS else data[:_GATEWAYS] + data[-_GATEWAYS:]
    if _SURELY_UTF8.search(ends) and (mixed := _by_lines(data, declared)):
        return mixed
    for charset in _likely(data, declared):
        found = _strict(data, charset)
        if found is not None:
            return found
    return _best_effort(data, declared)


def _mended(data: bytes) -> str | None:
    """UTF-8 that is whole again without line ends within characters, or with its surrogates.

    Gateways wrap lines after so many bytes. Java and Oracle write a character beyond U+FFFF as
    two, as UTF-16 does (CESU-8).
    """
    if len(data) > _LARGEST_MENDED:
        return None
    if _WRAPPED.search(data):
        data = _WRAPPED.sub(rb"\1", data)
        if (text := _strict(data, "utf-8")) is not None:
            return text
    if not _SURROGATE.search(data):
        return None
    try:
        text = data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return None
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")


def _by_accident(data: bytes, text: str, declared: str | None) -> str | None:
    """What another charset says of bytes that are UTF-8 perhaps only by accident.

    “谢谢” in GBK is “лл” in UTF-8: two bytes each, and so are a fifth of all characters. Chinese
    in UTF-8 has three. Where nobody declared Chinese, or beside Latin letters (“é”, “¥”), it has
    to be nothing that anybody writes as well.
    """
    if max(text) > "\u07ff":
        return None
    charset = known(declared)
    said = charset in _EVERYDAY
    high = len(data.translate(None, _LOW_BYTES))
    if not said and (not plausible.is_short(data, high) or (charset or _WESTERN) != _WESTERN):
        return None
    charset = charset if charset and said else "gb18030"
    pairs = sum(1 for found in _EVERYDAY[charset].finditer(data) if found.group(1))
    if 2 * pairs != high:
        return None
    if (not said or _BESIDE_LATIN.search(data)) and plausible.is_in_use(text):
        return None
    return _strict(data, charset)


def _unmarked_hz(data: bytes, text: str) -> str:
    """HZ that nobody declared; code has such braces as well, and no everyday Chinese in them."""
    found = _strict(data, "hz") if _HZ.search(data) else None
    return found if found is not None and _familiar(found) > _FAMILIAR else text


def _unshifted(found: re.Match[bytes]) -> bytes:
    return found[1].translate(_WITH_HIGH_BIT)


@lru_cache(maxsize=256)
def known(name: str | None) -> str | None:
    """The codec for a charset name as it is written in mails, or None."""
    if not name:
        return None
    cleaned = name.strip(" \t'\"").lower().replace("-", "_")
    cleaned = _ALIASES.get(cleaned, cleaned)
    # Only names of Python's own table are looked up: a miss is cached for ever by Python.
    if cleaned not in aliases and cleaned not in _CODECS:
        return None
    codec = aliases.get(cleaned, cleaned)
    if codec in _NOT_CHARSETS:
        return None
    found = codecs.lookup(codec).name
    return _WIDER.get(found, found)


@lru_cache(maxsize=256)
def of_header(declared: str | None) -> str | None:
    """What a header beside such a body may be in: none has two bytes for a letter of ASCII."""
    wide = (known(declared) or "").startswith(("utf-16", "utf-32", "utf-7"))
    return None if wide else declared


@lru_cache(maxsize=256)
def _shifts(declared: str | None) -> bool:
    charset = known(declared) or ""
    return charset.startswith(_SEVEN_BIT)


def _certain(data: bytes, declared: str | None) -> Iterator[str]:
    """Charsets whose bytes cannot be accidental."""
    for bom, charset in _BOMS:
        if data.startswith(bom):
            yield charset
    codec = known(declared)
    if codec is not None and _shifts(declared):
        yield codec
    if b"\x1b$" in data or b"\x1b(" in data:
        yield from ("iso2022_jp_ext", "iso2022_kr", _WINDOWS_JP)
    yield "utf-8"


def _likely(data: bytes, declared: str | None) -> Iterator[str]:
    """The declared charset, unless it accepts everything, and what the bytes look like."""
    codec = known(declared)
    if codec in _MEANT and _is_mistaken(data[:_SAMPLE_TO_DOUBT], codec):
        yield _MEANT[codec]
    if codec is not None and codec != _WESTERN:
        yield codec
    if codec == "big5hkscs":
        yield "cp950"  # has the euro sign, which Hong Kong's lacks
    yield from _guesses(data[:_SAMPLE])


def _is_mistaken(sample: bytes, declared: str) -> bool:
    """Whether it is Chinese in the other charset, and means little in the declared one.

    Korean and GB 2312 have the same signs of punctuation.
    """
    meant = _common(sample, _MEANT[declared])
    return meant > _FAMILIAR and 3 * _common(sample, declared) < meant


def _common(sample: bytes, charset: str) -> float:
    return _familiar(sample.decode(charset, "replace"))


def _familiar(text: str) -> float:
    """The share of what is not ASCII that is among the most frequent characters.

    Of a few characters nothing can be said.
    """
    count = len(text) - len(text.encode("ascii", "ignore"))
    if count < _LEAST_TO_DOUBT:
        return 0.0
    return sum(map(_COMMON.__contains__, text)) / count


def _guesses(sample: bytes) -> list[str]:
    """East Asian charsets in which the sample reads like everyday text, best first."""
    high = len(sample.translate(None, _LOW_BYTES))
    if plausible.is_short(sample, high):
        return _short_guesses(sample, high)
    scores = [
        (1.0, charset)
        for charset, (telling, share) in _TELLING.items()
        if _share(telling, sample, high) >= share and _strict(sample, charset) is not None
    ]
    for charset, everyday in _EVERYDAY.items():
        score = _share(everyday, sample, high)
        if score >= _PLAUSIBLE and not _in_latin_words(sample, charset):
            scores.append((score, charset))
    return _best_first(scores)


def _short_guesses(sample: bytes, high: int) -> list[str]:
    """The same of a few bytes, of which more than one charset makes everyday characters.

    Which are frequent tells them apart from two on; one alone is Chinese first.
    """
    if plausible.is_western(sample):
        return []
    scores = []
    for charset, everyday in _EVERYDAY.items():
        score = _share(everyday, sample, high)
        if score >= _PLAUSIBLE:
            scores.append((score + _frequent(sample, charset), charset))
    for charset, (telling, share) in _TELLING_OF_FEW.items():
        told = high > 2 and _share(telling, sample, high) >= share
        if told and _strict(sample, charset) is not None:
            scores.append((_A_LITTLE_LESS + _frequent(sample, charset), charset))
    return _best_first(scores)


def _share(pattern: re.Pattern[bytes], sample: bytes, high: int) -> float:
    """The share of the ``high`` bytes beyond ASCII that is in pairs of the pattern's group."""
    return 2 * sum(1 for found in pattern.finditer(sample) if found.group(1)) / high if high else 0


def _best_first(scores: list[tuple[float, str]]) -> list[str]:
    return [charset for _, charset in sorted(scores, key=lambda item: -item[0])]


def _frequent(sample: bytes, charset: str) -> float:
    return plausible.frequent(sample.decode(charset, "ignore"), charset)


def _in_latin_words(sample: bytes, charset: str) -> bool:
    """Whether it would be East Asian characters one by one within words of Latin letters."""
    text = sample.decode(charset, "ignore")
    lonely = (found.encode(charset) for found in _LONELY.findall(text))
    in_words = sum(1 for pair in lonely if _LATIN_LETTERS.fullmatch(pair))
    return 2 * in_words > len(_FOREIGN.findall(text))


def _strict(data: bytes, charset: str) -> str | None:
    """The text, if the charset explains every byte but a character cut off at the end."""
    decoder = codecs.getincrementaldecoder(charset)("strict")
    try:
        return decoder.decode(data)
    except (UnicodeError, ValueError):
        return None


def _by_lines(data: bytes, declared: str | None) -> str | None:
    """Lines in UTF-8 and lines in another charset, as gateways put them below one another."""
    lines = data.split(b"\n", _MOST_LINES)
    read = [_strict_line(line, "utf-8") for line in lines]
    others = b"\n".join(line for line, text in zip(lines, read, strict=True) if text is None)
    charset = next((each for each in _likely(others, declared) if each != "utf-8"), None)
    if len(lines) == 1 or charset is None:
        return None
    pieces = []
    for line, text in zip(lines, read, strict=True):
        found = _strict_line(line, charset) if text is None else text
        if found is None:
            return None
        pieces.append(found)
    return "\n".join(pieces)


def _strict_line(line: bytes, charset: str) -> str | None:
    try:
        return line.decode(charset)
    except UnicodeError:
        return None


def _stray(error: UnicodeError) -> tuple[str, int]:
    """Nothing for half a character; what Windows means by a byte within a Latin word."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    around = error.object[max(0, error.start - 1) : error.start], error.object[error.end :][:1]
    latin = error.end - error.start == 1 and any(map(_LETTERS.match, around))
    stray = error.object[error.start : error.end]
    return stray.decode(_WESTERN, "ignore") if latin else "", error.end


codecs.register_error(_STRAY, _stray)


def _best_effort(data: bytes, declared: str | None) -> str:
    for charset in _likely(data, declared):
        text = data.decode(charset, "replace")
        if _mostly_right(text):
            return data.decode(charset, _STRAY)
    # Latin-1 gives every byte a character: wrong perhaps, but nothing is lost.
    western = _strict(data, _WESTERN)
    if western is not None and known(declared) == _WESTERN:
        return western
    detected = _detected(data[:_SAMPLE])
    if detected is not None:
        return data.decode(detected, _STRAY)
    return data.decode("latin-1") if western is None else western


def _mostly_right(text: str) -> bool:
    """Whether the charset explains nearly all characters beyond ASCII."""
    wrong = text.count("\ufffd")
    foreign = len(text) - len(text.encode("ascii", "ignore"))
    return foreign - wrong >= wrong / _TOLERABLE


def _detected(sample: bytes) -> str | None:
    if len(sample.translate(None, _LOW_BYTES)) < _LEAST_TO_DETECT:
        return None
    # Takes 40 ms to import and is needed by one mail in thousands.
    from charset_normalizer import from_bytes

    match = from_bytes(sample[:_DETECTOR_SAMPLE]).best()
    return None if match is None else match.encoding
