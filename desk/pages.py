"""The page itself, and what machines ask: alive, ready, metrics."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from aiohttp import hdrs, web

from desk.services import SERVICES
from models.errors import ShouliError
from models.migrations import ready as can_work

_WEB = Path(__file__).parent / "web"

_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
}


class _File(NamedTuple):
    content: bytes
    content_type: str
    etag: str


def _files() -> dict[str, _File]:
    """Everything the page needs, read once: only these names can be asked for."""
    found = {}
    for path in sorted(_WEB.iterdir()):
        if path.suffix in _TYPES:
            content = path.read_bytes()
            etag = hashlib.sha256(content).hexdigest()[:16]
            found[path.name] = _File(content, _TYPES[path.suffix], etag)
    return found


FILES = web.AppKey("files", dict[str, _File])


async def root(_request: web.Request) -> web.Response:
    raise web.HTTPFound("/desk")


async def page(request: web.Request) -> web.Response:
    return _serve(request, "index.html")


async def file(request: web.Request) -> web.Response:
    return _serve(request, request.match_info["name"])


def _serve(request: web.Request, name: str) -> web.Response:
    found = request.app[FILES].get(name)
    if found is None:
        raise web.HTTPNotFound
    headers = {hdrs.CACHE_CONTROL: "no-cache", hdrs.ETAG: f'"{found.etag}"'}
    if any(tag.value == found.etag for tag in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    return web.Response(
        body=found.content, content_type=found.content_type, charset="utf-8", headers=headers
    )


async def health(request: web.Request) -> web.Response:
    """The process answers."""
    return web.json_response({"status": "ok", "version": request.app[SERVICES].options.version})


async def ready(request: web.Request) -> web.Response:
    """The database is reachable, can be written to, and its schema is this program's."""
    try:
        await can_work(request.app[SERVICES].store.db)
    except ShouliError as error:
        return web.json_response({"status": "unavailable", "code": error.code}, status=503)
    return web.json_response({"status": "ready"})


def routes() -> list[web.RouteDef]:
    return [
        web.get("/", root),
        web.get("/desk", page),
        web.get("/desk/{name:[0-9a-z.-]{1,64}}", file),
        web.get("/healthz", health),
        web.get("/readyz", ready),
    ]


def prepare(app: web.Application) -> None:
    """Loads the files."""
    files: Mapping[str, _File] = _files()
    app[FILES] = dict(files)
