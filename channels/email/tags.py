"""The tags of HTML that strangers write, one after another, in linear time."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

_MOST = 100_000
"""Tags after which the rest is taken as text, and what looks like a tag as a space."""

_LOOKS_LIKE_A_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")

_NAME = re.compile(r"/?([a-zA-Z][a-zA-Z0-9:-]{0,30})")

LONGEST_ATTRIBUTES = 4_096
"""Characters of a tag that are looked at."""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


BLOCK = _names(
    "address article aside blockquote body center dd div dl dt fieldset figure footer form h1 h2"
    " h3 h4 h5 h6 header hr html li main nav ol p pre section table tbody textarea tfoot thead tr"
    " ul"
)
PARAGRAPH = _names("p h1 h2 h3 h4 h5 h6 blockquote ul ol table pre")
VOID = _names("area base br col embed hr img input link meta param source track wbr")
OPTIONAL_END = _names("p li td th tr dt dd option thead tbody tfoot colgroup html body")
_SKIPPED = {
    name: re.compile(f"</{name}", re.IGNORECASE)
    for name in _names("head script style title select template svg xml")
}
"""Elements whose content no reader sees, and where each ends."""


class Tag(NamedTuple):
    """One tag, and where in the source it stands."""

    name: str
    """In lower case."""

    closing: bool
    attributes: str
    start: int
    end: int


@dataclass(slots=True)
class Tags:
    """Cuts HTML into tags and the text between them, without what no reader sees.

    Never looks back, and never twice for what it did not find.
    """

    source: str
    count: int = 0
    """So far; whatever begins with “<” counts."""

    most_attributes: int = 0
    """That a tag has had so far, where it was long."""

    missing: set[str] = field(default_factory=set)

    def __iter__(self) -> Iterator[str | Tag]:
        source, position = self.source, 0
        while self.count < _MOST and (opened := source.find("<", position)) >= 0:
            self.count += 1
            if opened > position:
                yield source[position:opened]
            if source.startswith("<!--", opened):
                # “<!-->” is a whole comment for browsers.
                position = self._after("-->", opened + 2)
            elif source.startswith(("<!", "<?"), opened):
                position = self._after(">", opened)
            elif (tag := self._tag(opened)) is None:
                yield "<"
                position = opened + 1
            elif not tag.closing and tag.name in _SKIPPED:
                position = self._skip(tag)
            else:
                yield tag
                position = tag.end
        rest = source[position:]
        yield rest if self.count < _MOST else _LOOKS_LIKE_A_TAG.sub(" ", rest)

    def _tag(self, opened: int) -> Tag | None:
        source = self.source
        name = _NAME.match(source, opened + 1)
        if name is None:
            return None
        closed = self._tag_end(name.end())
        if closed < 0:
            if len(source) - opened > LONGEST_ATTRIBUTES:
                self.most_attributes = len(source)
            return None
        if closed - opened > LONGEST_ATTRIBUTES:
            attributes = source[name.end() : closed].replace("/", " ")
            self.most_attributes = max(self.most_attributes, len(attributes.split()))
        attributes = source[name.end() : min(closed, name.end() + LONGEST_ATTRIBUTES)]
        closing = source[opened + 1] == "/"
        return Tag(name[1].lower(), closing, attributes, opened, closed + 1)

    def _tag_end(self, position: int) -> int:
        """The “>” of a tag, past those in quoted attributes nearby."""
        closed = self._find(">", position)
        if closed < 0:
            return closed
        attributes = self.source[position : min(closed, position + LONGEST_ATTRIBUTES)]
        for quote in "\"'":
            if attributes.count(quote) % 2 and attributes.rstrip()[-1:] != quote:
                near = closed + LONGEST_ATTRIBUTES
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

    def _skip(self, tag: Tag) -> int:
        """Past the end tag of an element that no reader sees; if it has none, no further."""
        if tag.name in self.missing:
            return tag.end
        found = _SKIPPED[tag.name].search(self.source, tag.end)
        if found is None:
            self.missing.add(tag.name)
            return tag.end
        return self._after(">", found.end())
