"""What WeChat and WeCom post, as fields: XML, or JSON where an account is set to that."""

import json
from xml.parsers import expat

from models.errors import Permanent

MAX_BYTES = 128 * 1024
"""Of a post. A text has some 2 KB; compatible mode sends it twice, once as Base64."""

_DEEPEST, _MOST = 8, 500


def fields(raw: bytes) -> dict[str, str]:
    """The elements right under the root, by name; what is deeper says nothing to us.

    Raises:
        Permanent: it is neither, or it holds what no message of WeChat does (a DTD, a forest).
    """
    if raw.lstrip()[:1] == b"{":
        return _json(raw)
    reader = _Reader()
    try:
        reader.read(raw)
    except expat.ExpatError as error:
        raise Permanent(f"not a message of WeChat: {expat.ErrorString(error.code)}") from error
    return reader.found


def _json(raw: bytes) -> dict[str, str]:
    try:
        told = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Permanent(f"not a message of WeChat: {type(error).__name__}") from error
    return {name: str(value) for name, value in told.items() if isinstance(value, str | int)}


class _Reader:
    """Strangers may write this: it declares nothing, and stays small."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self._path: list[str] = []
        self._text: list[str] = []
        self._count = 0

    def read(self, raw: bytes) -> None:
        parser = expat.ParserCreate("utf-8")
        parser.StartDoctypeDeclHandler = self._declared
        parser.StartElementHandler = self._begins
        parser.EndElementHandler = self._ends
        parser.CharacterDataHandler = self._text.append
        parser.Parse(raw, True)

    def _declared(self, *_: object) -> None:
        # Without a DTD there are no entities but the five of XML itself.
        raise Permanent("not a message of WeChat: it holds a DTD")

    def _begins(self, name: str, _attributes: object) -> None:
        self._path.append(name)
        self._count += 1
        if len(self._path) > _DEEPEST or self._count > _MOST:
            raise Permanent("not a message of WeChat: too many elements")
        if self._path[0] != "xml":
            raise Permanent("not a message of WeChat: its root is not “xml”")
        if len(self._path) <= 2:
            self._text.clear()

    def _ends(self, name: str) -> None:
        if len(self._path) == 2:
            self.found.setdefault(name, "".join(self._text))
        self._path.pop()
