"""The warning that a company's server puts above mail from outside: none of it is a customer's.

It is told by what it says together: that the mail is from outside, and to be careful. What asks
a question is written by a person, whatever its words.
"""

import re

_MOST_LINES = 5
_LONGEST = 500
"""Characters of a warning."""

_TAG = re.compile(
    r"[\[【(（<*]{1,3}\s?(?:external(?: e-?mail)?|外部邮件|外来邮件)\s?[\]】)）>*]{1,3}",
    re.IGNORECASE,
)
"""A mark alone, before the first word."""

_OPENING = re.compile(
    r"[^\w\s]{0,6}\s?(?:external|caution|warning|attention|important|notice|security|alert"
    r"|be careful|this (?:e-?mail|message)"
    r"|(?:you|some people who received this message) don['’]t often get"
    r"|外部|外来|境外|(?:安全|风险|温馨|邮件)?(?:提醒|提示|警示|警告|注意)|[此本该]邮件|请注意"
    r"|[你您]?不常收到)",
    re.IGNORECASE,
)
_FROM_OUTSIDE = re.compile(
    r"outside (?:of )?(?:(?:the|your|our|this) )?(?:\w{1,20} )?"
    r"(?:organi[sz]ation|company|network|firm|group)"
    r"|external (?:e-?mail|sender|source|message|address|party|mail)"
    r"|don['’]t often get e-?mail from"
    r"|外部(?:邮件|邮箱|发件人|人员|网络|来源)|外来邮件|境外邮箱|不常收到来自"
    r"|来自(?:公司|企业|组织|集团|单位|本公司)?(?:外部|以外)"
    r"|(?:公司|组织|企业|集团|单位)(?:外部|以外|之外)",
    re.IGNORECASE,
)
_CAREFUL = re.compile(
    r"do not (?:click|open|respond|reply|follow)|don['’]t (?:click|open)|unless you"
    r"|be (?:careful|cautious|vigilant)"
    r"|(?:use|exercise|with|take) (?:extra |extreme )?(?:caution|care)"
    r"|verify the sender|why this is important"
    r"|谨慎|小心|警惕|[勿别](?:随意|轻易|直接)?(?:点击|打开|回复|下载)|核实|为什么很重要|辨别|甄别",
    re.IGNORECASE,
)
_WRAPPED = 60
"""Characters of a line that may go on below."""

_QUESTION = re.compile(r"[?？]")
_SENTENCE_END = re.compile(r"(?:[.!。！>\]】)）*]|important|重要)\s*\Z")


def end(text: str) -> int:
    """Where what follows the warning begins; 0 without one, or with nothing below it."""
    head = text[: 2 * _LONGEST]
    start = len(head) - len(head.lstrip())
    ends = _line_ends(head, start)
    warned = next((n for n, each in enumerate(ends) if _is_warning(head[start:each])), None)
    if warned is not None:
        position = _sentence_end(head, ends[warned:])
    else:
        tag = _TAG.match(head, start)
        position = tag.end() if tag else 0
    return position if text[position:].strip() else 0


def _line_ends(head: str, start: int) -> list[int]:
    """Where the lines of the first paragraph end, as far as a warning may reach."""
    ends: list[int] = []
    position = start
    while len(ends) < _MOST_LINES:
        newline = head.find("\n", position)
        if newline < 0 or newline - start > _LONGEST or not head[position:newline].strip():
            break
        ends.append(newline)
        position = newline + 1
    return ends


def _sentence_end(head: str, ends: list[int]) -> int:
    """Where the sentence ends that was wrapped behind the first of the line ends."""
    for number, each in enumerate(ends):
        line = head[head.rfind("\n", 0, each) + 1 : each]
        if len(line) < _WRAPPED or _SENTENCE_END.search(line):
            return ends[number]
    return ends[0]


def _is_warning(said: str) -> bool:
    return (
        _OPENING.match(said) is not None
        and _FROM_OUTSIDE.search(said) is not None
        and _CAREFUL.search(said) is not None
        and _QUESTION.search(said) is None
    )
