"""What the files of a mail are called, by whatever their programs write of it."""

import html
import mimetypes
import re
from urllib.parse import unquote_to_bytes

from channels.email.headers import Headers, clean_line
from channels.email.parts import Part

_PERCENT = re.compile(r"%[89A-F][0-9A-F]", re.IGNORECASE)
_CHARSET_PREFIX = re.compile(r"[A-Za-z0-9-]{2,20}'[A-Za-z-]{0,20}'")
_ENTITY = re.compile(r"&#\d{3,6};")
_WORD = re.compile("[\u4e00-\u9fff]{2}")
_NAME_LIMIT = 200
_BAD_IN_NAME = re.compile(r'[/\\:*?"<>|\x00]+')


def file_name(part: Part) -> str:
    """The name that the mail gives; “” for none. It may hold a path."""
    name = part.disposition.parameters.get("filename") or part.type.parameters.get("name", "")
    if "&#" in name:
        # Browsers write so what the page of a web mailer has no letters for (error mode
        # “html” of the Encoding Standard).
        name = clean_line(_ENTITY.sub(lambda found: html.unescape(found[0]), name))
    return _unquoted(name) if _PERCENT.search(name) else name


def _unquoted(name: str) -> str:
    """Web mailers send %E5%8F%91 without the star that announces it (RFC 2231 §4)."""
    written = unquote_to_bytes(_CHARSET_PREFIX.sub("", name, count=1))
    try:
        return clean_line(written.decode())
    except UnicodeDecodeError:
        pass
    # Older ones have pages in GBK. What else has a percent sign in it makes no words so.
    read = clean_line(written.decode("gb18030", "replace"))
    return read if _WORD.search(read) and "\ufffd" not in read else name


def content_id(part: Part) -> str | None:
    """The name by which the HTML shows it, if it may."""
    raw = part.headers.text("content-id").strip("<> ")[:_NAME_LIMIT]
    return raw or None


def safe_name(name: str, part: Part, mime: str, number: int) -> str:
    """A file name without a path, and with an extension where the mail gives none."""
    name = clean_line(_BAD_IN_NAME.sub("_", name.replace("\\", "/").rpartition("/")[2]))
    # Spaces in a row push the ending out of sight; full stops at the end hide it from Windows.
    name = " ".join(name.split()).rstrip(". ")
    if not name and mime == "message/rfc822":
        name = clean_line(_BAD_IN_NAME.sub("_", _inner_subject(part)), 80)
        return f"{name or 'mail'}.eml"
    if not name:
        extension = mimetypes.guess_extension(mime) or ".bin"
        return f"attachment-{number}{extension}"
    stem, dot, extension = name.rpartition(".")
    if len(name) <= _NAME_LIMIT:
        return name
    return f"{stem[:150]}{dot}{extension[:20]}" if stem else name[:_NAME_LIMIT]


def _inner_subject(part: Part) -> str:
    head = part.content(8_192)[:8_192]
    match = re.search(rb"^subject:([^\n]*(?:\n[ \t][^\n]*)*)", head, re.MULTILINE | re.IGNORECASE)
    return Headers([("subject", match[1])]).text("subject") if match else ""
