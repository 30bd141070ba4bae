"""How people open, close and colour what they write, beside greetings and thanks: no matter.

Many who write “我想问一下” ask nothing then: they complain, or want something done. “在线等”,
“急急急”, “[微笑]” and 🙏 are as little of the matter. Where examples come straight to the point,
each of them would make something else of a message. Where little else is said they are read, for
then it is they who tell what is wanted: “想问一下年费”, “服务👍”.
"""

import re

from classifier.pleasantries import CLOSING, OPENING, STOP, WHO, Ends, without_pleasantries
from classifier.text import ANGRY, EMOJI, GLAD, HAN

_FACE = f"[{GLAD}{ANGRY}{EMOJI}]"

_TO = rf"(?:您|你们?|{WHO})?"
_ABOUT = r"(?:一?下|一?[个件点](?:问题|事情|事儿?))[哈啊呀哦]?"
_VERB = r"(?:问|咨询|请教|打听|了解)"
_ASKING = rf"""
    (?:我|本人|我们|就|是|只|来|也)*(?:想要?|需?要)(?:[跟向和]{_TO})?[再先]?
      (?:{_VERB}{_TO}{_ABOUT}|问问(?:您|你们?(?={STOP}))?|{_VERB}(?![了过的人你我他客师电费]))
    |(?:我|请|来|麻烦|劳驾|不好意思|[跟向]您|[跟向]你们|[再先])*
      (?:{_VERB}{_TO}{_ABOUT}|问问(?=您|你们|{STOP}))
    |请问(?:一?下)?(?:您|你们?(?={STOP})|{WHO})?
    |我?有(?:一?[个件点])?(?:问题|疑问|事情|事儿?)(?:[想要]?(?:问|咨询|请教|麻烦)(?:一?下|问)?{_TO})?
      (?={STOP})
    |(?:i'm\ |i\ am\ |i\ was\ )?just\ wondering(?=[\s,.:])
    |(?:just\ )?(?:a\ )?quick\ question(?=[\s,.:])
    |i(?:\ would|'d)?\ (?:like|want|wanted)\ to\ ask(?:\ you)?(?:\ a\ question)?(?=[\s,.:])
    |i\ have\ an?\ (?:quick\ )?question(?=[,.:!])
    """

_ANSWER = r"(?:回复|答复|消息|回信|通知)"
_HASTE = rf"""
    (?:在线|坐|急)等(?:着|你们?|您|的|{_ANSWER}|[,!]?急|[!~])*
    |等着?(?:你们?|您)?的?{_ANSWER}|速回
    |急{{2}}(?![忙诊救匆])|[十万]分?火急
    |(?:很|挺|非常|特别|比较|真的|有点|太|着|好|万分)*急(?:死了?|[的了啊呀])?(?={STOP}|\Z)
    |urgent(?:ly)?(?=[\s!,.:]|\Z)
    |(?:please\ )?(?:(?:reply|respond|help)\ )?asap(?=[\s!,.:]|\Z)
    """
_CALLING = rf"""
    (?:人工)?{WHO}?在线?(?:不在|[吗么嘛])|有(?:人工|客服)(?:客服)?在?[吗么嘛]
    |亲(?![属自子友戚测手人身生密笔眼耳情朋家切和民近历口临吻爱父母妈爸哥弟姐妹])
    """
_OPENS = rf"{OPENING}|{_CALLING}|(?:{_HASTE})(?={STOP}|急)|{_FACE}"
# What each can begin with stands before them all: most characters are passed over by one look.
_CLOSES = rf"""
    (?=[谢多麻劳有您你大辛非十万先提感盼祝在坐急等速很挺特比真太着好mtbkwrcysupha]|{_FACE})
    (?:{CLOSING}|{_FACE}|(?<![不加])急{{2}}|(?:(?<={STOP})|(?<={_FACE})|^)(?:{_HASTE}))
    """
_ENDS, _ENDS_UNASKED = Ends(_OPENS, _CLOSES), Ends(rf"{_OPENS}|{_ASKING}", _CLOSES)

_HEAD = 30
_MAY_ASK = re.compile("[问询教听解题疑事]|wondering|question|to ask")
_ASKED_FOR = re.compile(
    "[?吗么嘛呢啥咋谁哪几怎]|多[少久长大]|什么|为何|能否|是否|可否|如何|(?P<or>.)[不没](?P=or)"
    r"|\b(?:what|how|when|where|why|which|who|can|could|do|does|is|are|will|would)\b"
)
_SAID = re.compile(rf"([{HAN}])|[^\W_{HAN}]+")
_LEAST = 6
"""Characters: a word of another script is as long as two."""


def without_manners(normal: str) -> str:
    """A text of ``normalize`` without all that; without pleasantries only, where little is left.

    That somebody wants to ask is left out where nothing is asked in what follows.
    """
    matter = _ENDS.without(normal)
    if _MAY_ASK.search(matter, 0, _HEAD):
        told = _ENDS_UNASKED.without(normal)
        matter = matter if _ASKED_FOR.search(told) else told
    return matter if _says_enough(matter) else without_pleasantries(normal)


def _says_enough(matter: str) -> bool:
    length = 0
    for found in _SAID.finditer(matter):
        length += 1 if found[1] else 2
        if length >= _LEAST:
            return True
    return False
