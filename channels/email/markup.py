"""HTML of strangers: to plain text in linear time, and to HTML that is safe to show."""

import html
import re
from dataclasses import dataclass, field
from functools import cache
from itertools import chain

import nh3

from channels.email import stylesheet
from channels.email.headers import clean_line, without_litter

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
_LISTS = _names("ol ul")
_VOID = _names("area base br col embed hr img input link meta param source track wbr")
_OPTIONAL_END = _names("p li td th tr dt dd option thead tbody tfoot colgroup html body")
_SKIPPED = {
    name: re.compile(f"</{name}", re.IGNORECASE)
    for name in _names("head script style title textarea select template svg xml")
}
"""Elements whose content no reader sees, and where each ends."""

_ANCHOR = re.compile(
    # Begins with the sign that seldom occurs, so that all else is passed over by one look:
    # beginning with the names, it took a tenth of the time that a mail takes to be read.
    r"""=(?:"""
    r"""(?:(?<=class=)|(?<=class\s=))\s*["']?[^"'>]{0,200}\b(?:gmail_quote(?!_attribution)"""
    r"""|ntes-mailmaster-quote|(?:ydp\w{0,20})?yahoo_quoted|moz-cite-prefix|qmbox-quote"""
    r"""|protonmail_quote|xm_write_history_container|ReferenceQuote|zmail_extra)\b"""
    r"""|(?:(?<=id=)|(?<=id\s=))\s*["']?(?:isReplyContent|origbody|ntes-pcmail-quote"""
    r"""|reply139content"""
    r"""|mail-editor-reference-message-container|OLK_SRC_BODY_SECTION|oriMsgHtmlSeperator"""
    r"""|divRplyFwdMsg|appendonsend|stopSpelling|reply-intro)\b"""
    r"""|(?:(?<=type=)|(?<=type\s=))\s*["']?cite\b)""",
    re.IGNORECASE,
)
"""Attributes by which mail programs mark what they quote: Gmail, 网易邮箱大师, Yahoo, Thunderbird,
QQ, Coremail, Zoho, 163 web, Foxmail, 139, Outlook and Apple Mail."""

_FROM_HERE = re.compile(
    r"oriMsgHtmlSeperator|divRplyFwdMsg|appendonsend|stopSpelling|reply-intro",
    re.IGNORECASE,
)
"""Of these, the ones that stand before what is quoted instead of around it."""


_SIGNATURE = re.compile(
    r"""=(?:"""
    r"""(?:(?<=class=)|(?<=class\s=))\s*["']?[^"'>]{0,200}\b(?:gmail_signature(?!_prefix)"""
    r"""|moz-signature|xmail_footer_sign|protonmail_signature_block)\b"""
    r"""|(?:(?<=id=)|(?<=id\s=))\s*["']?(?:Signature|QQMailSignature|ntes-pcmail-signature"""
    r"""|_FlashSignName)\b"""
    r"""|(?<=<sign signid=)|(?<=^ signid=))""",
    re.IGNORECASE,
)
"""Attributes by which mail programs mark the signature: Gmail, Thunderbird, QQ, Proton, Outlook on
the web, 网易邮箱大师 and Foxmail."""

_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|max-height\s*:\s*0(?![.\d])|netease_mail_footer"
    r"|(?<![\w-])opacity\s*:\s*0(?![.\d])",
    re.IGNORECASE,
)
"""Styles of what is sent and not shown (lines for the preview in a list of mails, forms for
other programs), and 网易's advertisement under the mails of its users."""


_TINY = re.compile(r"font-size\s*:\s*(?:0(?![.\d])|0?\.\d{1,3}p[xt]|1px)", re.IGNORECASE)
"""Letters that nobody can read. Layouts set it on elements around others, which set their own."""

_LIKE_BLOCK = re.compile(
    r"display\s*:\s*(?:block|flex|grid|list-item|table(?:-row)?)(?![\w-])", re.IGNORECASE
)
_UNNUMBERED = re.compile(
    r"list-style(?:-type)?\s*:\s*(?:none|disc|circle|square)|type\s*=\s*[\"']?[aAiI]",
    re.IGNORECASE,
)
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


def without_data(source: str) -> str:
    """The HTML without the pictures that are written into it (they would not be shown)."""
    return _DATA_URI.sub("data:,", source)


def visible(source: str) -> str:
    """The HTML without elements that no reader sees; whole where all of it would be hidden.

    What is hidden and never ends is shown: it may be a mistake, and the end of the mail.
    """
    if _HIDDEN.search(source) is None and _TINY.search(source) is None:
        return source
    reader = _Reader(source, hiding=True, unseen=stylesheet.unseen_names(source))
    reader.run()
    if not reader.hidden or not "".join(reader.pieces).strip():
        return source
    ends = [0, *(end for _, end in reader.hidden)]
    starts = [*(start for start, _ in reader.hidden), len(source)]
    return "".join(source[end:start] for end, start in zip(ends, starts, strict=True))


def needs_no_reading(source: str) -> bool:
    """Whether HTML beside a plain text says nothing more: nothing is marked in it."""
    small = len(source) <= _HARMLESS
    return small and _ANCHOR.search(source) is None and _SIGNATURE.search(source) is None


def sanitised(source: str) -> str:
    """HTML without script, style, forms, remote pictures or anything that acts."""
    return _cleaner().clean(source)


@cache
def _cleaner() -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=nh3.ALLOWED_TAGS - {"map", "area"},
        clean_content_tags={
            "script",
            "style",
            "title",
            "textarea",
            "template",
            "svg",
            "math",
            "xml",
        },
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
    """A tokenizer that never looks back, and never twice for what it did not find."""

    source: str
    hiding: bool = False
    """Whether hidden elements are left out, and where they stand is written down."""

    unseen: frozenset[str] = frozenset()
    """Classes (“.name”) and ids (“#name”) that a style sheet hides."""

    pieces: list[str] = field(default_factory=list)
    length: int = 0
    ends_with: str = "\n"
    newlines: int = 2
    depth: int = 0
    deepest: int = 0
    tags: int = 0
    most_attributes: int = 0
    pre: int = 0
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
    missing: set[str] = field(default_factory=set)
    hidden: list[tuple[int, int]] = field(default_factory=list)
    hidden_since: int | None = None
    hidden_tag: str = ""
    hidden_same: int = 0
    hidden_depth: int = 0

    def run(self) -> None:
        source, position = self.source, 0
        while self.tags < _LONGEST_READING and (opened := source.find("<", position)) >= 0:
            self.tags += 1
            self._text(source[position:opened])
            position = self._markup(opened)
        self._text(source[position:])

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
            and self.tags <= _MOST_TAGS
            and self.most_attributes <= _MOST_ATTRIBUTES
        )

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
            self._reach_end_of_hidden(tag, closed + 1)
        elif tag in _SKIPPED:
            return self._skip(tag, closed + 1)
        else:
            attributes = source[name.end() : min(closed, name.end() + _LONGEST_ATTRIBUTES)]
            if self.hiding:
                self._hide(tag, attributes, opened)
            self._open(tag, attributes)
        return closed + 1

    def _hide(self, tag: str, attributes: str, opened: int) -> None:
        """Begins what is hidden; counts elements of its name in it; ends one left open."""
        if self.hidden_since is not None:
            sibling = tag == self.hidden_tag or (self.hidden_tag == "p" and tag in _BLOCK)
            if sibling and self.hidden_tag in _OPTIONAL_END and self.depth == self.hidden_depth:
                self._show_again(opened)
            else:
                self.hidden_same += tag == self.hidden_tag
                return
        if attributes and tag not in _VOID and self._is_hidden(attributes, opened):
            self.hidden_since, self.hidden_tag = opened, tag
            self.hidden_same, self.hidden_depth = 1, self.depth

    def _is_hidden(self, attributes: str, opened: int) -> bool:
        if _HIDDEN.search(attributes):
            return True
        if self.unseen and not self.unseen.isdisjoint(stylesheet.names(attributes)):
            return True
        if _TINY.search(attributes) is None:
            return False
        start = self._tag_end(opened) + 1
        words = self.source[start : start + _LONGEST_ATTRIBUTES].partition("<")[0]
        return bool(words.strip())

    def _reach_end_of_hidden(self, tag: str, after: int) -> None:
        if self.hidden_since is None:
            return
        self.hidden_same -= tag == self.hidden_tag
        if not self.hidden_same or self.depth < self.hidden_depth:
            self._show_again(after)

    def _show_again(self, position: int) -> None:
        if self.hidden_since is not None:
            self.hidden.append((self.hidden_since, position))
            self.hidden_since = None

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
        elif attributes and tag not in _CELL and _LIKE_BLOCK.search(attributes):
            self._break(1)
            if tag not in _VOID and len(self.lines) < _DEEPEST:
                self.lines.append((tag, self.depth))
        self._number(tag, attributes)
        self._mark_quotation(tag, attributes)
        if tag in _VOID:
            self._picture(tag, attributes)
            return
        self._mark_signature(tag, attributes)
        self.pre += tag == "pre"
        if tag not in _OPTIONAL_END:
            self.depth += 1
            self.deepest = max(self.deepest, self.depth)
        if tag == self.quote_tag:
            self.quote_depth += 1
        if tag == "blockquote" and self.quote_start is not None:
            self.inner_start = self.inner_start if self.inner_depth else self.length
            self.inner_depth += 1

    def _picture(self, tag: str, attributes: str) -> None:
        if tag != "img" or self.hidden_since is not None:
            return
        found = _ALT.search(attributes)
        words = clean_line(_unescaped(found[1] or found[2] or "")) if found else ""
        self.pictured += [words] if words else []

    def _close(self, tag: str) -> None:
        if tag in _BLOCK:
            self._break(2 if tag in _PARAGRAPH else 1)
        if tag == "pre":
            self.pre = max(0, self.pre - 1)
        if tag not in _OPTIONAL_END:
            self.depth = max(0, self.depth - 1)
        self._end_line(tag)
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
        if tag in _LISTS and len(self.numbers) < _LONGEST_READING:
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
        self.quote_tag = "" if _FROM_HERE.search(anchor[0]) or tag in _VOID else tag

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
        if not text or self.hidden_since is not None:
            return
        if "&" in text:
            # An entity may write what was taken out of the source.
            text = without_litter(_unescaped(text))
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
