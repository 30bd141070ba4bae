"""What programs, servers and companies put under a mail, whoever wrote it."""

import re
from collections.abc import Sequence

_PROGRAM = (
    r"(?:iphone|ipad|mac|android|安卓|windows|outlook|gmail|yahoo|proton ?mail|foxmail|blue ?mail"
    r"|samsung|galaxy|huawei|honor|xiaomi|redmi|oppo|vivo|realme|oneplus|blackberry|nokia|aol"
    r"|spark|airmail|superhuman|edison|fastmail|tutanota|thunderbird|mailbird|em client|k-9|wps"
    r"|netease|qq\s?mail|maildroid|mobile\b"
    r"|三星|华为|荣耀|小米|红米|一加|魅族|努比亚|手机|qq\s?邮箱|网易|新浪|搜狐|139|天翼|189|沃邮箱|邮件|邮箱|钉钉|飞书|微信"
    r"|企业微信|阿里|论客)"
)
_SYSTEM = r"(?:ios|ipados|android|mac(?:os)?|windows|iphone|ipad)"
_LINK = r"(?:\s?<[^\s<>]{1,300}>)?"
_APP = (
    rf"(?:outlook (?:for|für|pour|para|per|dla|voor|til|för) (?:systemu )?{_SYSTEM}"
    rf"|(?:(?:适用于|適用於) ?)?{_SYSTEM}\s?(?:的|版|用|용)?\s?(?:outlook|blue ?mail)){_LINK}"
)
"""Outlook for the system that it runs on, as only its makers call it: who asks about Outlook has
more or less to say. In plain text its address in the store stands behind it."""

_SIGN_OFF = re.compile(
    r"(?:发自|發自|发送自|發送自|傳送自|寄自|來自|来自)\s?我的(?!内心|心|肺腑)[^的，。！？,!?]{0,60}。?"
    # Nobody ends a sentence so: “来自网易的订单没有收到” has 的 behind the name.
    rf"|(?:发自|發自|发送自|發送自|傳送自|寄自|來自|来自)\s?{_PROGRAM}[^的，。！？,!?]{{0,30}}"
    rf"|已?[从從]\s?(?:我的\s?)?(?:ios|windows(?: 1\d)? ?的|{_PROGRAM}(?: ?上的)?)"
    r"[^的，！？,!?]{0,30}(?:发送|發送|傳送|发出|寄出)。?"
    # Messengers are none of these: “通过飞书发送” is an answer.
    r"|(?:使用|用|通过|透過|由)\s?(?:proton ?mail|spark|zoho ?mail|k-9|fastmail|tutanota|airmail"
    r"|网易邮箱大师)[^的，。！？,!?]{0,20}(?:发送|發送|傳送)(?:自我的.{1,30})?。?"
    r"|get outlook for.{0,60}"
    rf"|(?:获取|取得|下载|下載|holen sie sich|télécharger|obtenir|obtener|obter o|ottieni"
    rf"|pobierz(?: aplikację)?) ?{_APP}"
    r"|(?:[发發傳]送自|[发發]自|envoyé (?:depuis |de |à partir d['’])|enviado (?:desde|do)"
    rf"|gesendet von|inviato da) ?{_APP}"
    rf"|(?:[从從]|von)? ?{_APP} ?(?:获取|取得|下载|下載|herunterladen|gesendet|を入手|다운로드"
    rf"|에서 보냄){_LINK}"
    rf"|sent (?:from my|(?:from|via|with|using) (?:the |a )?\[?(?:mail\b|{_PROGRAM})).{{0,100}}"
    r"|[该此本]邮件是?从(?:我的)?移动设备上?发[送出]"
    r"|(?:p )?please consider (?:the|your) (?:environment|planet).{0,100}print.{0,60}"
    r"|(?:请您?考虑|为了?|保护|爱护)[^？?]{0,12}(?:环境|环保|地球)[^？?]{0,20}[打列]印[^？?]{0,20}"
    r"|(?:enviado (?:desde mi|do meu)|envoyé (?:de|depuis) mon|verzonden vanaf mijn|inviato da"
    r"|отправлено (?:с|из)\b|gesendet mit der) ?.{0,60}|von meinem .{1,40} gesendet"
    rf"|{_PROGRAM}.{{0,20}}から送信|(?:나의 .{{1,30}}|{_PROGRAM}.{{0,20}})에서 보냄"
    rf"|(?:sendt fra min|skickat från min|verstuurd vanaf mijn|wysłane z|odesláno z|dikirim dari"
    rf"|надіслано з(?: мого)?|أُ?رسلت من(?: الـ)?|trimis de pe"
    rf"|(?:đã )?gửi từ|(?:στάλθηκε|εστάλη) από το|ส่งจาก|נשלח מה-?)"
    rf" ?{_PROGRAM}.{{0,40}}|az {_PROGRAM}.{{0,12}} küldve|मेरे {_PROGRAM} से भेजा गया"
    rf"|lähetetty {_PROGRAM}.{{0,20}}st[aä]|{_PROGRAM}.{{0,20}} gönderildi"
    r"|签名由.{0,12}网易邮箱大师.{0,60}定制|signature is customized by netease mail master",
    re.IGNORECASE,
)
"""What a program writes under a mail, alone on the last line."""

_DISCLAIMER = re.compile(
    r"(?=[^?？]{30})[【\[]?(?:免责声明|保密(?:声明|提示|须知)"
    r"|(?:confidentiality notice|disclaimer)\b"
    r"|(?:(?:重要|郑重|法律|特别)?(?:[声聲]明|提示|提醒)\s?[:：】]\s?)?"
    r"[本此](?:(?:电子)?邮件|(?:電子)?郵件|電郵|信件)"
    r"|(?:(?:important|notice|warning|note)(?: notice)?\s?[:：]\s?)?"
    r"(?:this (?:e-?mail|message|communication)\b"
    r"|the (?:information|contents?) (?:contained )?(?:in|of) this (?:e-?mail|message)\b)"
    r")[^?？]{0,200}?(?:保密|机密|機密|专有信息|仅供.{0,8}收件[人者]|僅供.{0,8}收件[人者]"
    r"|confidential|privileged|intended (?:only|solely)|(?:sole|exclusive) use of the)",
    re.IGNORECASE,
)
"""How companies begin what their servers put under every mail."""

_FORBIDDING = re.compile(
    r"禁止|不得|请勿|請勿|销毁|銷毀|删除|刪除|错收|误收|誤收|prohibited|delete|in error"
    r"|(?:individual|person) or entit|addressee|intended recipient|notify",
    re.IGNORECASE,
)
"""What it goes on with: a customer who writes in confidence does not."""

_LONGEST_DISCLAIMER = 8
"""Lines, empty ones apart: under a longer tail somebody has written something."""

_LONGEST_CARD = 12
"""Lines of a signature with its frame."""

_LIST_RULE = re.compile(r"_{20,}")
_PGP_SIGNATURE = "-----BEGIN PGP SIGNATURE-----"


def is_sign_off(text: str) -> bool:
    """Whether this is one line that a program adds: “发自我的iPhone”."""
    return _SIGN_OFF.fullmatch(text.rstrip("-")) is not None


def card_start(lines: Sequence[tuple[int, str]], end: int) -> int:
    """Where the card begins that 网易 draws below a plain text; ``end`` without one.

    Of a table of names and numbers its text keeps the frame: “| |” above, “|” below.
    """
    filled = [(position, line) for position, line in lines if line][-_LONGEST_CARD:]
    if not filled or filled[-1][1] != "|":
        return end
    return next((position for position, line in reversed(filled) if line == "| |"), end)


def footer_start(lines: Sequence[tuple[int, str]], end: int) -> int:
    """Where disclaimers, footers of lists and signatures of PGP begin; ``end`` without any.

    ``lines`` are where each begins, and its stripped beginning.
    """
    below = 0
    for number in range(len(lines) - 1, -1, -1):
        position, line = lines[number]
        below += bool(line)
        if line == _PGP_SIGNATURE:
            return position
        if below > _LONGEST_DISCLAIMER:
            continue
        if _DISCLAIMER.match(line) and any(
            _FORBIDDING.search(text) for _, text in lines[number : number + _LONGEST_DISCLAIMER]
        ):
            end, below = drawn_above(lines, number), 0
        elif _LIST_RULE.fullmatch(line) and "mailing list" in "".join(
            text for _, text in lines[number + 1 : number + 3]
        ):
            end, below = position, 0
    return end


def is_drawn(line: str) -> bool:
    """Whether the line is one of dashes, stars and the like, and nothing else."""
    return len(line) >= 5 and not line.strip("_-=*—")


def drawn_above(lines: Sequence[tuple[int, str]], number: int) -> int:
    """Where a line begins, or the one drawn above it."""
    above = number - 1
    while above >= 0 and not lines[above][1]:
        above -= 1
    return lines[above if above >= 0 and is_drawn(lines[above][1]) else number][0]
