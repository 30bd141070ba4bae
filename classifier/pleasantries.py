"""The greeting that opens a message and the thanks that close it: they say nothing of its matter.

Half of all chats begin with 你好 or end with 谢谢. In examples that come straight to the point the
two stand where nothing else is said, so that a question which was asked politely would be taken
for idle talk.
"""

import re

from classifier.text import STAND_INS

_REACH = 60
"""Characters at either end in which they are looked for."""

_MOST = 4
"""Greetings, or thanks, in a row: “在吗 你好 打扰一下”."""

_P = r"[\s,.!?;:、。~…·—-]"
_WHO = r"(?:客服|亲爱的|亲|老板|老师|师傅|大家|各位|商家|卖家|店家)"

_OPENING = re.compile(
    rf"""
    (?:{_WHO}|[哎喂嗨])?{_P}{{0,3}}(?:(?:您|你们?)好){{1,2}}[啊呀哈]?{_WHO}?
      (?![多意歹像久大小高慢快厉难贵可笑惨烦坑狠不坏])
    |在(?:线)?(?:不在|[吗么嘛])|有(?:人|客服)在?[吗么嘛]
    |哈[喽啰罗]|[嗨喂](?={_P})|{_WHO}(?={_P})
    |(?:早上|上午|中午|下午|晚上)好(?={_P}|$)
    |(?:不好意思)?打扰(?:一下|[了下])(?={_P}|$)
    |(?:hi|hello|hey|good\ (?:morning|afternoon|evening|day)|greetings)
      (?:\ (?:there|all|team|everyone|guys|folks|support(?:\ team)?|sir|madam))?(?=[\s,.!?:]|$)
    |dear\ [a-z ./]{{1,30}}?(?=[,:!])
    |to\ whom\ it\ may\ concern
    """,
    re.VERBOSE,
)

_AFTER = r"(?:(?<=[\s,.!?;:、。~…·—-])|^)"
_CLOSING = re.compile(
    rf"""
    (?:
      (?<![说声我要不用个句致是替])(?:谢谢|多谢|谢[了啦])(?:您|你们?|[了啦哈呀哦]|{_WHO})*
      |(?<![太很])麻烦(?:您|你们?)(?:了|啦)
      |{_AFTER}(?:
        (?:麻烦|劳烦|有劳|(?:您|你们?|大家)?辛苦)(?:您|你们?|{_WHO})?[了啦]
        |(?:非常|十分|万分|先|提前)?(?:感谢|感激)(?:您|你们?)?|盼复|祝好
        |(?<!no\ )(?<!no,\ )(?:many\ )?thank(?:s|\ you)
          (?:\ (?:again|in\ advance|a\ lot|so\ much|very\ much|for\ your\ (?:help|time|support)))*
        |(?:(?:best|kind|warm)\ )?regards(?:,?\ [a-z.]+){{0,2}}|cheers|(?:yours\ )?sincerely
      )
    ){_P}*\Z
    """,
    re.VERBOSE,
)

_TOLD = re.compile(rf"[{''.join(STAND_INS)}]|[^\W_].*?[^\W_]", re.DOTALL)
"""Something is said: two letters or characters, or a number, an address and the like."""

_STOPS = re.compile(rf"{_P}+")


def without_pleasantries(normal: str) -> str:
    """A text of ``normalize`` without what opens and closes it; whole where it says nothing else.

    In time that does not grow with the text: only its ends are looked at.
    """
    start, end = _opened(normal), _closed(normal)
    matter = normal[start:end] if start < end else ""
    return matter if _TOLD.search(matter) else normal


def _opened(normal: str) -> int:
    """Where the matter begins."""
    head, start = normal[:_REACH], 0
    for _ in range(_MOST):
        greeting = _OPENING.match(head, start)
        if greeting is None:
            break
        stops = _STOPS.match(head, greeting.end())
        start = stops.end() if stops else greeting.end()
    return start


def _closed(normal: str) -> int:
    """Where the matter ends."""
    tail = normal[-_REACH:]
    end = len(tail)
    for _ in range(_MOST):
        thanks = _CLOSING.search(tail[:end])
        if thanks is None:
            break
        # What ends the matter stays: a question mark says that something is asked.
        end = len(tail[: thanks.start()].rstrip(" ,、;:~"))
    return len(normal) - len(tail) + end
