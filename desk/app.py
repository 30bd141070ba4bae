"""The desk's application: every door put together."""

from collections.abc import AsyncIterator

from aiohttp import web

from desk import (
    agents,
    audit,
    auth,
    board,
    bundles,
    chatting,
    clocks,
    closing,
    complaints,
    customers,
    deliveries,
    dictionary,
    figures,
    files,
    follow_ups,
    helping,
    hours,
    incidents,
    labels,
    ledger,
    merging,
    pages,
    parked,
    people_lists,
    push,
    queues,
    reading,
    rules,
    satisfaction,
    searching,
    second_factor,
    suggestions,
    texts,
    tickets,
    tokens,
    transfers,
    webhooks,
)
from desk.bodies import MOST_BYTES
from desk.errors import add_headers, answer_errors
from desk.passwords import PASSWORDS, Passwords
from desk.services import SERVICES, DeskServices

DOORS = (
    auth,
    second_factor,
    tokens,
    reading,
    tickets,
    searching,
    clocks,
    transfers,
    closing,
    merging,
    customers,
    chatting,
    complaints,
    ledger,
    helping,
    figures,
    audit,
    files,
    follow_ups,
    incidents,
    labels,
    suggestions,
    dictionary,
    bundles,
    agents,
    people_lists,
    queues,
    parked,
    board,
    rules,
    hours,
    satisfaction,
    texts,
    webhooks,
    deliveries,
    push,
    pages,
)
"""One topic each; all of their routes are in docs/openapi.yaml."""


def create_app(services: DeskServices) -> web.Application:
    """The desk door, ready to be served on one port."""
    app = web.Application(middlewares=[answer_errors, auth.identify], client_max_size=MOST_BYTES)
    app[SERVICES] = services
    app[PASSWORDS] = Passwords()
    app[push.HUB] = push.Hub(services)
    app[board.BOARD] = board.Board()
    pages.prepare(app)
    for door in DOORS:
        app.add_routes(door.routes())
    if services.metrics is not None:
        app.router.add_get("/metrics", services.metrics)
    app.on_response_prepare.append(add_headers)
    app.cleanup_ctx.append(_hub)
    return app


async def _hub(app: web.Application) -> AsyncIterator[None]:
    async with app[push.HUB].running():
        yield
