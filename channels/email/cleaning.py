"""HTML of strangers without what acts, what is fetched from afar, and what no reader sees."""

import html
import re
from dataclasses import dataclass, field
from functools import cache

import nh3

from channels.email import stylesheet
from channels.email.headers import without_litter
from channels.email.tags import BLOCK, LONGEST_ATTRIBUTES, OPTIONAL_END, VOID, Tag, Tags

_DATA_URI = re.compile(r"data:[^\"'>\s]{1000,}")
_OPENED_IN_A_ROW = re.compile(r"(?:<[a-z][^<>]{0,200}>\s{0,20})++", re.IGNORECASE)
_LONGEST_ROW = 5_000
"""Characters of tags before a word, beyond which no layout needs them."""

# What each can begin with stands before them all: most characters are passed over by one look.
_HIDDEN = re.compile(
    r"(?=[dvmno])(?:display\s*:\s*none|visibility\s*:\s*hidden|max-height\s*:\s*0(?![.\d])"
    r"|netease_mail_footer|(?<![\w-])opacity\s*:\s*0(?![.\d]))",
    re.IGNORECASE,
)
"""Styles of what is sent and not shown (lines for the preview in a list of mails, forms for
other programs), and 网易's advertisement under the mails of its users."""


_TINY = re.compile(r"font-size\s*:\s*(?:0(?![.\d])|0?\.\d{1,3}p[xt]|1px)", re.IGNORECASE)
"""Letters that nobody can read. Layouts set it on elements around others, which set their own."""


def without_data(source: str) -> str:
    """The HTML without the pictures that are written into it (they would not be shown)."""
    return _DATA_URI.sub("data:,", source)


def without_idle_tags(source: str) -> str:
    """The HTML without what is opened a thousand times before a word stands in it."""
    return _OPENED_IN_A_ROW.sub(lambda row: row[0] if len(row[0]) <= _LONGEST_ROW else "", source)


def visible(source: str) -> str:
    """The HTML without elements that no reader sees; whole where all of it would be hidden.

    What is hidden and never ends is shown: it may be a mistake, and the end of the mail.
    """
    if _HIDDEN.search(source) is None and _TINY.search(source) is None:
        return source
    search = _Search(source, stylesheet.unseen_names(source))
    search.run()
    if not search.hidden or not search.shown:
        return source
    ends = [0, *(end for _, end in search.hidden)]
    starts = [*(start for start, _ in search.hidden), len(source)]
    return "".join(source[end:start] for end, start in zip(ends, starts, strict=True))


def sanitised(source: str) -> str:
    """HTML without script, style, forms, remote pictures or anything that acts."""
    return _cleaner().clean(source)


@cache
def _cleaner() -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=nh3.ALLOWED_TAGS - {"map", "area", "bdo"},
        clean_content_tags={
            "script",
            "style",
            "title",
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


@dataclass(slots=True)
class _Search:
    """Finds the hidden elements."""

    source: str
    unseen: frozenset[str]
    """Classes (“.name”) and ids (“#name”) that a style sheet hides."""

    hidden: list[tuple[int, int]] = field(default_factory=list)
    shown: bool = False
    """Whether anything is left to read."""

    depth: int = 0
    since: int | None = None
    """Where the hidden element begins in which this place lies."""

    name: str = ""
    """Of that element, as how many elements of this name are open since, and how deep it lies."""

    same: int = 0
    outside: int = 0

    def run(self) -> None:
        for token in Tags(self.source):
            if isinstance(token, str):
                self.shown = self.shown or (self.since is None and _says_something(token))
            elif token.closing:
                self._close(token)
            else:
                self._open(token)

    def _open(self, tag: Tag) -> None:
        """Begins what is hidden; counts elements of its name in it; ends one left open."""
        inside = self.since is not None
        if inside and self._follows(tag):
            self._show_again(tag.start)
            inside = False
        if inside:
            self.same += tag.name == self.name
        elif tag.attributes and tag.name not in VOID and self._hides(tag):
            self.since, self.name = tag.start, tag.name
            self.same, self.outside = 1, self.depth
        self.depth += tag.name not in VOID and tag.name not in OPTIONAL_END

    def _follows(self, tag: Tag) -> bool:
        """Whether the hidden element has ended here without an end tag."""
        sibling = tag.name == self.name or (self.name == "p" and tag.name in BLOCK)
        return sibling and self.name in OPTIONAL_END and self.depth == self.outside

    def _hides(self, tag: Tag) -> bool:
        if _HIDDEN.search(tag.attributes):
            return True
        if self.unseen and not self.unseen.isdisjoint(stylesheet.names(tag.attributes)):
            return True
        if _TINY.search(tag.attributes) is None:
            return False
        words = self.source[tag.end : tag.end + LONGEST_ATTRIBUTES].partition("<")[0]
        return bool(words.strip())

    def _close(self, tag: Tag) -> None:
        if tag.name not in OPTIONAL_END:
            self.depth = max(0, self.depth - 1)
        if self.since is None:
            return
        self.same -= tag.name == self.name
        if not self.same or self.depth < self.outside:
            self._show_again(tag.end)

    def _show_again(self, position: int) -> None:
        if self.since is not None:
            self.hidden.append((self.since, position))
            self.since = None


def _says_something(text: str) -> bool:
    return bool(without_litter(html.unescape(text)).strip())
