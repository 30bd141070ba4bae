"""Mail written by machines, and whether a machine may answer (RFC 3834).

Two programs that thank each other for every mail never stop. The facts are read once, when a
mail is normalised, so that no later step needs to know headers.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal

from channels.email import notices
from channels.email.headers import Headers, Value

LOOP_HEADER = "X-Shouli-Loop"

Auto = Literal["none", "auto_reply", "bounce", "list", "self"]

_LIST_FIELDS = (
    "list-id",
    "list-post",
    "list-unsubscribe",
    "list-help",
    "list-subscribe",
    "list-owner",
    "mailing-list",
)
_AUTO_REPLY_FIELDS = (
    "x-autoreply",
    "x-autorespond",
    "x-autoreply-from",
    "x-mail-autoreply",
    "x-auto-reply-from",
)
_AWAY = re.compile(
    r"[\[【(（]?(?:(?:外出|休假|假期)?(?:自动|自動)(?:回复|答复|回覆|回復|応答|返信)"
    r"|外出自动|休假自动|不在办公室|자동 ?회신"
    r"|automatic reply|auto[- ]?repl(?:y|ied)|auto[- ]?response|out[- ]of[- ](?:the[- ])?office"
    r"|automatische antwort|abwesenheitsnotiz|automatisch antwoord|réponse automatique"
    r"|respuesta automática|resposta automática|risposta automatica|автоматический ответ"
    r"|absence du bureau|autosvar|automatiskt? svar|automaattinen vastaus|automatyczna odpowiedź"
    r"|automatická odpov[eě]ď|automatikus válasz|otomatik yanıt|răspuns automat|balasan otomatis"
    r"|trả lời tự động|автоматична відповідь|αυτόματη απάντηση|การตอบกลับอัตโนมัติ|رد تلقائي"
    r"|תשובה אוטומטית)"
    r"(?:\s?[/|]?\s?(?:auto(?:matic)?[- ]?)?(?:reply|response|message|notification))?"
    r"\s?(?:[:：](?!\s*(?:怎|如何|为什么|为何|无法|不能|请问|请?关闭|取消|设置|how|why|can))"
    r"|[\]】)）]|(?:re|fw|回复|答复)\s?[:：]|(?:until|till)\b|$)"
    r"|(?:外出|出差|休假)通知\s?(?:[:：]\s?(?:re|回复|答复)\s?[:：]|$)"
    r"|auto\s?:\s?(?:re\s?:|回复|答复"
    r"|.{1,80}(?:\bis out of (?:the )?office\b|\babwesend\b|不在办公室))"
    r"|.{1,80} is out of (?:the )?office \(return|vacation: re:|away from my mail$",
    re.IGNORECASE,
)
"""How programs begin the subject of an absence note that has no header of one: a sign stands
behind it, or what it answers. People who write about such notes go on with words, or ask."""

_RETURNED = re.compile(
    r"(?:系统|来自\S{1,40}的)?退信|未送达|未传递|无法(?:送达|投递|传递)|(?:邮件)?(?:投递|传输)失败|無法傳遞|undeliver"
    r"|returned mail|mail (?:delivery|failed|not delivered|could not be delivered)|delayed mail"
    r"|(?:permanent )?delivery (?:status|fail|has failed)|failure (?:notice|delivery)"
    r"|failed (?:delivery|mail)|warning: (?:message|could not send)",
    re.IGNORECASE,
)
"""How mail servers begin the subject of a bounce."""

_DMARC = re.compile(
    r"report[- ]domain:\s*\S{1,255}\s+submitter:\s*\S{1,255}\s+report-id:", re.IGNORECASE
)
"""How the subject of an aggregate report is written (RFC 7489 §7.2.1.1), wherever it begins."""

_DAEMONS = frozenset({"mailer-daemon", "postmaster", "mail-daemon"})
_BULK = frozenset({"bulk", "list", "junk", "auto_reply"})
_SUPPRESS = frozenset({"all", "autoreply", "oof", "dr", "rn", "nrn"})


def automatic_kind(
    headers: Headers,
    kind: Value,
    sender: str,
    transport: Mapping[str, Any],
    *,
    own: Collection[str],
    loop_mark: str,
    parts: Iterable[Value] = (),
    text: str = "",
) -> tuple[Auto, str]:
    """What kind of machine wrote the mail, and the fact that shows it (“” for a person's).

    ``sender`` and ``own`` are addresses in lower case, ``parts`` the types of all parts, and
    ``text`` is what is new in the mail.
    """
    if headers.text(LOOP_HEADER.lower()) == loop_mark:
        return "self", "loop"
    if sender in own:
        return "self", "own_address"
    if bounce := _bounce(headers, kind, sender, transport):
        return "bounce", bounce
    if program := _program(headers, kind, parts):
        return "auto_reply", program
    if headers.has(*_LIST_FIELDS):
        return "list", "list"
    if _AWAY.match(headers.text("subject")):
        return "auto_reply", "subject"
    if said := notices.fact(headers.text("subject"), text):
        return "auto_reply", said
    if headers.word("precedence") in _BULK:
        return "list", "precedence"
    return "none", ""


def no_automatic_answer(
    headers: Headers,
    kind: Value,
    fact: str,
    sender: str,
    trust: str,
    transport: Mapping[str, Any],
) -> str:
    """Why no automatic mail may go to the sender; “” if it may."""
    if fact:
        return fact
    if not sender:
        return "no_sender"
    if _null_sender(headers, transport):
        return "null_sender"
    if kind.main == "multipart/report":
        return "report"
    # Exchange's way of asking for silence, on mails that people write too.
    wishes = headers.text("x-auto-response-suppress").lower().replace(",", " ").split()
    if _SUPPRESS.intersection(wishes):
        return "suppress"
    if is_nobody(sender):
        return "noreply"
    return "" if trust == "verified" else "unverified"


_LONGEST_SUBJECT = 1000


def _program(headers: Headers, kind: Value, parts: Iterable[Value]) -> str:
    """By what a mail shows that a program wrote it; “” where nothing but words might.

    Of reading, of abuse: a program wrote the report, whoever pressed a key (RFC 6522).
    """
    if kind.main == "multipart/report" or _DMARC.search(
        headers.text("subject")[:_LONGEST_SUBJECT]
    ):
        return "report"
    submitted = headers.word("auto-submitted")
    if submitted and submitted != "no":
        return "auto_submitted"
    if headers.has(*_AUTO_REPLY_FIELDS) or headers.word("precedence") == "auto_reply":
        return "precedence"
    return next(filter(None, map(_written_by, parts)), "")


def _written_by(part: Value) -> str:
    """The program that writes such a part; “” for most parts.

    A calendar for who pressed “accept” (RFC 6047 §2.4), and no invitation; a receipt (RFC 8098)
    whose report was lost around it.
    """
    method = part.parameters.get("method", "").lower()
    if part.main == "text/calendar" and method == "reply":
        return "calendar"
    return "receipt" if part.main == "message/disposition-notification" else ""


def is_nobody(address: str) -> bool:
    """Whether nobody reads what is sent to this address: a server's own, or “no-reply”."""
    local = address.lower().partition("@")[0].translate(_WITHOUT_SIGNS)
    return local in _DAEMONS_PLAIN or any(word in local for word in _NO_REPLY)


_NO_REPLY = ("noreply", "donotreply")
_WITHOUT_SIGNS = str.maketrans("", "", "-_.")
_DAEMONS_PLAIN = frozenset(name.translate(_WITHOUT_SIGNS) for name in _DAEMONS)


def _bounce(headers: Headers, kind: Value, sender: str, transport: Mapping[str, Any]) -> str:
    if kind.main == "multipart/report":
        report = kind.parameters.get("report-type", "delivery-status").lower()
        return "report" if report == "delivery-status" else ""
    if headers.has("x-failed-recipients"):
        return "report"
    if _null_sender(headers, transport) and _RETURNED.match(headers.text("subject")):
        return "null_sender"  # whatever the server calls itself
    if sender.partition("@")[0] not in _DAEMONS:
        return ""
    if _null_sender(headers, transport) or headers.has("auto-submitted"):
        return "null_sender"
    # Over IMAP nobody tells from whom the envelope was.
    return "subject" if _RETURNED.match(headers.text("subject")) else ""


def _null_sender(headers: Headers, transport: Mapping[str, Any]) -> bool:
    """Whether nobody may be told what becomes of it (RFC 5321 §4.5.5)."""
    return transport.get("mail_from") == "" or headers.text("return-path") == "<>"
