"""Raw mail, attachments and formatted mail: hostile content, never run in our origin."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from aiohttp import web

from desk import queries
from desk.auth import API, ID, who
from desk.errors import Refusal
from desk.masking import hidden, hides_something
from desk.services import SERVICES, DeskServices, Words
from desk.shapes import entry_json
from desk.visibility import seen
from models.errors import NotFound
from models.filetypes import sniffed
from models.message import Envelope
from models.platform_api import TooLarge, read_at_most
from models.store.dialogue.conversations import Entry
from models.store.dialogue.uploads import LARGEST_FILE

_DOWNLOAD = {
    "Content-Type": "application/octet-stream",
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
}

_SHOWN = {
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    "Content-Disposition": "inline",
    "Cache-Control": "private, max-age=300",
}

PLAYED = frozenset({"audio/ogg", "audio/mpeg", "audio/mp4", "audio/wav", "audio/webm"})
"""Sound that browsers play, known by its content; a player runs nothing that is in it."""

_FORMATTED = {
    # No script, no form, no request of any kind; framed by our own page only.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'self'"
    ),
}


async def _entry(request: web.Request) -> Entry:
    """The message of the path, in the conversation of a ticket the caller may see.

    Raises:
        NotFound: there is none (any more: what was withdrawn is not handed out).
    """
    ticket, wanted = await seen(request), request.match_info["message"]
    store = request.app[SERVICES].store
    entry = await store.conversations.line(ticket.conversation_id, wanted)
    if entry is None or entry.withdrawn_at is not None or entry.changes_id is not None:
        raise NotFound("no such message")
    return entry


async def _audited(request: web.Request, action: str, **detail: object) -> None:
    """Raw bytes show what the desk masks, so it is written down who fetched them."""
    ticket = await seen(request)
    async with request.app[SERVICES].store.db.write() as tx:
        await tx.audit(who(request).id, action, ticket.id, **detail)


def _download(content: bytes, name: str) -> web.Response:
    """Bytes to be kept as a file, never opened in the browser."""
    # RFC 6266 §5: filename* carries any name, percent-encoded, so none can break the header.
    disposition = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    headers = _DOWNLOAD | {"Content-Disposition": disposition}
    return web.Response(body=content, headers=headers)


def download_original(services: DeskServices, envelope: Envelope, name: str) -> web.Response:
    """What came as it came; a mail so named that programs for mail open it."""
    return _download(envelope.body, f"{name}.{services.ending(envelope.channel)}")


async def raw(request: web.Request) -> web.Response:
    entry = await _entry(request)
    if entry.envelope_id is None:
        raise NotFound("no raw message")
    services = request.app[SERVICES]
    envelope = await services.store.envelopes.get(entry.envelope_id)
    await _audited(request, "message.raw", message=entry.id)
    return download_original(services, envelope, entry.id)


async def _attached(request: web.Request) -> tuple[Entry, Mapping[str, Any]]:
    """The message and the file of the path, which is stored.

    Raises:
        NotFound: there is none.
    """
    entry, wanted = await _entry(request), request.match_info["attachment"]
    earlier = (file for version in entry.versions for file in version["attachments"])
    for file in (*entry.attachments, *earlier):
        if file["id"] == wanted and file.get("sha256"):
            return entry, file
    raise NotFound("no such attachment")


async def attachment(request: web.Request) -> web.Response:
    entry, file = await _attached(request)
    content = await request.app[SERVICES].store.blobs.get(file["sha256"])
    await _audited(request, "message.attachment", message=entry.id, attachment=file["id"])
    return _download(content, file["name"] or file["id"])


async def preview(request: web.Request) -> web.Response:
    """A picture, small and made anew, or sound to be played: as a message's text, not audited."""
    _, file = await _attached(request)
    content = await request.app[SERVICES].store.blobs.get(file["sha256"])
    if file["mime"] in PLAYED:
        return _sound(request, content, file["mime"])
    picture = await request.app[SERVICES].preview(content, file["mime"])
    if picture is None:
        raise NotFound("no preview can be made of this file")
    return web.Response(body=picture, headers=_SHOWN | {"Content-Type": "image/webp"})


def _sound(request: web.Request, content: bytes, mime: str) -> web.Response:
    """Sound, or the part that was asked for: Safari plays nothing that it cannot have in parts."""
    headers = _SHOWN | {"Content-Type": mime, "Accept-Ranges": "bytes"}
    try:
        wanted = request.http_range
    except ValueError:  # in another unit, or several: the whole is an answer (RFC 9110 §14.2)
        wanted = slice(None)
    if wanted == slice(None, None, 1) or wanted == slice(None):
        return web.Response(body=content, headers=headers)
    start, stop, _ = wanted.indices(len(content))
    if start >= stop:
        headers["Content-Range"] = f"bytes */{len(content)}"
        return web.Response(status=416, headers=headers)
    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(content)}"
    return web.Response(status=206, body=content[start:stop], headers=headers)


async def formatted(request: web.Request) -> web.Response:
    """The sanitised HTML of a message, for a sandboxed frame."""
    entry = await _entry(request)
    if entry.html is None:
        raise NotFound("this message has no HTML")
    find = request.app[SERVICES].spans
    # What is formatted may say more than the text that stands beside it.
    if hides_something(entry, find) or hidden(entry.html, find) != entry.html:
        await _audited(request, "message.html", message=entry.id)
    page = f'<!doctype html><meta charset="utf-8"><base target="_blank">{entry.html}'
    return web.Response(text=page, content_type="text/html", headers=_FORMATTED)


async def reveal(request: web.Request) -> web.Response:
    """A message with nothing masked; it is written down who asked."""
    entry, services = await _entry(request), request.app[SERVICES]
    ticket = await seen(request)
    await _audited(request, "message.reveal", message=entry.id)
    ids = [entry.identity_id] if entry.identity_id else []
    senders = await services.store.people.senders(ids)
    told = entry_json(
        entry,
        senders=senders,
        names={},
        waits_because=None,
        find=services.spans,
        original=services.ending(ticket.channel),
        revealed=True,
    )
    return web.json_response(told)


async def upload(request: web.Request) -> web.Response:
    """Keeps a file that an answer is going to carry; the body is the file itself."""
    ticket, asked = await seen(request), queries.read(request, queries.NewUpload)
    content = await _limited(request)
    mime = await asyncio.to_thread(sniffed, content, request.content_type)
    file = await request.app[SERVICES].store.uploads.add(
        ticket.id, who(request).id, asked.name, mime, content
    )
    shown = file.model_dump(mode="json", include={"id", "name", "mime", "size", "state"})
    return web.json_response(shown, status=201)


async def _limited(request: web.Request) -> bytes:
    """The body, past the limit that holds for JSON.

    Raises:
        Refusal: 413 too large, 422 empty.
    """
    try:
        content = await read_at_most(LARGEST_FILE, request.content.iter_any())
    except TooLarge:
        limit = LARGEST_FILE >> 20
        words = Words(f"文件最大 {limit} MB。", f"A file is {limit} MB at most.")
        raise Refusal(413, "file_too_large", words) from None
    if not content:
        raise Refusal(422, "empty_file", Words("文件是空的。", "The file is empty."))
    return content


def routes() -> list[web.RouteDef]:
    one = f"{API}tickets/{{ticket:{ID}}}/messages/{{message:{ID}}}"
    return [
        web.post(f"{API}tickets/{{ticket:{ID}}}/uploads", upload),
        web.get(f"{one}/raw", raw),
        web.post(f"{one}/reveal", reveal),
        web.get(f"{one}/html", formatted),
        web.get(f"{one}/attachments/{{attachment:[^/]{{1,128}}}}", attachment),
        web.get(f"{one}/attachments/{{attachment:[^/]{{1,128}}}}/preview", preview),
    ]
