"""What WeChat and WeCom bound alike: the length of a text, and how many may follow a word."""

from models.message import OutboundMessage
from models.sending import split, utf8_bytes

MAX_TEXT_BYTES = 2048
"""Of one message, in UTF-8. More is refused (45002)."""


def in_parts(text: str, most: int = MAX_TEXT_BYTES) -> list[str]:
    """A text as the messages that it takes."""
    return [part for part in split(text, most, utf8_bytes) if part.strip()]


def over_quota(outbound: OutboundMessage, parts: int) -> str:
    """Why an answer of so many texts is more than may follow now (a sentence), or “”."""
    most, wanted = outbound.route.quota_left, parts + len(outbound.attachments)
    if most is None or wanted <= most:
        return ""
    return (
        f"要分成 {wanted} 条，客户每说一次最多发 {most} 条，什么都没有发，请缩短"
        f" / It takes {wanted} messages, and {most} may follow one of the customer's:"
        " nothing was sent, make it shorter"
    )
