"""Bytes to text: declared, undeclared, and wrongly declared charsets."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.charset import decode, known, of_header

CHINESE = "您好，我的订单三天没有发货，请帮我查一下。"
TRADITIONAL = "您好，我的訂單三天沒有出貨，請幫我查一下。"
JAPANESE = "こんにちは、注文の状況を教えてください。"


@pytest.mark.parametrize(
    ("text", "encoding", "declared"),
    [
        (CHINESE, "utf-8", None),
        (CHINESE, "utf-8", "gb2312"),
        (CHINESE, "utf-8-sig", None),
        (CHINESE, "gbk", "gb2312"),
        (CHINESE, "gbk", "GB18030"),
        (CHINESE, "gbk", "iso-8859-1"),
        (CHINESE, "gbk", "us-ascii"),
        (CHINESE, "gbk", "utf-8"),
        (CHINESE, "gbk", "x-unknown"),
        (CHINESE, "gbk", None),
        (CHINESE, "utf-16", "utf-16"),
        (CHINESE, "utf-16-le", "UTF-16LE"),
        (CHINESE, "utf-7", "utf-7"),
        (CHINESE, "hz", "hz-gb-2312"),
        ("朱镕基，\u9555㐀", "gb18030", "gb2312"),
        (TRADITIONAL, "big5", "big5"),
        (TRADITIONAL, "big5", None),
        (TRADITIONAL, "big5", "iso-8859-1"),
        (JAPANESE, "shift_jis", "shift_jis"),
        (JAPANESE, "shift_jis", None),
        (JAPANESE, "iso2022_jp", "iso-2022-jp"),
        (JAPANESE, "iso2022_jp", None),
        (JAPANESE, "euc_jp", "euc-jp"),
        ("주문 상태를 알려 주세요", "cp949", "ks_c_5601-1987"),
        ("Où est ma commande, s'il vous plaît ?", "latin-1", "iso-8859-1"),
        ("Où est ma commande, s'il vous plaît ?", "latin-1", None),
        ("“quoted” — €5", "cp1252", "iso-8859-1"),
        ("Где мой заказ?", "koi8-r", "koi8-r"),
        ("Где мой заказ?", "cp1251", "windows-1251"),
        ("plain", "ascii", "no-such-charset"),
        # Valid UTF-8 by accident.
        ("谢谢", "gbk", "gb2312"),
        ("学习", "gbk", "gb2312"),
        ("一", "gbk", "gbk"),
        ("café", "utf-8", "gb2312"),
        ("¥100", "utf-8", "gb2312"),
        ("Где", "utf-8", "koi8-r"),
        ("Привет", "utf-8", "gb2312"),
        # Looks cut off where it is not.
        ("café", "latin-1", "iso-8859-1"),
    ],
)
def test_a_reader_sees_the_text(text: str, encoding: str, declared: str | None) -> None:
    assert decode(text.encode(encoding), declared).removeprefix("\ufeff") == text


@pytest.mark.parametrize(
    ("declared", "encoding", "text"),
    [
        # A name, and the superset that is really sent under it.
        ("gb2312", "gb18030", "镕㐀"),
        ("GBK", "gb18030", "镕㐀"),
        ("cp936", "gb18030", "镕㐀"),
        ("EUC-CN", "gb18030", "镕㐀"),
        ("x-gbk", "gb18030", "镕㐀"),
        ("GB_2312-80", "gb18030", "镕㐀"),
        ("x-euc-cn", "gb18030", "镕㐀"),
        ("windows-936", "gb18030", "镕㐀"),
        ("Big5", "big5hkscs", "嘅啲"),
        ("cp950", "big5hkscs", "嘅啲"),
        ("x-big5", "big5hkscs", "嘅啲"),
        ("EUC-KR", "cp949", "뷁"),
        ("ks_c_5601-1987", "cp949", "뷁"),
        ("Shift_JIS", "cp932", "①髙"),
        ("x-sjis", "cp932", "①髙"),
        ("ISO-8859-1", "cp1252", "€…"),
        ("US-ASCII", "cp1252", "€…"),
        ("iso-2022-jp", "iso2022_jp_ext", "ｱｲｳ"),
        # Names that Python does not know.
        ("cp-850", "cp850", "é▒"),
        ("windows-874", "cp874", "สวัสดี"),
        ("iso-8859-8-i", "iso8859_8", "שלום"),
        ("utf8mb4", "utf-8", "😀"),
        ("unicode-1-1-utf-7", "utf-7", "你好"),
        ("koi8-u", "koi8_u", "Їжак"),
        ("cp737", "cp737", "Γειά"),
        # As careless programs write them.
        (' "GBK" ', "gb18030", "镕㐀"),
        ("'utf-16-le'", "utf-16-le", "你好"),
    ],
)
def test_charsets_are_what_mail_programs_mean_by_their_names(
    declared: str, encoding: str, text: str
) -> None:
    assert decode(text.encode(encoding), declared) == text


@pytest.mark.parametrize(
    "encoding",
    ["utf-8-sig", "utf-16", "utf-32", "iso2022_jp", "iso2022_kr", "gbk", "big5", "shift_jis"],
)
@pytest.mark.parametrize("declared", [None, "us-ascii", "iso-8859-1", "no-such-charset"])
def test_bytes_that_speak_for_themselves(encoding: str, declared: str | None) -> None:
    """Marks and escapes before what is declared; then what reads like everyday text."""
    text = {
        "iso2022_jp": JAPANESE, "shift_jis": JAPANESE, "big5": TRADITIONAL,
        "iso2022_kr": "주문 상태를 알려 주세요",
    }.get(encoding, CHINESE)  # fmt: skip
    assert decode(text.encode(encoding), declared) == text


@pytest.mark.parametrize("big", [codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE])
def test_either_order_of_bytes(big: bytes) -> None:
    width = 8 * len(big)
    assert decode(big + CHINESE.encode(f"utf-{width}-be")) == CHINESE


def test_escapes_of_a_terminal_are_no_charset() -> None:
    assert decode("\x1b[31m红\x1b[0m".encode()) == "\x1b[31m红\x1b[0m"


@pytest.mark.parametrize(
    ("right", "kept"), [(10, True), (9, False)], ids=["a tenth is broken", "more is broken"]
)
def test_a_tenth_of_a_text_may_be_broken(right: int, kept: bool) -> None:
    """Else it is something else: here bytes that only a Western charset explains."""
    told = decode("中".encode() * right + b"\xff")
    assert (told == "中" * right) is kept


def test_a_broken_text_is_shown_by_what_was_declared() -> None:
    """What stands for nothing in any charset is left out."""
    raw = CHINESE.encode("gbk") + b"\xff" + CHINESE.encode("gbk")
    assert decode(raw, "gb2312") == CHINESE * 2
    assert decode(raw) == CHINESE * 2, "or by what it looks like"
    assert decode(raw, "iso-8859-1") == CHINESE * 2


def test_a_broken_byte_within_a_latin_word_is_what_windows_means_by_it() -> None:
    raw = f"{CHINESE}Andr".encode() + b"\xe9 it" + b"\x92s " + CHINESE.encode()
    assert decode(raw) == f"{CHINESE}André it’s {CHINESE}"


def test_a_sign_that_the_sender_wrote_stays() -> None:
    assert decode("坏\ufffd了".encode()) == "坏\ufffd了"


@pytest.mark.parametrize(
    ("first", "second"), [("gbk", "utf-8"), ("utf-8", "gbk"), ("big5", "utf-8")]
)
def test_lines_in_two_charsets(first: str, second: str) -> None:
    """A gateway puts its line under a mail without asking what that is written in."""
    above = (
        "這臺機器開不了機，請協助處理。" if first == "big5" else "这台机器开不了机，请协助处理。"
    )
    below = "此郵件已掃描" if second == "big5" else "此邮件已扫描，未发现病毒。"
    raw = above.encode(first) + b"\r\n--\r\n" + below.encode(second)
    for declared in (first, second, "us-ascii", None):
        assert decode(raw, declared) == f"{above}\r\n--\r\n{below}", declared


@pytest.mark.parametrize(
    ("text", "declared"),
    [
        ("Från: Anna\nÄmne: fråga om köp", "iso-8859-1"),
        ("Från: Anna\nÄmne: fråga om köp", None),
        ("INFORMAÇÃO", "iso-8859-1"),
        ("Größe: XL", None),
    ],
)
def test_letters_within_latin_words_are_no_chinese(text: str, declared: str | None) -> None:
    """“Än” is a frequent character in Big5, “ÇÃ” one in GBK."""
    assert decode(text.encode("latin-1"), declared) == text


@pytest.mark.parametrize("text", ["SIM卡", "A座B栋", "iPhone壳", "X光", "Q币", "K歌", "a店b店"])
@pytest.mark.parametrize("declared", ["iso-8859-1", "us-ascii", None])
def test_chinese_may_stand_alone_beside_latin_letters(text: str, declared: str | None) -> None:
    """Its bytes would be signs, not letters: nobody writes “SIM¿¨”."""
    assert decode(text.encode("gbk"), declared) == text


UNDECLARED = [None, "us-ascii", "iso-8859-1", "x-unknown"]


@pytest.mark.parametrize(
    "text",
    [
        # Their bytes are letters in Western charsets, but no word: “UÅÌ”, “TÐô”, “XLÂë”.
        "U盘", "T恤", "USB线", "XL码", "V领", "D区", "X轴", "AA制", "Mr王", "bug了", "5的OK",
        # They are UTF-8 by accident: letters out of use, marks on nothing, two alphabets.
        "A4纸", "谢谢", "学习", "一", "我要", "100元", "12306票", "OA系统", "C位", "AJ鞋", "T台",
        "pH值", "小S", "没USB",
    ],
)  # fmt: skip
@pytest.mark.parametrize("declared", UNDECLARED)
def test_few_chinese_characters_that_nobody_declared(text: str, declared: str | None) -> None:
    assert decode(text.encode("gb18030"), declared) == text


@pytest.mark.parametrize("text", ["A4纸", "C位", "12306票", "12315投诉"])
def test_few_characters_of_what_was_declared(text: str) -> None:
    assert decode(text.encode("gb18030"), "gb2312") == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("謝謝", "big5"), ("2個PDF檔", "big5"), ("怎麼退", "big5"), ("客服", "big5"),
        ("환불해 주세요", "cp949"), ("SIM카드", "cp949"), ("주문 취소", "cp949"),
        ("WiFiの設定", "cp932"), ("A4用紙", "cp932"), ("VIP会員", "cp932"),
        ("20°C", "cp1252"), ("¡Hola!", "cp1252"), ("«oui»", "cp1252"), ("BLÅBÆR", "cp1252"),
        ("it’s 5 £", "cp1252"), ("Größe", "cp1252"), ("hyvää päivää", "cp1252"),
        ("CRÉÉE", "cp1252"), ("góðan daginn", "cp1252"), ("80 m²", "cp1252"), ("à 5 km", "cp1252"),
        ("5 Kč", "utf-8"), ("да", "utf-8"), ("я", "utf-8"), ("5 €", "utf-8"), ("Łódź", "utf-8"),
        ("הי", "utf-8"), ("µm", "utf-8"), ("½ kg", "utf-8"), ("vie\u0323c", "utf-8"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("declared", UNDECLARED)
def test_few_characters_of_other_languages(text: str, encoding: str, declared: str | None) -> None:
    assert decode(text.encode(encoding), declared) == text


def test_a_sign_or_two_in_much_english_are_not_chinese() -> None:
    """So a Macintosh wrote “IGTS” in quotation marks."""
    text = (
        "The company is traded under the ticker symbol\nìIGTSî. " + "Buy as long as you can. " * 40
    )
    assert decode(text.encode("latin-1")) == text


@pytest.mark.parametrize(
    ("text", "encoding", "declared"),
    [
        (CHINESE, "gbk", "big5"),
        (TRADITIONAL, "big5", "gb2312"),
        ("请问我的发票什么时候可以开？谢谢。", "gbk", "x-x-big5"),
        (CHINESE, "gbk", "euc-kr"),
        ("환불！주문 상태를，알려 주세요。문의？", "cp949", "euc-kr"),
        ("주문 상태를 알려 주세요" + "的".encode("gbk").decode("cp949"), "cp949", "euc-kr"),
        ("請求大會不說好的沒有", "cp949", "ks_c_5601-1987"),
    ],
)
def test_one_charset_declared_for_another_that_is_chinese(
    text: str, encoding: str, declared: str
) -> None:
    assert decode(text.encode(encoding), declared) == text


@pytest.mark.parametrize("text", ["囍龘靐齉麤鱻羴犇", "王小明", "礦泉水壹箱"])
@pytest.mark.parametrize("charset", ["gbk", "big5hkscs"])
def test_rare_or_few_characters_are_no_reason_to_doubt_what_is_declared(
    text: str, charset: str
) -> None:
    assert decode(text.encode("gb18030"), "gb2312") == text
    known_to_big5 = "".join(each for each in text if each != "靐")
    assert decode(known_to_big5.encode("big5hkscs"), "big5") == known_to_big5


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("注文した品物がこわれていました。交換してください。", "euc_jp"),
        ("어제 받은 물건이 고장 났습니다. 교환해 주세요.", "euc_kr"),
        ("昨天收到的东西是坏的，请给我换一个新的吧，谢谢你们。", "gbk"),
        ("昨天收到的東西是壞的，請給我換一個新的吧，謝謝你們。", "big5"),
    ],
)
def test_languages_that_share_their_bytes_are_told_apart(text: str, encoding: str) -> None:
    for declared in (None, "iso-8859-1", "x-unknown"):
        assert decode(text.encode(encoding), declared) == text


def test_big5_has_the_euro_of_windows() -> None:
    raw = "價格太貴了，退款".encode("big5") + b"\xa3\xe15"
    assert decode(raw, "big5") == "價格太貴了，退款€5"


def test_hz_that_nobody_declared() -> None:
    text = "Hi, 我的订单没有收到，请查询。\nBye"
    assert decode(text.encode("hz")) == text
    assert decode(text.encode("hz"), "us-ascii") == text


@pytest.mark.parametrize("code", ["a ~{b~} c", "x~{}~}", "~{if a then b~}", "~{ABCDEFGHIJKL~}"])
def test_braces_in_code_are_no_hz(code: str) -> None:
    assert decode(code.encode()) == code


def test_japanese_with_signs_of_windows() -> None:
    """①, ㈱ and ℡ are in no standard, and 髙 is IBM's: each in ISO-2022-JP all the same."""
    raw = b"\x1b$B-!-j-d\x1b(B 1: \x1b$BF|K\\\x1b(B\r\n\x1b(I1\x32\x33\x1b(B\x1b$B|b\x1b(B."
    assert decode(raw, "iso-2022-jp") == "①㈱℡ 1: 日本\r\nｱｲｳ髙."
    assert decode(raw) == decode(raw, "iso-2022-jp")
    cut = b"\x1b$B-!F|K"
    assert decode(cut, "iso-2022-jp") == "①日", "cut within a character"


def test_headers_are_in_no_charset_of_two_bytes_a_letter() -> None:
    assert of_header("utf-16le") is None
    assert of_header("UTF-7") is None
    assert of_header("gb2312") == "gb2312"
    assert of_header(None) is None


def test_of_a_longer_text_in_a_small_alphabet_the_charset_is_found() -> None:
    text = "Добрый день! Где мой заказ? Я жду его уже две недели, и никто не отвечает."
    assert decode(text.encode("cp1251")) == text


def test_accents_that_stand_together_now_and_then_are_no_chinese() -> None:
    """Each of their bytes is half of a character of GBK, but few are of one that people use."""
    text = "CRÉÉS pour les élèves du lycée présent, généraux"
    assert decode(text.encode("latin-1")) == text
    late = "a" * 70_000 + "déjeuner"
    assert decode(late.encode("latin-1")) == late, "beyond what a guess is made from"


def test_what_is_declared_as_western_and_looks_like_nothing_else_is() -> None:
    odd = "øùúûüýþÿ" * 4
    assert decode(odd.encode("latin-1"), "iso-8859-1") == odd


def test_too_little_to_guess_by_is_taken_as_western() -> None:
    """Every byte is some character: wrong perhaps, but nothing is lost."""
    assert decode("Где?".encode("cp1251")) == "Ãäå?"
    assert decode(b"\x81\x8d") == "\x81\x8d"


def test_chinese_in_seven_bits() -> None:
    signs = bytes(byte & 0x7F for byte in "退款".encode("gb2312"))
    raw = b"a\x1b$)A\x0e" + signs + b"\x0fb\n\x1b$)A\x0e" + signs
    assert decode(raw, "iso-2022-cn") == "a退款b\n退款"


@pytest.mark.parametrize("encoding", ["utf-8", "gbk", "big5"])
def test_a_character_cut_in_half_at_the_end_is_left_out(encoding: str) -> None:
    text = "一二三四五六七八九十"
    assert decode(text.encode(encoding)[:-1], encoding) == text[:-1]


def test_one_broken_byte_does_not_change_the_charset() -> None:
    raw = CHINESE.encode() + b"\xff" + CHINESE.encode()
    assert decode(raw, "gbk") == CHINESE * 2


@pytest.mark.parametrize("name", ["base64", "rot13", "zlib", "punycode", "idna", "mbcs", "", None])
def test_codecs_that_are_no_charsets_are_unknown(name: str | None) -> None:
    assert known(name) is None


@given(st.binary(max_size=400), st.none() | st.text(max_size=20))
def test_never_raises(data: bytes, declared: str | None) -> None:
    assert isinstance(decode(data, declared), str)


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
@pytest.mark.parametrize("cut", [1, 2])
def test_a_line_end_within_a_character_is_a_gateways(newline: bytes, cut: int) -> None:
    encoded = CHINESE.encode()
    broken = encoded[: 6 + cut] + newline + encoded[6 + cut :]
    assert decode(broken, "utf-8") == CHINESE
    assert decode(broken + b"\n" + encoded) == f"{CHINESE}\n{CHINESE}"


def test_characters_in_two_halves() -> None:
    """CESU-8; a half without its other half is nothing."""
    face = "\U0001f600".encode("utf-16-be")
    halves = b"".join(
        chr(int.from_bytes(face[at : at + 2], "big")).encode("utf-8", "surrogatepass")
        for at in (0, 2)
    )
    assert decode(halves + "谢谢".encode(), "utf-8") == "😀谢谢"
    assert decode("谢谢".encode() + halves[:3] + "您".encode()) == "谢谢您"


def test_a_mark_of_the_byte_order_is_no_text() -> None:
    assert decode(b"\xef\xbb\xbfhi") == "hi"
    assert decode("\ufeff你好".encode(), "gbk") == "你好"
