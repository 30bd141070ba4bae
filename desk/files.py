"""Raw mail, attachments and formatted mail: hostile content, never run in our origin."""

from collections.abc import AsyncIterator
from urllib.parse import quote

from aiohttp import web

from desk.auth import API, ID, who
from desk.services import SERVICES
from desk.tickets import seen
from models.errors import NotFound
from models.store.conversations import Entry

_DOWNLOAD = {
    "Content-Type": "application/octet-stream",
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
}

_FORMATTED = {
    # No script, no form, no request of any kind; framed by our own page only.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'self'"
    ),
}


async def _entry(request: web.Request) -> Entry:
    """The customer's message of the path, in the conversation of a ticket the caller may see.

    Raises:
        NotFound: there is none.
    """
    ticket, wanted = await seen(request), request.match_info["message"]
    async for entry in _log(request, ticket.conversation_id):
        if entry.id == wanted and entry.side == "customer":
            return entry
    raise NotFound("no such message")


async def _log(request: web.Request, conversation_id: str) -> AsyncIterator[Entry]:
    conversations, after = request.app[SERVICES].store.conversations, 0
    while page := await conversations.log(conversation_id, after):
        for entry in page:
            yield entry
        after = page[-1].seq


async def _audited(request: web.Request, action: str, **detail: object) -> None:
    """Raw bytes show what the desk masks, so it is written down who fetched them."""
    ticket = await seen(request)
    async with request.app[SERVICES].store.db.write() as tx:
        await tx.audit(who(request).id, action, ticket.id, **detail)


def _download(content: bytes, name: str) -> web.Response:
    # RFC 6266 §5: filename* carries any name, percent-encoded, so none can break the header.
    disposition = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    headers = _DOWNLOAD | {"Content-Disposition": disposition}
    return web.Response(body=content, headers=headers)


async def raw(request: web.Request) -> web.Response:
    entry = await _entry(request)
    if entry.envelope_id is None:
        raise NotFound("no raw message")
    envelope = await request.app[SERVICES].store.envelopes.get(entry.envelope_id)
    await _audited(request, "message.raw", message=entry.id)
    kind = "eml" if envelope.channel == "email" else "bin"
    return _download(envelope.body, f"{entry.id}.{kind}")


async def attachment(request: web.Request) -> web.Response:
    entry, wanted = await _entry(request), request.match_info["attachment"]
    for file in entry.attachments:
        if file["id"] == wanted and file.get("sha256"):
            content = await request.app[SERVICES].store.blobs.get(file["sha256"])
            await _audited(request, "message.attachment", message=entry.id, attachment=wanted)
            return _download(content, file["name"] or wanted)
    raise NotFound("no such attachment")


async def formatted(request: web.Request) -> web.Response:
    """The sanitised HTML of a message, for a sandboxed frame."""
    entry = await _entry(request)
    if entry.html is None:
        raise NotFound("this message has no HTML")
    page = f'<!doctype html><meta charset="utf-8"><base target="_blank">{entry.html}'
    return web.Response(text=page, content_type="text/html", headers=_FORMATTED)


def routes() -> list[web.RouteDef]:
    one = f"{API}tickets/{{ticket:{ID}}}/messages/{{message:{ID}}}"
    return [
        web.get(f"{one}/raw", raw),
        web.get(f"{one}/html", formatted),
        web.get(f"{one}/attachments/{{attachment:[^/]{{1,128}}}}", attachment),
    ]
