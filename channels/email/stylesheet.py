"""What the style sheet of an HTML mail hides: the one thing in it that changes the words."""

import re
from collections.abc import Iterator

_BEGIN = re.compile(r"<style\b[^>]{0,200}>", re.IGNORECASE)
_END = re.compile(r"</style", re.IGNORECASE)
_MOST_SHEETS = 20
_LARGEST = 65_536
"""Characters of one style sheet that are read."""

_BRACE = re.compile(r"[{}]")
_SELECTOR = re.compile(r"(?:[a-z][a-z0-9]{0,20})?([.#][A-Za-z_][\w-]{0,100})", re.IGNORECASE)
_DISPLAY = re.compile(r"(?<![\w-])display\s*:\s*([a-z-]{1,20})", re.IGNORECASE)
_NAMED = re.compile(
    r"""(?<![\w-])(class|id)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE
)


def unseen_names(source: str) -> frozenset[str]:
    """Classes (“.name”) and ids (“#name”) whose elements are not displayed on any screen.

    Rules under conditions (“@media …”) count for nothing, and neither do elements that are hidden
    only within others. Where two rules differ it is shown: on doubt more.
    """
    said: dict[str, bool] = {}
    for selectors, style in _rules(source):
        display = _DISPLAY.search(style)
        for selector in selectors.split(",") if display else ():
            name = _SELECTOR.fullmatch(selector.strip())
            if name and display:
                said[name[1]] = said.get(name[1], True) and display[1].lower() == "none"
    return frozenset(name for name, hidden in said.items() if hidden)


def names(attributes: str) -> Iterator[str]:
    """The classes and the id of an element, written as in a style sheet."""
    for kind, *values in _NAMED.findall(attributes):
        sign = "." if kind.lower() == "class" else "#"
        yield from (sign + name for name in "".join(values).split())


def _rules(source: str) -> Iterator[tuple[str, str]]:
    """Selectors and styles of the rules that stand in no other."""
    for sheet in _sheets(source):
        depth = before = opened = 0
        nested = False
        for brace in _BRACE.finditer(sheet):
            if brace[0] == "{":
                nested = nested or depth > 0
                opened = brace.start() if not depth else opened
                depth += 1
            elif depth:
                depth -= 1
                if not depth:
                    if not nested:
                        yield sheet[before:opened], sheet[opened + 1 : brace.start()]
                    before = brace.end()
                    nested = False


def _sheets(source: str) -> Iterator[str]:
    position = 0
    for _ in range(_MOST_SHEETS):
        begin = _BEGIN.search(source, position)
        end = _END.search(source, begin.end()) if begin else None
        if begin is None or end is None:
            return
        sheet = source[begin.end() : min(end.start(), begin.end() + _LARGEST)]
        yield _without_comments(sheet.replace("<!--", "").replace("-->", ""))
        position = end.end()


def _without_comments(sheet: str) -> str:
    first, *rest = sheet.split("/*")
    return first + "".join(piece.partition("*/")[2] for piece in rest)
