"""Webhooks: where events go, what was sent and what was not, and sending it again."""

import secrets
from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import web

from desk import bodies, queries
from desk.auth import API, ID, in_person, who
from desk.errors import Refusal
from desk.idempotency import key_of
from desk.services import SERVICES, Words
from models.addresses import Network, within_reach
from models.agent import Role
from models.events import KINDS
from models.store.effects.webhooks import Webhook


async def list_webhooks(request: web.Request) -> web.Response:
    who(request, Role.ADMIN)
    found = await request.app[SERVICES].store.webhooks.all()
    kinds = {name: Words(kind.zh, kind.en)._asdict() for name, kind in KINDS.items()}
    return web.json_response({"webhooks": [_json(one) for one in found], "kinds": kinds})


async def add(request: web.Request) -> web.Response:
    person = in_person(request, Role.ADMIN)
    asked = await bodies.read(request, bodies.NewWebhook)
    _refuse_internal(asked.url, request.app[SERVICES].options.webhook_networks)
    _refuse_unknown(asked.kinds)
    fresh = secrets.token_urlsafe(32).encode()
    created, secret = await request.app[SERVICES].store.webhooks.add(
        str(asked.url), asked.kinds, fresh, person.id, key_of(request, asked)
    )
    return web.json_response({"id": created, "secret": secret.decode()}, status=201)


def _refuse_internal(url: str, allowed: Sequence[Network]) -> None:
    """An early word on what is plain to see; where a name leads is looked at with each event.

    Raises:
        Refusal: 422, this host or an address of its own network.
    """
    host = urlsplit(url).hostname or ""
    address = "127.0.0.1" if host == "localhost" else host
    try:
        ip_address(address)
    except ValueError:
        return
    if not within_reach(address, allowed):
        words = Words(
            "这是内网地址，不能推送；确需推送的，请管理员把网段写进设置 desk.webhook_networks。",
            "This address is internal and gets no events; if it should, name its network in the"
            " setting desk.webhook_networks.",
        )
        raise Refusal(422, "invalid_field", words, field="url")


def _refuse_unknown(kinds: Sequence[str]) -> None:
    """Or the webhook would wait for ever for what never happens.

    Raises:
        Refusal: 422, there is no such kind of event.
    """
    for kind in kinds:
        if kind not in KINDS:
            words = Words(
                f"没有 {kind} 这种事件，全部名称见 docs/events.md。",
                f"There is no kind of event {kind}; docs/events.md has them all.",
            )
            raise Refusal(422, "invalid_field", words, field="kinds")


async def change(request: web.Request) -> web.Response:
    person = who(request, Role.ADMIN)
    asked = await bodies.read(request, bodies.ChangeWebhook)
    webhook_id = request.match_info["webhook"]
    store = request.app[SERVICES].store
    await store.webhooks.enable(webhook_id, person.id, enabled=not asked.disabled)
    return web.Response(status=204)


async def attempt(request: web.Request) -> web.Response:
    """Sends what is no event, stopped or not, and tells what was answered; owed events stay so."""
    person, services = who(request, Role.ADMIN), request.app[SERVICES]
    webhook_id = request.match_info["webhook"]
    url, secret = await services.store.webhooks.addressee(webhook_id)
    trial = await services.try_webhook(url, secret)
    outcome = trial.error or f"HTTP {trial.status}"
    await services.store.webhooks.tried(webhook_id, person.id, outcome)
    answer = {
        "status": trial.status,
        "error": trial.error,
        "seconds": round(trial.seconds, 3),
        "said": trial.said,
    }
    return web.json_response(answer)


async def delete(request: web.Request) -> web.Response:
    """Whatever it is still owed goes with it, and the answer says how much that was."""
    person = who(request, Role.ADMIN)
    webhooks = request.app[SERVICES].store.webhooks
    due, failed = await webhooks.delete(request.match_info["webhook"], person.id)
    return web.json_response({"due": due, "failed": failed})


async def log(request: web.Request) -> web.Response:
    who(request, Role.ADMIN)
    asked = queries.read(request, queries.WebhookLog)
    found = await request.app[SERVICES].store.webhooks.log(
        request.match_info["webhook"], state=asked.state, before=asked.before, limit=asked.limit
    )
    return web.json_response({"events": [dict(row) for row in found]})


async def redeliver(request: web.Request) -> web.Response:
    person = who(request, Role.ADMIN)
    asked = await bodies.read(request, bodies.Redeliver)
    count = await request.app[SERVICES].store.webhooks.redeliver(
        request.match_info["webhook"], person.id, asked.seq
    )
    return web.json_response({"events": count})


def _json(one: Webhook) -> dict[str, object]:
    return {
        "id": one.id,
        "url": one.url,
        "kinds": list(one.kinds),
        "created_at": one.created_at,
        "disabled": one.disabled_at is not None,
        "pause_until": one.pause_until,
        "failures": one.failures,
        "due": one.due,
        "failed": one.failed,
    }


def routes() -> list[web.RouteDef]:
    one = f"{API}webhooks/{{webhook:{ID}}}"
    return [
        web.get(f"{API}webhooks", list_webhooks),
        web.post(f"{API}webhooks", add),
        web.patch(one, change),
        web.delete(one, delete),
        web.get(f"{one}/events", log),
        web.post(f"{one}/redeliver", redeliver),
        web.post(f"{one}/test", attempt),
    ]
