"""HTML of strangers: to plain text in linear time, and to HTML that is safe to show."""

import html
import re
from dataclasses import dataclass, field
from functools import cache

import nh3

_DEEPEST = 200
_MOST_TAGS = 50_000
_MOST_ATTRIBUTES = 300
"""Beyond these nothing is sanitised but only read: the HTML5 tree rules cost quadratic time
(100 KB of open <div> take 0.9 s, 100,000 attributes on one tag 5 s)."""

_LONGEST_READING = 100_000
"""Tags after which the rest is taken as text."""

_HARMLESS = 16_384
"""Characters of HTML that are sanitised in 20 ms however they are arranged."""

_TAG_NAME = re.compile(r"/?([a-zA-Z][a-zA-Z0-9:-]{0,30})")
_DATA_URI = re.compile(r"data:[^\"'>\s]{1000,}")
_SPACE = re.compile(r"[ \t\n\r\f\xa0]+")
_LONGEST_ATTRIBUTES = 4_096


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_BLOCK = _names(
    "address article aside blockquote body center dd div dl dt fieldset figure footer form h1 h2"
    " h3 h4 h5 h6 header hr html li main nav ol p pre section table tbody tfoot thead tr ul"
)
_PARAGRAPH = _names("p h1 h2 h3 h4 h5 h6 blockquote ul ol table pre")
_CELL = _names("td th")
_VOID = _names("area base br col embed hr img input link meta param source track wbr")
_OPTIONAL_END = _names("p li td th tr dt dd option thead tbody tfoot colgroup html body")
_SKIPPED = {
    name: re.compile(f"</{name}", re.IGNORECASE)
    for name in ("head", "script", "style", "title", "textarea", "select", "template", "svg")
}
"""Elements whose content no reader sees, and where each ends."""

_ANCHOR = re.compile(
    # Begins with the sign that seldom occurs, so that all else is passed over by one look:
    # beginning with the names, it took a tenth of the time that a mail takes to be read.
    r"""=(?:"""
    r"""(?:(?<=class=)|(?<=class\s=))\s*["']?[^"'>]{0,200}\b(?:gmail_quote(?!_attribution)"""
    r"""|ntes-mailmaster-quote|yahoo_quoted|moz-cite-prefix|qmbox-quote|protonmail_quote)\b"""
    r"""|(?:(?<=id=)|(?<=id\s=))\s*["']?(?:isReplyContent|origbody"""
    r"""|mail-editor-reference-message-container|OLK_SRC_BODY_SECTION|oriMsgHtmlSeperator"""
    r"""|divRplyFwdMsg|appendonsend|stopSpelling|reply-intro)\b"""
    r"""|(?:(?<=type=)|(?<=type\s=))\s*["']?cite\b)""",
    re.IGNORECASE,
)
"""Attributes by which mail programs mark what they quote: Gmail, 网易邮箱大师, Yahoo, Thunderbird,
163 web, Foxmail, Outlook and Apple Mail."""

_FROM_HERE = re.compile(
    r"oriMsgHtmlSeperator|divRplyFwdMsg|appendonsend|stopSpelling|reply-intro",
    re.IGNORECASE,
)
"""Of these, the ones that stand before what is quoted instead of around it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The text of an HTML body, which ranges of it are quotations, and whether it is sane."""

    text: str
    quoted: tuple[tuple[int, int], ...]
    simple: bool
    """False: too deep or too many tags for the sanitiser."""


def without_data(source: str) -> str:
    """The HTML without the pictures that are written into it (they would not be shown)."""
    return _DATA_URI.sub("data:,", source)


def needs_no_reading(source: str) -> bool:
    """Whether HTML beside a plain text says nothing more: no quotation is marked in it."""
    return len(source) <= _HARMLESS and _ANCHOR.search(source) is None


def sanitised(source: str) -> str:
    """HTML without script, style, forms, remote pictures or anything that acts."""
    return _cleaner().clean(source)


@cache
def _cleaner() -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=nh3.ALLOWED_TAGS - {"map", "area"},
        clean_content_tags={"script", "style", "title", "textarea", "template", "svg", "math"},
        url_schemes={"http", "https", "mailto", "tel", "cid"},
        attribute_filter=_safe_attribute,
        link_rel="noopener noreferrer nofollow",
    )


def _safe_attribute(tag: str, name: str, value: str) -> str | None:
    # A remote picture tells its owner who reads the mail, when and where.
    if tag == "img" and name == "src" and not value.lower().startswith("cid:"):
        return None
    return value


def read(source: str) -> Reading:
    """The text as a reader sees it, with quotations found by their anchors."""
    reader = _Reader(source)
    reader.run()
    return reader.reading()


def _joined(text: str, ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges with only white space between them made one."""
    joined: list[tuple[int, int]] = []
    for start, end in ranges:
        if joined and not text[joined[-1][1] : start].strip():
            joined[-1] = joined[-1][0], end
        else:
            joined.append((start, end))
    return joined


@dataclass(slots=True)
class _Reader:
    """A tokenizer that never looks back, and never twice for what it did not find."""

    source: str
    pieces: list[str] = field(default_factory=list)
    length: int = 0
    ends_with: str = "\n"
    newlines: int = 2
    depth: int = 0
    deepest: int = 0
    tags: int = 0
    most_attributes: int = 0
    pre: int = 0
    quoted: list[tuple[int, int]] = field(default_factory=list)
    quote_start: int | None = None
    quote_tag: str = ""
    quote_depth: int = 0
    missing: set[str] = field(default_factory=set)

    def run(self) -> None:
        source, position = self.source, 0
        while self.tags < _LONGEST_READING and (opened := source.find("<", position)) >= 0:
            self.tags += 1
            self._text(source[position:opened])
            position = self._markup(opened)
        self._text(source[position:])

    def reading(self) -> Reading:
        text = "".join(self.pieces)
        quoted = list(self.quoted)
        if self.quote_start is not None:
            quoted.append((self.quote_start, len(text)))
        simple = (
            self.deepest <= _DEEPEST
            and self.tags <= _MOST_TAGS
            and self.most_attributes <= _MOST_ATTRIBUTES
        )
        return Reading(text, tuple(_joined(text, quoted)), simple)

    def _markup(self, opened: int) -> int:
        """Handles what begins with “<” and returns where to go on."""
        source = self.source
        if source.startswith("<!--", opened):
            # “<!-->” is a whole comment for browsers.
            return self._after("-->", opened + 2)
        if source.startswith(("<!", "<?"), opened):
            return self._after(">", opened)
        name = _TAG_NAME.match(source, opened + 1)
        if name is None:
            self._text("<")
            return opened + 1
        closed = self._tag_end(name.end())
        if closed < 0:
            if len(source) - opened > _LONGEST_ATTRIBUTES:
                self.most_attributes = len(source)
            self._text("<")
            return opened + 1
        if closed - opened > _LONGEST_ATTRIBUTES:
            attributes = source[name.end() : closed].replace("/", " ")
            self.most_attributes = max(self.most_attributes, len(attributes.split()))
        tag = name[1].lower()
        if source[opened + 1] == "/":
            self._close(tag)
        elif tag in _SKIPPED:
            return self._skip(tag, closed + 1)
        else:
            self._open(tag, source[name.end() : min(closed, name.end() + _LONGEST_ATTRIBUTES)])
        return closed + 1

    def _tag_end(self, position: int) -> int:
        """The “>” of a tag, past those in quoted attributes nearby."""
        closed = self._find(">", position)
        if closed < 0:
            return closed
        attributes = self.source[position : min(closed, position + _LONGEST_ATTRIBUTES)]
        for quote in "\"'":
            if attributes.count(quote) % 2 and attributes.rstrip()[-1:] != quote:
                near = closed + _LONGEST_ATTRIBUTES
                end_quote = self.source.find(quote, closed, near)
                further = self.source.find(">", end_quote, near) if end_quote > 0 else -1
                return further if further > 0 else closed
        return closed

    def _find(self, what: str, position: int) -> int:
        """``str.find`` that remembers what does not occur any more."""
        if what in self.missing:
            return -1
        found = self.source.find(what, position)
        if found < 0:
            self.missing.add(what)
        return found

    def _after(self, what: str, position: int) -> int:
        found = self._find(what, position)
        return len(self.source) if found < 0 else found + len(what)

    def _skip(self, tag: str, position: int) -> int:
        """Past the end tag of an element that no reader sees; if it has none, no further."""
        if tag in self.missing:
            return position
        found = _SKIPPED[tag].search(self.source, position)
        if found is None:
            self.missing.add(tag)
            return position
        return self._after(">", found.end())

    def _open(self, tag: str, attributes: str) -> None:
        if tag == "br":
            self._append("\n")
            return
        if tag in _BLOCK:
            self._break(2 if tag in _PARAGRAPH else 1)
        elif tag in _CELL and self.ends_with != "\n":
            self._append(" ")
        self._mark_quotation(tag, attributes)
        if tag in _VOID:
            return
        self.pre += tag == "pre"
        if tag not in _OPTIONAL_END:
            self.depth += 1
            self.deepest = max(self.deepest, self.depth)
        if tag == self.quote_tag:
            self.quote_depth += 1

    def _close(self, tag: str) -> None:
        if tag in _BLOCK:
            self._break(2 if tag in _PARAGRAPH else 1)
        if tag == "pre":
            self.pre = max(0, self.pre - 1)
        if tag not in _OPTIONAL_END:
            self.depth = max(0, self.depth - 1)
        if tag == self.quote_tag:
            self.quote_depth -= 1
            if not self.quote_depth:
                self._end_quotation()

    def _mark_quotation(self, tag: str, attributes: str) -> None:
        if self.quote_start is not None or not attributes:
            return
        anchor = _ANCHOR.search(attributes)
        if anchor is None:
            return
        self.quote_start = self.length
        self.quote_depth = 0
        self.quote_tag = "" if _FROM_HERE.search(anchor[0]) or tag in _VOID else tag

    def _end_quotation(self) -> None:
        if self.quote_start is not None:
            self.quoted.append((self.quote_start, self.length))
        self.quote_start = None
        self.quote_tag = ""

    def _text(self, text: str) -> None:
        if not text:
            return
        if "&" in text:
            text = html.unescape(text)
        if not self.pre:
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
