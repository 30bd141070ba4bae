"""What reads like something people write, where a few bytes are all there is to go by.

“U盘” in GBK is “UÅÌ” in windows-1252, “谢谢” is “лл” in UTF-8, and “선” in EUC-KR is “急” in
GBK: that a charset explains every byte proves nothing there. What is asked here is whether
somebody may have written what comes out.
"""

import re
import unicodedata
from itertools import pairwise

_FEW = 48
"""Bytes beyond ASCII; of more, shares say enough."""

_SHORT = 1_000
"""Bytes of a text in all: where there is more in ASCII, that is what it is written in."""

_LETTER = "A-Za-zÀ-ÖØ-öø-ÿŒœŠšŽžŸ"
_BEGINS = r"(?<![^\s(\"'/-])"
_ENDS = r"(?![^\s.,;:!?)\"'/-])"
_WORD = re.compile(rf"(?=[{_LETTER}]*[A-Za-z])[{_LETTER}]+|{_BEGINS}[ÀàÁáÅåÈèÉéÍíÓóÔôÖöØø]{_ENDS}")
_SIDE_BY_SIDE = (
    # French, Portuguese, Spanish, Catalan; German and the North; Icelandic
    "éé éê éï çã çõ çá çé çê çí çó çú ñá ñé ñí ñó ñú üí üé üê üè ïó ïé"
    " äß öß üß ää öö äö öä åä åö øå øø æø åø æå"
    " áð éð íð óð úð ýð æð öð ðá ðí ðó ðú ðý ðö ðæ þá þé þí þó þú þý þæ þö áæ óæ íá"
)
"""Letters beyond ASCII that stand together within some word."""

_IN_CAPITALS = "éé éê çã çõ ñá ñé ñí ñó ää öö äö öä åä åö øå"
_AT_FIRST = "áð óð æø öö þá þé þí þó þú þý þæ þö áæ"
"""Those of them that are written in capitals, and that begin a word with one."""

_INITIALS = 2
"""Capitals that are no word by themselves."""

_SIGN = re.compile(
    # Money, measures and parts, beside a number.
    rf"[¢£¥€±½¼¾§](?=\s?\d)|(?<=\d)\s?[¢£¥€°ºª½¼¾‰]{_ENDS}|(?<=\d)\s?[°º](?=[CFK]\b)"
    rf"|(?<=m)[²³]{_ENDS}|(?<=\d)\s?µ(?=[mgslLAFVW]\b)|(?<=\d)[×·–](?=\d)"
    # Before a word, behind it, within it, and by itself.
    rf"|{_BEGINS}[¿¡«“‘„‚](?=\s?(?:[¿¡\d]|[A-Za-z][{_LETTER}]|[À-ÖØ-öø-ÿ][a-z]))"
    rf"|(?<=[\w\s.,!?])[»”’®™º–—…]{_ENDS}|(?<=[{_LETTER}])’(?=[{_LETTER}])|(?<=l)·(?=l)"
    rf"|{_BEGINS}[–—…•·×©®±½¼¾]{_ENDS}|(?<=[\w.,:;!?«–])\xa0(?=[\w:;!?»€£°(–])"
)
"""Signs of windows-1252 where people put them."""

_IN_USE = re.compile(
    r"[\xa0-ſƏəƒƠơƯưǍ-ǜȘ-ț\u0300-\u036fΆΈ-ώЀ-џҐ-ғҚқҢңҮ-ұҺһӘәӨөԱ-Ֆա-և\u05b0-\u05bcא-ת؀-ۿ]*"
)
"""Below U+0800: what is in the alphabets that most people write."""

_MARK = r"\u0300-\u036f\u05b0-\u05bc"
_RUN = re.compile(r"[A-Za-zªºÀ-ÖØ-öø-˿Ͱ-֯א-\u07ff][A-Za-zªºÀ-ÖØ-öø-\u07ff]*")
_MARKS = re.compile(f"[{_MARK}]")
_LATIN = re.compile("[A-Za-zªºÀ-ɏḀ-ỿ]")
_ALPHABETS = re.compile(r"[A-Za-zªºÀ-ɏḀ-ỿ]+|[Ͱ-Ͽ]+|[Ѐ-ӿ]+|[԰-֏]+|[\u0590-\u05ff]+|[؀-ۿ]+")
_NO_WORD = re.compile(
    r"[б-джзй-нп-тф-щьъ]{2,}|[ùûýþðçãõëïб-зй-нп-рт-хц-ьҐ-ӿԱ-ևא-ת؀-ۿ]", re.IGNORECASE
)
"""Russian without a vowel, and letters that are no word by themselves."""

_EITHER = (
    "的我了一不是在人上能到天你有要下里三那子就十家都好看出月去老用票手年打回小次退收把二前也"
    "多公自成他面得卡行大保台分改四名以想司今位地口五已明第新可同寄字走交只哪工送水件信日全客"
    "接六服先生半周款己房期店理孩外修付百跟放中提八再按系晚道快找少停她本完金班箱等和合事算重"
    "定住份站每直做加照路扣被院知通查怎又起取方包候清午管主排什才登示片早吧部掉七平拿器告身意"
    "九教程作叫最您傅心差表安夜板原千物度音空正底校昨窗申高消吃坐拍推刷代跑料太之白播留更存量"
    "女流充派很法洗套求它社入啊短商像真病批花租解麻品比填果投注喂餐爸核室遍文眼建反所牌西值急"
    "者印封由屏句倒息版拉村市址往配奶活整失元常材助零弄密呢菜色拆座衣限其另步椅截阿便假支居考"
)
_SIMPLIFIED = (
    "个们没说来还给开机点号电两发单车过这时着换后请吗费问会门么话写证头现报几钱让别买员师户张"
    "学经帮动补对业转进账约务装办码网楼间儿错货谁边关线带认样从统书谢贵当签块场条医记钟听卖为"
    "价录区妈见长结复订页递数实预讲刚种赔调课万图销备断显诉护体检气东贴声药额邮内旧税联选挂验"
    "视续连柜据运试烦导满灯计热题变笔坏银险购资锁扫传亲并于应离团纸红处无议队标专设轮厂礼营饭"
    "级厅产财干盖猫国领脸总诊岁压库馆"
)
_TRADITIONAL = (
    "個們沒說來還給開機點號電兩發單車過這時著換後請嗎費問會門麼話寫證頭現報幾錢讓別買員師戶張"
    "學經幫動補對業轉進帳約務裝辦碼網樓間兒錯貨誰邊關線帶認樣從統書謝貴當簽塊場條醫記鐘聽賣為"
    "價錄區媽見長結復訂頁遞數實預講剛種賠調課萬圖銷備斷顯訴護體檢氣東貼聲藥額郵內舊稅聯選掛驗"
    "視續連櫃據運試煩導滿燈計熱題變筆壞銀險購資鎖掃傳親並於應離團紙紅處無議隊標專設輪廠禮營飯"
    "級廳產財幹蓋貓國領臉總診歲壓庫館"
)
_KOREAN = (
    "이다요가는에를은의고지하해세주기도사서어니로있아습자인문수나시일대리안전보라을한정과만게"
    "면부감제했그구오상여성소원드공화저배송신확금불환교취반품격용카계연락언내택결답변경바까없"
    "못됐되왔었냐네데무것좀더또잘왜비장청약입출간년월분번호동층거예방선스트프크디"
)

_FREQUENT = {
    "gb18030": frozenset(_EITHER + _SIMPLIFIED),
    "big5hkscs": frozenset(_EITHER + _TRADITIONAL),
    "cp949": frozenset(_KOREAN),
}
"""The 500 characters that customers write most, in either script, and the first syllables of
Korean: four fifths of what is written, and a tenth of what another charset makes of it."""


def is_short(data: bytes, high: int) -> bool:
    """Whether a text with ``high`` bytes beyond ASCII is to be judged so."""
    return high <= _FEW and len(data) <= _SHORT


def frequent(text: str, charset: str) -> float:
    """The share of what is not ASCII that is often written in the language of ``charset``.

    Simplified Chinese has one more of either, which is all where little else is to be seen.
    """
    known = _FREQUENT.get(charset, frozenset())
    foreign = [each for each in text if each > "\x7f"]
    ahead = charset == "gb18030"
    return (sum(map(known.__contains__, foreign)) + ahead) / (len(foreign) + 1)


def is_western(data: bytes) -> bool:
    """Whether most bytes beyond ASCII are in words and signs of windows-1252."""
    text = data.decode("cp1252", "replace")
    words = (word[0] for word in _WORD.finditer(text) if _is_western_word(word[0]))
    signs = (sign[0] for sign in _SIGN.finditer(text))
    return 2 * (sum(map(_beyond, words)) + sum(map(_beyond, signs))) > _beyond(text)


def _beyond(text: str) -> int:
    """Characters beyond ASCII."""
    return len(text) - len(text.encode("ascii", "ignore"))


def _is_western_word(word: str) -> bool:
    """Whether its capitals and its marks are where words have them."""
    if not (word.islower() or word.istitle() or (word.isupper() and len(word) > _INITIALS)):
        return False
    for first, second in pairwise(word):
        if first.isascii() or second.isascii():
            continue
        small = f"{first}{second}".lower()
        if first.isupper() and (small not in (_IN_CAPITALS if second.isupper() else _AT_FIRST)):
            return False
        if small not in _SIDE_BY_SIDE:
            return False
    return True


def is_in_use(text: str) -> bool:
    """Whether text of characters below U+0800 may be words in an alphabet of somebody's.

    Words are in one alphabet, and marks on letters that have them.
    """
    foreign = "".join(each for each in text if each > "\x7f")
    if not _IN_USE.fullmatch(foreign) or _MARKS.search(_RUN.sub("", text)):
        return False
    return all(_is_word(word) for word in _RUN.findall(text) if not word.isascii())


def _is_word(word: str) -> bool:
    word = unicodedata.normalize("NFC", word)
    if _ALPHABETS.fullmatch(word) is None or _NO_WORD.fullmatch(word):
        return False
    # Others are in Latin, where capitals begin a word or are all of it.
    return word.islower() or word.isupper() or word.istitle() or not _LATIN.match(word)
