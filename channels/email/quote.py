"""What is new in a mail, told apart from what it quotes and from the signature.

Anchors in the HTML are certain and come first (see ``markup``); this module reads the text
markers of QQ 邮箱, 网易, Foxmail, 新浪, 139, Coremail, Outlook, Lotus Notes, Gmail, Apple Mail,
Thunderbird and phones, and what companies, lists and PGP put under a mail. Each line is looked
at once. On doubt everything is new: an agent can skip a quotation, but not miss a question.
"""

import re
from collections.abc import Sequence
from itertools import takewhile
from typing import NamedTuple

from channels.email import banner
from channels.email.attribution import (
    attribution_at,
    is_attribution,
    may_be_attribution,
)
from channels.email.footers import card_start, drawn_above, footer_start, is_drawn, is_sign_off

_LONGEST_LINE = 400
"""Characters of a line that are compared; no marker is longer."""

_MOST_LINES = 20_000

_ORIGINAL = (
    r"原始邮件|原始信息|原始消息|原始信件|原邮件|邮件原文|邮件原件|回复的原邮件|回复邮件"
    r"|(?:回复|转发)的原始邮件|转发的?原?(?:邮件|消息)(?:信息)?|原始郵件|原始訊息|轉寄的?(?:郵件|訊息)"
    r"|元のメッセージ|원본 (?:메시지|메일)"
    r"|original (?:message|e?mail|appointment)|repl(?:y|ied) message|forwarded message"
    r"|ursprüngliche nachricht|original-nachricht|weitergeleitete nachricht|mensaje original"
    r"|message d['’]origine|message transféré|messaggio originale|mensagem original"
    r"|oorspronkelijk bericht|исходное (?:сообщение|письмо)|пересылаемое сообщение"
    r"|(?:mail|message) original|mail originale|mensaje reenviado|mensagem encaminhada"
    r"|ursprungligt meddelande|originalmeddelande|oprindelig (?:meddelelse|besked)"
    r"|opprinnelig melding|alkuperäinen viesti|wiadomość oryginalna|oryginalna wiadomość"
    r"|původní (?:zpráva|e-mail)|eredeti üzenet|orijinal (?:ileti|mesaj)|転送メッセージ"
)
"""What programs call the mail that follows."""

_DIVIDER = re.compile(
    rf"[-_=*—\s]{{2,}}(?:&nbsp;|\s)?(?:{_ORIGINAL})(?:&nbsp;|\s)?[-_=*—\s]{{2,}}"
    # Foxmail 5: ======= 2004-01-01 11:00:00 您在来信中写道：=======
    r"|={2,}[^=]{0,60}[您你]在来信中写道[:：]?\s?={2,}",
    re.IGNORECASE,
)
"""“------------------ 原始邮件 ------------------” and its relatives, alone on a line. The plain
form that QQ writes has its spaces as “&nbsp;”."""

_HEADING = re.compile(
    rf"(?:[-_=*—>【\[\s]|&nbsp;)*(?:{_ORIGINAL}|原文|original|begin forwarded message"
    r"|开始转发的?邮件|(?:下面|以下)是被?转发的?邮件|以下是轉寄的?郵件)(?:[-_=*—\s:：】\]]|&nbsp;)*"
    # Lotus Notes
    r"|-{2,}\s?转发人\s.{1,100}-{2,}",
    re.IGNORECASE,
)
"""The same, with and without lines on both sides, and words that people write, too: it counts
above a quoted header only."""

_HEADER_FIRST = re.compile(
    r"[>*\s]*(?:[发發]\s?件\s?人|寄件者|寄件人|[发發]信人|from|von|de|da|van|差出人|送信者|от|보낸\s?사람"
    # 阿里 in English; who sends a parcel has no address of this kind.
    r"|sender(?=\s?[:：].{0,200}@)"
    r"|fra|från|lähettäjä|od|kimden|gönderen|feladó|від|de la|dari|από|từ|จาก|من|מאת)"
    r"\*?\s?[:：]\*?\s*\S",
    re.IGNORECASE,
)
_HEADER_OTHER = re.compile(
    r"[>*\s]*(?:发送时间|发件时间|发送日期|日\s{0,2}期|时\s{0,2}间|收\s?件\s?人|收件者|抄\s?送人?"
    r"|主\s{0,2}题|主旨|寄件日期|sent(?: at)?|send time|recipient|date|to|cc|subject"
    r"|gesendet|an|betreff|envoyé|objet|à"
    r"|enviado(?: el| em)?|para|asunto|assunto|inviato|data|a|oggetto|verzonden|aan|onderwerp"
    r"|宛先|件名|送信日時|日時|日付|отправлено|кому|тема|дата|보낸\s?날짜|날짜|받는\s?사람|제목"
    r"|[发發]送時間|傳送(?:時間|日期)|主題|副本|sendt|til|emne|dato|skickat|till|ämne|datum"
    r"|lähetetty|vastaanottaja|aihe|wysłano|do|temat|odesláno|komu|předmět|gönderildi|gönderilme"
    r"|kime|konu|tarih|elküldve|címzett|tárgy|надіслано|trimis|către|subiect|dikirim|kepada|subjek"
    r"|στάλθηκε|προς|θέμα|đã gửi|tới|đến|chủ đề|ส่ง|ถึง|เรื่อง|تم الإرسال|إلى|الموضوع|נשלח|אל|נושא)"
    r"\*?\s?[:：]",
    re.IGNORECASE,
)
_MAIL_FIELD = re.compile(
    r"[>*\s]*(?:发送时间|发件时间|发送日期|寄件日期|主\s{0,2}题|主旨|sent|send time|subject"
    r"|gesendet|betreff|envoyé|objet"
    r"|enviado|asunto|assunto|inviato|oggetto|verzonden|onderwerp|件名|送信日時|отправлено|тема"
    r"|보낸\s?날짜|제목|[发發]送時間|傳送(?:時間|日期)|主題|sendt|emne|skickat|ämne|lähetetty|aihe"
    r"|wysłano|temat|odesláno|předmět|gönderildi|konu|elküldve|tárgy|надіслано|trimis|subiect"
    r"|dikirim|subjek|στάλθηκε|θέμα|đã gửi|chủ đề|ส่ง|เรื่อง|تم الإرسال|الموضوع|נשלח|נושא)",
    re.IGNORECASE,
)
"""Fields that nothing but a mail has."""

_FORM_FIELD = re.compile(
    r"[*\s]*(?:\w{0,6}(?:内容|描述|说明|备注|需求|留言)|(?:电子)?邮箱|(?:联系)?电话|手机号?码?"
    r"|message(?: body)?|comments?|phone|e-?mail)\*?\s?[:：]",
    re.IGNORECASE,
)
"""What a form on a website asks beside sender and subject, and no mail has above its text."""

_SHOWS_MAIL = re.compile(
    r"(?:收到|收了|这样|下面|以下|如下|可疑|诈骗|received|got|following|below|suspicious|phishing)"
    r"[^。\n]{0,30}[:：]\Z",
    re.IGNORECASE,
)
"""How somebody announces what is shown, and not answered."""

_MOST_EMPTY = 2
_SENT = re.compile(r"(?:发送时间|发件时间|发送日期|\bsent)\s?[:：]", re.IGNORECASE)
_TO = re.compile(r"(?:收件人|\bto)\s?[:：]", re.IGNORECASE)
"""Behind the sender on one line: some programs on phones write the whole header so."""

_TIME = re.compile(r"\d[:.]\d\d")
_HEADER_WINDOW = 6
"""Lines after 发件人： among which two more fields of a quoted header must stand."""

_PGP_BEGIN = "-----BEGIN PGP SIGNED MESSAGE-----"
_LONGEST_SIGNATURE = 12
"""Lines after “-- ”; a longer tail is text that happens to have such a line above it."""


_ASKS = re.compile(
    r"[?？](?![\w=&%])|请(?!勿|考虑|随时|联系|拨打|致电|访问|关注|扫|节约)|麻烦|希望|我(?!们|司)|\b(?:I|my)\b"
)
"""What people write, and hardly below their names: an address in the web may have such a sign, and
“please” is what companies and carriers write there."""


class Cut(NamedTuple):
    """Where the new part lies in the full text."""

    start: int
    end: int


def split(
    text: str, quoted: Sequence[tuple[int, int]] = (), signed: Sequence[tuple[int, int]] = ()
) -> Cut:
    """The new part of ``text``; HTML marked the ranges ``quoted``, and ``signed`` at its end.

    The whole text when nothing new would be left (a forwarded mail), or when the new part is
    not in one piece (answers written between the quoted lines).
    """
    start, end, answered = _outside(text, quoted)
    start = start or banner.end(text[:end])
    lines = _lines(text, start, end)
    start, lines = _without_armor(start, lines)
    end = footer_start(lines, end)
    # Among answers only what stands above them all can be the head of a quoted tail.
    above = quoted[0][0] if answered else end
    tail = _quotation_start([line for line in lines if line[0] < above], above, answered)
    end = min(end, tail) if tail < above else end
    end = footer_start([line for line in lines if line[0] < end], end)
    for first, last in reversed(signed):
        if start < first < end and not text[last:end].strip() and not _asks(text[first:end]):
            end = first
    end = _without_signature(text, [line for line in lines if line[0] < end], end)
    if not text[start:end].strip():
        return Cut(0, len(text))
    return Cut(start, end)


def _outside(text: str, quoted: Sequence[tuple[int, int]]) -> tuple[int, int, bool]:
    """What lies outside of marked quotations, and whether they are answered in between.

    Then a line like “On … wrote:” cuts nothing off.
    """
    if not quoted:
        return 0, len(text), False
    first = quoted[0][0]
    before = text[:first].strip()
    if _SHOWS_MAIL.search(before[-_LONGEST_LINE:]) and not _says_whose(text, *quoted[0]):
        return 0, len(text), False
    written = bool(before) and not _only_attribution(before)
    ends = [start for start, _ in quoted[1:]] + [len(text)]
    answers = [(last, text[last:end].strip()) for (_, last), end in zip(quoted, ends, strict=True)]
    answers = [answer for answer in answers if answer[1] and not says_nothing(answer[1])]
    if not answers:
        return (0, first, False) if written else (0, len(text), False)
    if written or len(quoted) > 1:
        return 0, len(text), True
    return answers[0][0], len(text), False


def _says_whose(text: str, first: int, last: int) -> bool:
    """Whether a program wrote above what it quotes whose that is."""
    lines = [line for line in _lines(text, first, last) if line[1]]
    return _quotation_start(lines, last, answered=False) == (lines[0][0] if lines else last)


def says_nothing(text: str) -> bool:
    """Whether this is only what programs and servers add under a mail."""
    lines = _lines(text, 0, len(text))
    return is_sign_off(text) or footer_start(lines, len(text)) == 0


def _only_attribution(text: str) -> bool:
    """Whether this is one line that says who wrote, wrapped over three at most."""
    lines = text[: 2 * _LONGEST_LINE].split("\n")
    whole = len(text) <= 2 * _LONGEST_LINE and len(lines) <= 3
    numbered = [(0, line.strip()) for line in lines]
    return whole and attribution_at(numbered, 0) and is_attribution(" ".join(text.split()))


def _without_armor(
    start: int, lines: Sequence[tuple[int, str]]
) -> tuple[int, Sequence[tuple[int, str]]]:
    """Past the lines with which PGP begins a signed text (RFC 4880 §7)."""
    first = next((number for number, (_, line) in enumerate(lines) if line), 0)
    if not lines or lines[first][1] != _PGP_BEGIN:
        return start, lines
    blank = next((n for n, (_, line) in enumerate(lines[first:], first) if not line), first)
    return lines[blank][0], lines[blank:]


def _lines(text: str, start: int, end: int) -> Sequence[tuple[int, str]]:
    """The lines of a range: where each begins, and its stripped beginning."""
    lines: list[tuple[int, str]] = []
    position = start
    while position < end and len(lines) < _MOST_LINES:
        newline = text.find("\n", position, end)
        line_end = end if newline < 0 else newline
        lines.append((position, text[position : min(line_end, position + _LONGEST_LINE)].strip()))
        position = line_end + 1
    return lines


def _quotation_start(lines: Sequence[tuple[int, str]], end: int, answered: bool) -> int:
    """Where the quoted tail begins: the first certain marker, or the lines with “>”."""
    for number, (position, line) in enumerate(lines):
        if not line:
            continue
        if _DIVIDER.fullmatch(line) or _is_between_arrows(line):
            return position
        if _begins_header(lines, number):
            return _rule_above(lines, number)
        if not answered and attribution_at(lines, number):
            return position if _quotation_follows(lines, number) else end
    return end if answered else _trailing_quote(lines, end)


def _is_between_arrows(line: str) -> bool:
    """As GroupWise begins: “>>> Support <s@example.com> 1/1/2024 12:00 PM >>>”."""
    arrows = line.startswith(">>> ") and line.endswith(">>>")
    return arrows and "@" in line and _TIME.search(line) is not None


def _begins_header(lines: Sequence[tuple[int, str]], number: int) -> bool:
    """发件人： … 发送时间： … 主题： as Outlook and Foxmail put above what they quote."""
    if not _HEADER_FIRST.match(lines[number][1]):
        return False
    sent = _SENT.search(lines[number][1])
    if sent and _TO.search(lines[number][1], sent.end()):
        return True
    window = [line for _, line in lines[number + 1 : number + 1 + _HEADER_WINDOW]]
    if _is_introduced(lines, number) or any(map(_FORM_FIELD.match, takewhile(bool, window))):
        return False
    fields = [line for line in window if _HEADER_OTHER.match(line)]
    # 发件人, 收件人 and 时间 alone are what customers say of a parcel.
    of_mail = (_MAIL_FIELD.match(line) or "@" in line for line in [lines[number][1], *fields])
    return len(fields) >= 2 and any(of_mail)


def _is_introduced(lines: Sequence[tuple[int, str]], number: int) -> bool:
    """Whether somebody shows a mail: “我收到这样的邮件：”.

    Programs leave a line empty; below one the line has to say that something is shown.
    """
    near = [line for _, line in lines[max(0, number - _MOST_EMPTY - 1) : number]]
    above = next(filter(None, reversed(near)), "")
    if not above.endswith((":", "：")) or _heads(above) or _HEADER_OTHER.match(above):
        return False
    return above == near[-1] or _SHOWS_MAIL.search(above) is not None


def _rule_above(lines: Sequence[tuple[int, str]], number: int) -> int:
    """Where a quoted header begins, with what stands above it.

    Outlook draws a line, others write a heading, Lotus Notes puts fields before the sender.
    """
    start = lines[number][0]
    joined = True
    for position, line in reversed(lines[max(0, number - _HEADER_WINDOW) : number]):
        if not line.strip("> "):
            joined = False
        elif _heads(line):
            return position
        elif joined and _HEADER_OTHER.match(line):
            start = position
        else:
            break
    return start


def _heads(line: str) -> bool:
    return (
        is_drawn(line)
        or _HEADING.fullmatch(line) is not None
        or (line.startswith("--") and is_attribution(line))
    )


def _quotation_follows(lines: Sequence[tuple[int, str]], number: int) -> bool:
    """Whether all after an attribution is quoted.

    With “>” signs below it and unquoted text after those, the answer is under or between what
    it quotes, and nothing can be cut. Without any sign the program marks by the line alone.
    """
    signs = [line.startswith(">") for _, line in lines[number + 1 :] if line]
    if True not in signs:
        return True
    return all(signs[signs.index(True) :]) or not _answers_below(lines[number + 1 :])


def _answers_below(lines: Sequence[tuple[int, str]]) -> bool:
    tail = [line for _, line in lines if line]
    # A signature under what is quoted is no answer to it.
    marks = [place for place, line in enumerate(tail) if line == "--"]
    below = tail[marks[-1] :] if marks else []
    if len(below) <= _LONGEST_SIGNATURE and not _asks("\n".join(below)):
        tail = tail[: len(tail) - len(below)]
    while tail and (is_sign_off(tail[-1]) or tail[-1].startswith(">")):
        tail.pop()
    first = next((place for place, line in enumerate(tail) if line.startswith(">")), len(tail))
    return any(not line.startswith(">") for line in tail[first:])


def _trailing_quote(lines: Sequence[tuple[int, str]], end: int) -> int:
    """Where the block of “>” lines at the very end begins."""
    start = end
    quoted = 0
    above = ""
    for position, line in reversed(lines):
        if line.startswith(">"):
            start, quoted = position, quoted + 1
        elif line:
            above = line
            break
    # “报错如下：” shows what a machine said, or how cold it is to be.
    shown = above.endswith((":", "：")) and not may_be_attribution(above)
    return start if quoted >= 2 and not shown else end


def _goes_on(tail: str) -> bool:
    """Whether somebody drew “--” between what they write, without the space of a program's."""
    return not tail.removeprefix("- ").startswith("-- ") and _asks(tail)


def _asks(signature: str) -> bool:
    """Whether somebody wrote into it, as the cursor may stand there."""
    lines = (line.strip() for line in signature.split("\n"))
    return any(_ASKS.search(line) and not is_sign_off(line) for line in lines)


def _without_signature(text: str, lines: Sequence[tuple[int, str]], end: int) -> int:
    # RFC 3676 §4.3: the signature is below a line of “-- ”, which PGP puts a dash before.
    last = next((n for n in range(len(lines) - 1, -1, -1) if lines[n][1]), -1) + 1
    for position, line in reversed(lines[max(0, last - _LONGEST_SIGNATURE - 1) : last]):
        if line in ("--", "- --") and not _goes_on(text[position:end]):
            end = position
    for number in range(len(lines) - 1, -1, -1):
        position, line = lines[number]
        if position >= end or not line:
            continue
        end = drawn_above(lines, number) if is_sign_off(line) else end
        break
    return card_start([line for line in lines if line[0] < end], end)
