"""What programs write in a person's name, where no header says so: known by its own words.

A subject alone is not enough: “撤回：我的投诉” is a customer's, “撤回: 订单 8812” above one
sentence of Outlook's is not. What asks a question is written by a person, whatever its words.
"""

import re

_LONGEST = 600
"""Characters of a notice; nobody's program writes more into one."""

_RECALL = re.compile(
    r".{1,200}(?:将撤回|(?:希望|想要|要求)(?:撤回|召回|回收))(?:此|该)?[邮郵]件\s?[“「\"《]"
    r".{1,400}[”」\"》]。?"
    r"|.{1,200} would like to recall the message, [\"“].{1,400}[\"”]\.?",
    re.IGNORECASE | re.DOTALL,
)
"""Outlook's sentence about a mail that should not have been sent; other servers cannot obey."""

_RECALLED = re.compile(r"(?:撤回|召回|回收|recall)\s?[:：]", re.IGNORECASE)
_RECEIPT = re.compile(
    r"(?:已读|已讀|未读|未讀|read|not read|(?:邮件)?(?:已读|阅读)?(?:回执|收条))\s?[:：]"
    r"|(?:邮件)?(?:已读|阅读)回执",
    re.IGNORECASE,
)
_HAS_READ = re.compile(
    r"(?:[您你]的(?:[邮郵]件|消息|訊息)|[邮郵]件收条|您发给|发送的邮件).{0,400}"
    r"(?:(?:已[于於被]|已经被?|時間|时间).{0,80}(?:阅读|閱讀|查看|打开|删除|刪除)|未阅读|未閱讀)"
    r"|your message.{0,400}\bwas (?:read|deleted without being read|displayed)\b",
    re.IGNORECASE | re.DOTALL,
)
"""How Outlook, Foxmail and phones go on where the report around it was lost on the way."""

_GREETED = r"(?:[^\n]{0,20}[,，！!：:]\s{0,4})?[（(【\[]?"
_ANSWERS_ITSELF = re.compile(
    rf"{_GREETED}(?:这是|此为|[本此该]邮件[是为]|以下[是为])(?:一封|一条|来自.{{1,20}}的)?(?:系统|邮箱)?"
    r"(?:自动回复|自动答复)(?:的?(?:邮件|信息|消息|信件))?[，。,.！!）)】\]\s]"
    rf"|{_GREETED}this is an? (?:automatic|automated|auto)[- ]?(?:reply|response|answer)\b"
    # A mark in brackets; who copies it to complain goes on otherwise.
    r"|[【\[（(](?:系统|邮箱)?自动(?:回复|答复)[】\]）)](?!.{0,600}(?:没人|没有|一直|结果|还没|意思))"
    r"[^。]{0,40}(?:(?:来信|来函|邮件)[^，。！]{0,8}(?:收到|收悉)"
    r"|(?:正在|目前)[^，。！]{0,6}(?:休假|出差|外出|度假))",
    re.IGNORECASE,
)
_SAYS_SO_BELOW = re.compile(
    r"[（(【\[](?:[本此](?:邮件)?)?[是为由]?(?:系统|邮箱)?自动(?:回复|答复)[，,。；;、]?\s?"
    r"(?:请勿|无需|不必|请不要)(?:直接)?(?:回复|答复)[^）)】\]\n]{0,20}[）)】\]]\s*\Z"
)
_OF_SOMEBODY = re.compile(
    r"[?？]|人工|你们|贵[司公方]|为什么|为何|投诉|我要|\breal person\b|\bcomplain", re.IGNORECASE
)
"""Who writes about an answer that came by itself, and does not write one."""


def fact(subject: str, text: str) -> str:
    """What shows that a program wrote ``text``, the new part of a mail; “” where nothing does."""
    text = text.strip()
    if len(text) > _LONGEST:
        return ""
    # It quotes a person's subject, which may ask or complain.
    if _RECALLED.match(subject) and _RECALL.fullmatch(text):
        return "recall"
    if _OF_SOMEBODY.search(text):
        return ""
    if _RECEIPT.match(subject) and _HAS_READ.search(text):
        return "receipt"
    if _ANSWERS_ITSELF.match(text) or _SAYS_SO_BELOW.search(text):
        return "says_so"
    return ""
