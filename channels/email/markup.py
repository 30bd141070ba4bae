"""HTML of strangers as the text that a reader sees, in linear time, with what it quotes."""

import html
import re
from dataclasses import dataclass, field
from itertools import chain

from channels.email.headers import clean_line, without_litter
from channels.email.tags import BLOCK, OPTIONAL_END, PARAGRAPH, VOID, Tag, Tags

_DEEPEST = 200
_MOST_TAGS = 50_000
_MOST_ATTRIBUTES = 300
"""Beyond these nothing is sanitised but only read: the HTML5 tree rules cost quadratic time
(100 KB of open <div> take 0.9 s, 100,000 attributes on one tag 5 s)."""

_HARMLESS = 16_384
"""Characters of HTML that are sanitised in 20 ms however they are arranged."""

_SPACE = re.compile(r"[ \t\n\r\f\xa0]+")
_CELL = frozenset(("td", "th"))
_LISTS = frozenset(("ol", "ul"))

_ANCHOR = re.compile(
    # Begins with the sign that seldom occurs, so that all else is passed over by one look:
    # beginning with the names, it took a tenth of the time that a mail takes to be read.
    r"""=(?:"""
    r"""(?:(?<=class=)|(?<=class\s=))\s*["']?[^"'>]{0,200}\b(?:gmail_quote(?!_attribution)"""
    r"""|ntes-mailmaster-quote|(?:ydp\w{0,20})?yahoo_quoted|moz-cite-prefix|qmbox-quote"""
    r"""|protonmail_quote|xm_write_history_container|ReferenceQuote|zmail_extra"""
    r"""|history-quote-wrapper)\b"""
    r"""|(?:(?<=id=)|(?<=id\s=))\s*["']?(?:isReplyContent|origbody|ntes-pcmail-quote"""
    r"""|reply139content|lark-mail-(?:quote|meta)(?=-)"""
    r"""|mail-editor-reference-message-container|OLK_SRC_BODY_SECTION|oriMsgHtmlSeperator"""
    r"""|divRplyFwdMsg|stopSpelling|reply-intro)\b"""
    r"""|(?:(?<=type=)|(?<=type\s=))\s*["']?cite\b)""",
    re.IGNORECASE,
)
"""Attributes by which mail programs mark what they quote: Gmail, 网易邮箱大师, Yahoo, Thunderbird,
QQ, Coremail, Zoho, 飞书, 163 web, Foxmail, 139, Outlook and Apple Mail."""

_FROM_HERE = re.compile(
    r"oriMsgHtmlSeperator|divRplyFwdMsg|stopSpelling|reply-intro",
    re.IGNORECASE,
)
"""Of these, the ones that stand before what is quoted instead of around it."""


_SIGNATURE = re.compile(
    r"""=(?:"""
    r"""(?:(?<=class=)|(?<=class\s=))\s*["']?[^"'>]{0,200}\b(?:gmail_signature(?!_prefix)"""
    r"""|moz-signature|xmail_footer_sign|xm_write_card|protonmail_signature_block"""
    r"""|lark-mail-signature)\b"""
    r"""|(?:(?<=id=)|(?<=id\s=))\s*["']?(?:Signature|QQMailSignature|ntes-\w{2,10}-signature"""
    r"""|_FlashSignName|spnEditorSign(?:_app)?)\b"""
    r"""|(?<=<sign signid=)|(?<=^ signid=))""",
    re.IGNORECASE,
)
"""Attributes by which mail programs mark the signature: Gmail, Thunderbird, QQ, Proton, Feishu,
Outlook on the web, 网易邮箱大师, Foxmail and 163 web. Outlook on phones has one, in which people
write."""

_LIKE_BLOCK = re.compile(
    r"display\s*:\s*(?:block|flex|grid|list-item|table(?:-row)?)(?![\w-])", re.IGNORECASE
)
_UNNUMBERED = re.compile(
    r"list-style(?:-type)?\s*:\s*(?:none|disc|circle|square)|type\s*=\s*[\"']?[aAiI]",
    re.IGNORECASE,
)
_SPACES_KEPT = re.compile(r"white-space\s*:\s*(?:(pre|break-spaces)|normal|nowrap)", re.IGNORECASE)
_ALT = re.compile(r"""(?<![\w-])alt\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
_START = re.compile(r"start\s*=\s*[\"']?(\d{1,6})", re.IGNORECASE)
_VALUE = re.compile(r"value\s*=\s*[\"']?(\d{1,6})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reading:
    """The text of an HTML body, which ranges are quotations or signatures, and if it is sane."""

    text: str
    quoted: tuple[tuple[int, int], ...]
    signed: tuple[tuple[int, int], ...]
    simple: bool
    """False: too deep or too many tags for the sanitiser."""


def needs_no_reading(source: str) -> bool:
    """Whether HTML beside a plain text says nothing more: nothing is marked in it."""
    small = len(source) <= _HARMLESS
    return small and _ANCHOR.search(source) is None and _SIGNATURE.search(source) is None


def read(source: str) -> Reading:
    """The text as a reader sees it, with quotations found by their anchors."""
    reader = _Reader(Tags(source))
    reader.run()
    return reader.reading()


def _unescaped(text: str) -> str:
    """With entities read; what stands for no character at all (&#0;) is left out."""
    read = html.unescape(text)
    return read if "\ufffd" in text else read.replace("\ufffd", "")


def _joined(text: str, ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges with only white space between them made one."""
    joined: list[tuple[int, int]] = []
    for start, end in ranges:
        if joined and not text[joined[-1][1] : start].strip():
            joined[-1] = joined[-1][0], end
        else:
            joined.append((start, end))
    return joined


def _unanswered(
    text: str, start: int, end: int, inner: list[tuple[int, int]]
) -> list[tuple[int, int]]:
    """A quotation, or the pieces of it between which answers are written.

    Gmail leaves them all in the one element that says who wrote, and what.
    """
    if not inner or not text[start : inner[0][0]].rstrip().endswith((":", "：")):
        return [(start, end)]
    ends = [*(first for first, _ in inner[1:]), end]
    pairs = zip(inner, ends, strict=True)
    if not any(text[last:following].strip() for (_, last), following in pairs):
        return [(start, end)]
    return [(start, inner[0][1]), *inner[1:]]


@dataclass(slots=True)
class _Reader:
    """Writes the text down, tag by tag."""

    source: Tags
    pieces: list[str] = field(default_factory=list)
    length: int = 0
    ends_with: str = "\n"
    newlines: int = 2
    depth: int = 0
    deepest: int = 0
    spaces: list[tuple[str, int, bool]] = field(default_factory=list)
    """Elements that say whether line ends count, and how deep each lies."""

    quoted: list[tuple[int, int, list[tuple[int, int]]]] = field(default_factory=list)
    """Quotations, and the <blockquote> elements in them that are in no other."""

    quote_start: int | None = None
    quote_tag: str = ""
    quote_depth: int = 0
    signed: list[tuple[int, int]] = field(default_factory=list)
    signature_start: int | None = None
    signature_tag: str = ""
    signature_depth: int = 0
    lines: list[tuple[str, int]] = field(default_factory=list)
    """Inline elements that stand on lines of their own, and how deep each lies."""

    numbers: list[int | None] = field(default_factory=list)
    """Of each list around this place the next number; None where it has none."""

    pictured: list[str] = field(default_factory=list)
    """What stands for pictures that are not shown."""

    inner: list[tuple[int, int]] = field(default_factory=list)
    inner_start: int = 0
    inner_depth: int = 0

    def run(self) -> None:
        for token in self.source:
            if isinstance(token, str):
                self._text(token)
            elif token.closing:
                self._close(token.name)
            else:
                self._open(token)

    def reading(self) -> Reading:
        text = "".join(self.pieces)
        if not text.strip():
            # Nothing but pictures: what stands in their places where they are not shown.
            return Reading("\n".join(self.pictured), (), (), self._simple())
        self._end_quotation()
        quoted = list(chain.from_iterable(_unanswered(text, *each) for each in self.quoted))
        return Reading(text, tuple(_joined(text, quoted)), tuple(self.signed), self._simple())

    def _simple(self) -> bool:
        return (
            self.deepest <= _DEEPEST
            and self.source.count <= _MOST_TAGS
            and self.source.most_attributes <= _MOST_ATTRIBUTES
        )

    def _open(self, opened: Tag) -> None:
        tag, attributes = opened.name, opened.attributes
        if tag == "br":
            self._append("\n")
            return
        if tag in BLOCK:
            self._break(2 if tag in PARAGRAPH else 1)
        elif tag in _CELL and self.ends_with != "\n":
            self._append(" ")
        elif attributes and tag not in _CELL and _LIKE_BLOCK.search(attributes):
            self._break(1)
            if tag not in VOID and len(self.lines) < _DEEPEST:
                self.lines.append((tag, self.depth))
        self._number(tag, attributes)
        self._mark_quotation(tag, attributes)
        if tag in VOID:
            self._picture(tag, attributes)
            return
        self._mark_signature(tag, attributes)
        self._keep_spaces(tag, attributes)
        if tag not in OPTIONAL_END:
            self.depth += 1
            self.deepest = max(self.deepest, self.depth)
        if tag == self.quote_tag:
            self.quote_depth += 1
        if tag == "blockquote" and self.quote_start is not None:
            self.inner_start = self.inner_start if self.inner_depth else self.length
            self.inner_depth += 1

    def _keep_spaces(self, tag: str, attributes: str) -> None:
        style = _SPACES_KEPT.search(attributes) if "white-space" in attributes else None
        if (style or tag == "pre") and len(self.spaces) < _DEEPEST:
            self.spaces.append((tag, self.depth, style is None or style[1] is not None))

    def _end_spaces(self, tag: str) -> None:
        while self.spaces and self.spaces[-1][1] > self.depth:
            self.spaces.pop()
        if self.spaces and self.spaces[-1][:2] == (tag, self.depth):
            self.spaces.pop()

    def _picture(self, tag: str, attributes: str) -> None:
        if tag != "img":
            return
        found = _ALT.search(attributes)
        words = clean_line(_unescaped(found[1] or found[2] or "")) if found else ""
        self.pictured += [words] if words else []

    def _close(self, tag: str) -> None:
        if tag in BLOCK:
            self._break(2 if tag in PARAGRAPH else 1)
        if tag not in OPTIONAL_END:
            self.depth = max(0, self.depth - 1)
        self._end_line(tag)
        self._end_spaces(tag)
        if tag == self.signature_tag and self.signature_start is not None:
            self.signature_depth -= 1
            if not self.signature_depth:
                self.signed.append((self.signature_start, self.length))
                self.signature_start = None
        if tag == "blockquote" and self.inner_depth:
            self.inner_depth -= 1
            if not self.inner_depth:
                self.inner.append((self.inner_start, self.length))
        if tag == self.quote_tag:
            self.quote_depth -= 1
            if not self.quote_depth:
                self._end_quotation()

    def _end_line(self, tag: str) -> None:
        """Behind a list, or an inline element that stands on lines of its own."""
        if tag in _LISTS and self.numbers:
            self.numbers.pop()
        while self.lines and self.lines[-1][1] > self.depth:
            self.lines.pop()
        if self.lines and self.lines[-1] == (tag, self.depth):
            self.lines.pop()
            self._break(1)

    def _number(self, tag: str, attributes: str) -> None:
        """Writes the number of an item, which people refer to; other signs say nothing."""
        if tag in _LISTS:
            start = _START.search(attributes)
            counted = tag == "ol" and not _UNNUMBERED.search(attributes)
            self.numbers.append((int(start[1]) if start else 1) if counted else None)
        elif tag == "li" and self.numbers and (number := self.numbers[-1]) is not None:
            given = _VALUE.search(attributes)
            number = int(given[1]) if given else number
            self.numbers[-1] = number + 1
            self._append(f"{number}. ")
            # A paragraph in it goes on behind the number.
            self.newlines = 2

    def _mark_quotation(self, tag: str, attributes: str) -> None:
        if self.quote_start is not None or not attributes:
            return
        anchor = _ANCHOR.search(attributes)
        if anchor is None:
            return
        self.quote_start = self.length
        self.quote_depth = 0
        self.quote_tag = "" if _FROM_HERE.search(anchor[0]) or tag in VOID else tag

    def _mark_signature(self, tag: str, attributes: str) -> None:
        """Begins a signature; one that never ends is none."""
        if self.signature_start is not None:
            self.signature_depth += tag == self.signature_tag
        elif attributes and _SIGNATURE.search(attributes):
            self.signature_start, self.signature_tag = self.length, tag
            self.signature_depth = 1

    def _end_quotation(self) -> None:
        if self.quote_start is not None:
            self.quoted.append((self.quote_start, self.length, self.inner))
        self.quote_start = None
        self.quote_tag = ""
        self.inner, self.inner_depth = [], 0

    def _text(self, text: str) -> None:
        if not text:
            return
        if "&" in text:
            # An entity may write what was taken out of the source.
            text = without_litter(_unescaped(text))
        if not (self.spaces and self.spaces[-1][2]):
            text = _SPACE.sub(" ", text)
            if self.ends_with in "\n ":
                text = text.lstrip(" ")
        if text:
            self._append(text)

    def _break(self, lines: int) -> None:
        """Ends the line; with 2, leaves an empty one, except at the beginning."""
        while self.newlines < lines:
            self._append("\n")

    def _append(self, text: str) -> None:
        self.pieces.append(text)
        self.length += len(text)
        self.ends_with = text[-1]
        if text == "\n":
            self.newlines += 1
        else:
            self.newlines = len(text) - len(text.rstrip("\n"))
