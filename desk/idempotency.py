"""By what a request is known when it comes again, because its answer was lost on the way."""

import hashlib

from aiohttp import web

from desk.auth import who
from desk.bodies import Repeatable
from models.store.ground.idempotency import Key


def key_of(request: web.Request, asked: Repeatable) -> Key | None:
    """Equal for the same request of the same person; None where the client gave it no key."""
    if asked.client_id is None:
        return None
    said = f"{request.path}\n{asked.model_dump_json(exclude={'client_id'})}"
    return Key(asked.client_id, who(request).id, hashlib.sha256(said.encode()).hexdigest())
