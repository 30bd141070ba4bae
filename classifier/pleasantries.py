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

STOP = r"[\s,.!?;:、。~…·—-]"
WHO = r"(?:客服|亲爱的|亲|老板|老师|师傅|大家|各位|商家|卖家|店家)"

OPENING = rf"""
    (?:{WHO}|[哎喂嗨])?{STOP}{{0,3}}(?:(?:您|你们?)好){{1,2}}[啊呀哈]?{WHO}?
      (?![多意歹像久大小高慢快厉难贵可笑惨烦坑狠不坏])
    |在(?:线)?(?:不在|[吗么嘛])|有(?:人|客服)在?[吗么嘛]
    |哈[喽啰罗]|[嗨喂](?={STOP})|{WHO}(?={STOP})
    |(?:早上|上午|中午|下午|晚上)好(?={STOP}|$)
    |(?:不好意思)?打扰(?:一下|[了下])(?={STOP}|$)
    |(?:hi|hello|hey|good\ (?:morning|afternoon|evening|day)|greetings)
      (?:\ (?:there|all|team|everyone|guys|folks|support(?:\ team)?|sir|madam))?(?=[\s,.!?:]|$)
    |dear\ [a-z ./]{{1,30}}?(?=[,:!])
    |to\ whom\ it\ may\ concern
    """
"""A greeting, as a verbose pattern."""

AFTER = rf"(?:(?<={STOP})|^)"
CLOSING = rf"""
      (?<![说声我要不用个句致是替])(?:谢谢|多谢|谢[了啦])(?:您|你们?|[了啦哈呀哦]|{WHO})*
      |(?<![太很])麻烦(?:您|你们?)(?:了|啦)
      |{AFTER}(?:
        (?:麻烦|劳烦|有劳|(?:您|你们?|大家)?辛苦)(?:您|你们?|{WHO})?[了啦]
        |(?:非常|十分|万分|先|提前)?(?:感谢|感激)(?:您|你们?)?|盼复|祝好
        |(?<!no\ )(?<!no,\ )(?:many\ )?thank(?:s|\ you)
          (?:\ (?:again|in\ advance|a\ lot|so\ much|very\ much|for\ your\ (?:help|time|support)))*
        |(?:(?:best|kind|warm)\ )?regards(?:,?\ [a-z.]+){{0,2}}|cheers|(?:yours\ )?sincerely
      )
    """
"""Thanks, as a verbose pattern."""

_TOLD = re.compile(rf"[{''.join(STAND_INS)}]|[^\W_].*?[^\W_]", re.DOTALL)
"""Something is said: two letters or characters, or a number, an address and the like."""

_STOPS = re.compile(rf"{STOP}+")


class Ends:
    """Finds where the matter of a text begins and ends, in time that does not grow with it."""

    def __init__(self, opening: str, closing: str) -> None:
        """``opening`` and ``closing`` are verbose patterns of what is no matter."""
        self._opening = re.compile(opening, re.VERBOSE)
        self._closing = re.compile(rf"(?:{closing}){STOP}*\Z", re.VERBOSE)

    def without(self, normal: str) -> str:
        """What stands between the ends; empty where nothing does."""
        start, end = self._opened(normal), self._closed(normal)
        return normal[start:end] if start < end else ""

    def _opened(self, normal: str) -> int:
        head, start = normal[:_REACH], 0
        for _ in range(_MOST):
            greeting = self._opening.match(head, start)
            if greeting is None:
                break
            stops = _STOPS.match(head, greeting.end())
            start = stops.end() if stops else greeting.end()
        return start

    def _closed(self, normal: str) -> int:
        tail = normal[-_REACH:]
        end = len(tail)
        for _ in range(_MOST):
            thanks = self._closing.search(tail[:end])
            if thanks is None:
                break
            # What ends the matter stays: a question mark says that something is asked.
            end = len(tail[: thanks.start()].rstrip(" ,、;:~"))
        return len(normal) - len(tail) + end


_ENDS = Ends(OPENING, CLOSING)


def without_pleasantries(normal: str) -> str:
    """A text of ``normalize`` without what opens and closes it; whole if it says nothing else."""
    matter = _ENDS.without(normal)
    return matter if _TOLD.search(matter) else normal
