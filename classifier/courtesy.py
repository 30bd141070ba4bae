"""Words that close a matter rather than raise one: 「好的」「谢谢」 reopen nothing (DESIGN §8)."""

import re

from classifier.text import normalize

_LONGEST = 40

_COURTESY = re.compile(
    r"(?:(?:好的?|行|可以|嗯+|哦+|噢|收到|知道了|明白了?|了解了?|没事了?|没有了|解决了|已解决|搞定了?"
    r"|谢谢?你?您?|谢谢(?:啦|了|哈|呀|您|你|亲)?|多谢|感谢|感恩|辛苦(?:了|啦)?|麻烦(?:你|您)了|再见"
    r"|拜拜|祝好|客服|亲|哈|呢|啦|了|你|您|太|非常|那|就"
    r"|ok(?:ay)?|k|thanks?|thank you|thx|ty|cheers|got it|great|fine|perfect|bye|so much|very much"
    r"|a lot|all|you|noted|received)(?![a-z])[\W_]*)+"
)


def is_courtesy(text: str) -> bool:
    """Whether ``text`` only thanks, confirms or takes leave. False for an empty text."""
    if len(text.strip()) > _LONGEST:
        return False
    said = re.sub(r"^[\W_]+", "", normalize(text))
    return bool(said) and _COURTESY.fullmatch(said) is not None
