"""Words by which somebody who has waited presses for an answer: 催单."""

import re

from classifier.text import normalize

_LONGEST = 2000
"""Characters that are looked at: who presses says so at the beginning."""

_PRESSING = re.compile(
    r"催(?!眠|化|泪|促销|产|熟|生|收)"
    r"|(?:怎么|为什么|为何|咋)(?:都|这么久|那么久|到现在|现在)*(?:还没|还不|迟迟|没人|一直没|不回|没反应|没消息)"
    r"|(?:还|都|到底)要(?:等)?多久|等了?(?:这么|那么|好|太|很)久|等到什么时候|迟迟(?:不|没|未)"
    r"|(?:尽快|赶紧|赶快|马上|立刻|立即|抓紧)(?:帮我|给我|为我|去|地)*(?:处理|解决|回复|答复|回电|联系|安排|办理)"
    r"|(?:有没有|没有|没|无)人(?:理|管|处理|回复|答复|回)"
    r"|\bany (?:update|news|progress)s?\b|\bstill (?:waiting|no (?:answer|reply|response))\b"
    r"|\b(?:how much|how many days|how) longer?\b|\bwhen will (?:you|this|i|it)\b"
    r"|\basap\b|\bas soon as possible\b|\bhurry\b|\bfollow(?:ing)?[ -]up on\b|\bchasing\b"
)


def is_pressing(text: str) -> bool:
    """Whether ``text`` asks for something that was asked for before, or for haste with it."""
    return _PRESSING.search(normalize(text[:_LONGEST])) is not None
