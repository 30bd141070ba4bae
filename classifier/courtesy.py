"""Words that close a matter rather than raise one: 「好的」「谢谢」 reopen nothing."""

import re

from classifier.text import normalize

_LONGEST = 40

_WORDS = tuple(
    """
    好|好的|行|可以|嗯|哦|噢|收到|知道了|明白|明白了|了解|了解了|没事|没事了|没有了|解决了|已解决
    搞定|搞定了|谢|谢谢|谢谢呀|多谢|感谢|感恩|辛苦|辛苦了|辛苦啦|麻烦你了|麻烦您了|再见|拜拜|祝好
    客服|亲|哈|呢|啦|了|你|您|太|非常|那|就
    ok|okay|k|thank|thanks|thank you|thx|ty|cheers|got it|great|fine|perfect|bye|so much|very much
    a lot|all|you|noted|received
    """.strip()
    .replace("\n    ", "|")
    .split("|")
)
_WORD_ENDS = re.compile(r"(?![a-z])[\W_]*")


def is_courtesy(text: str) -> bool:
    """Whether ``text`` only thanks, confirms or takes leave. False for an empty text."""
    if len(text.strip()) > _LONGEST:
        return False
    said = re.sub(r"^[\W_]+", "", normalize(text))
    return bool(said) and _all_words(said)


def _all_words(said: str) -> bool:
    """Whether ``said`` can be cut into the words above, each place in it looked at once.

    As one pattern it took a minute for 37 characters: 谢谢你您 is made of them in many ways.
    """
    places, seen = [0], {0}
    while places:
        at = places.pop()
        for word in _WORDS:
            ended = _WORD_ENDS.match(said, at + len(word)) if said.startswith(word, at) else None
            if ended and ended.end() not in seen:
                seen.add(ended.end())
                places.append(ended.end())
    return len(said) in seen
