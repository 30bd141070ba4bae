"""Classifier bundles for admins: retrain, look, compare, promote, roll back."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from aiohttp import web

from desk import bodies, queries
from desk.auth import API, ID, who
from desk.errors import Refusal
from desk.services import SERVICES, Words
from models.agent import Role
from models.errors import Conflict, NotFound, Rejected
from models.training import Retraining

_NAME = "[0-9A-Za-z-]{1,64}"


async def bundles(request: web.Request) -> web.Response:
    """Every classifier bundle's card, and which one serves."""
    who(request, Role.SUPERVISOR)
    store = request.app[SERVICES].store
    champion, cards = await store.bundles.champion(), await store.bundles.cards()
    return web.json_response({"champion": champion, "bundles": cards})


async def bundle(request: web.Request) -> web.Response:
    """One bundle's card, and the run that made it."""
    who(request, Role.ADMIN)
    services, bundle_id = request.app[SERVICES], request.match_info["bundle"]
    cards = {card["id"]: card for card in await services.store.bundles.cards()}
    if bundle_id not in cards:
        raise NotFound("no such bundle")
    run = await services.store.retrainings.of_bundle(bundle_id)
    told = None if run is None else run_json(run, await services.store.agents.names())
    return web.json_response({"bundle": cards[bundle_id], "retraining": told})


async def compare(request: web.Request) -> web.Response:
    """Two bundles on the golden set, class by class."""
    who(request, Role.ADMIN)
    one, other = request.match_info["bundle"], request.match_info["other"]
    with _able():
        facets = await request.app[SERVICES].bundle_work.compare(one, other)
    return web.json_response({"champion": one, "challenger": other, "facets": facets})


async def promote(request: web.Request) -> web.Response:
    person = who(request, Role.ADMIN)
    asked = await bodies.read(request, bodies.Promote)
    services, bundle_id = request.app[SERVICES], request.match_info["bundle"]
    with _able():
        await services.bundle_work.promote(
            bundle_id, person.id, asked.why, against_gate=asked.against_gate
        )
    return web.json_response({"champion": bundle_id})


async def rollback(request: web.Request) -> web.Response:
    person = who(request, Role.ADMIN)
    asked = await bodies.read(request, bodies.Rollback)
    store = request.app[SERVICES].store
    champion = await store.bundles.rollback(person.id, asked.why, off=asked.champion)
    return web.json_response({"champion": champion})


async def shadow(request: web.Request) -> web.Response:
    """What the challenger in shadow has said, and where it disagrees with the champion."""
    who(request, Role.ADMIN)
    return web.json_response({"shadow": await request.app[SERVICES].watch.shadow()})


async def begin_shadow(request: web.Request) -> web.Response:
    """Lets a bundle label live tickets beside the champion; changes no label."""
    person, bundle_id = who(request, Role.ADMIN), request.match_info["bundle"]
    with _able():
        await request.app[SERVICES].bundle_work.shadow(bundle_id, person.id)
    return web.json_response({"bundle": bundle_id})


async def end_shadow(request: web.Request) -> web.Response:
    person = who(request, Role.ADMIN)
    ended = await request.app[SERVICES].store.shadows.end(person.id)
    return web.json_response({"bundle": ended})


async def pin(request: web.Request) -> web.Response:
    """Keeps a bundle, however old it gets."""
    return await _pinned(request, pinned=True)


async def unpin(request: web.Request) -> web.Response:
    """No longer: it goes when its time is over."""
    return await _pinned(request, pinned=False)


async def _pinned(request: web.Request, *, pinned: bool) -> web.Response:
    person, bundle_id = who(request, Role.ADMIN), request.match_info["bundle"]
    await request.app[SERVICES].store.bundles.pin(bundle_id, person.id, pinned=pinned)
    return web.json_response({"bundle": bundle_id})


async def watch(request: web.Request) -> web.Response:
    """Drift and agreement by day, the alarms now, and whether it gets worse."""
    who(request, Role.ADMIN)
    asked = queries.read(request, queries.WatchDays)
    seen = request.app[SERVICES].watch
    return web.json_response(await seen.report(asked.days) | {"trend": await seen.trend()})


async def retrainings(request: web.Request) -> web.Response:
    """Runs of retraining, newest first, and what there is to learn from."""
    who(request, Role.ADMIN)
    services = request.app[SERVICES]
    store = services.store
    names = await services.store.agents.names()
    champion = await store.bundles.champion()
    upto = await store.retrainings.learnt_upto(champion) if champion else 0.0
    runs = [run_json(run, names) for run in await store.retrainings.latest()]
    counts = await store.corrections.counts(upto)
    return web.json_response({"retrainings": runs, "corrections": counts})


async def start(request: web.Request) -> web.Response:
    person = who(request, Role.ADMIN)
    asked = await bodies.read(request, bodies.Retrain)
    services = request.app[SERVICES]
    run_id = await services.store.retrainings.ask(person.id, seed=asked.seed)
    await services.doorbell.ring("retrain")
    return web.json_response({"id": run_id}, status=202)


async def cancel(request: web.Request) -> web.Response:
    person = who(request, Role.ADMIN)
    await request.app[SERVICES].store.retrainings.cancel(request.match_info["run"], person.id)
    return web.Response(status=204)


async def exclude(request: web.Request) -> web.Response:
    """Keeps corrections out of training, or takes that back."""
    person = who(request, Role.ADMIN)
    asked = await bodies.read(request, bodies.Exclude)
    changed = await request.app[SERVICES].store.corrections.exclude(
        asked.corrections, person.id, asked.why, excluded=asked.excluded
    )
    return web.json_response({"changed": changed})


@contextmanager
def _able() -> Iterator[None]:
    """Says in both languages that a bundle cannot be used; everything else passes through."""
    try:
        yield
    except Rejected as error:
        if isinstance(error, NotFound | Conflict):
            raise
        words = Words(
            "这个模型用不了：已损坏、不是本系统的，或属于别的分类体系。现役模型不受影响。",
            f"This bundle cannot serve; the champion is untouched. {error}",
        )
        raise Refusal(409, error.code, words) from error


def run_json(run: Retraining, names: Mapping[str, str]) -> dict[str, Any]:
    """A run as admins read it: agents by name."""
    told = asdict(run)
    told["started_by"] = names.get(run.started_by or "")
    if run.outcome is not None:
        suspects = [
            suspect | {"name": names.get(suspect["agent"], "")}
            for suspect in run.outcome["suspects"]
        ]
        told["outcome"] = {**run.outcome, "suspects": suspects}
    return told


def routes() -> list[web.RouteDef]:
    run = f"{API}retrainings/{{run:{ID}}}"
    one = f"{API}bundles/{{bundle:{_NAME}}}"
    return [
        web.get(f"{API}bundles", bundles),
        web.post(f"{API}bundles/rollback", rollback),
        web.get(f"{API}bundles/shadow", shadow),
        web.post(f"{API}bundles/shadow/end", end_shadow),
        web.get(f"{API}bundles/watch", watch),
        web.get(one, bundle),
        web.get(f"{one}/compare/{{other:{_NAME}}}", compare),
        web.post(f"{one}/promote", promote),
        web.post(f"{one}/shadow", begin_shadow),
        web.post(f"{one}/pin", pin),
        web.post(f"{one}/unpin", unpin),
        web.get(f"{API}retrainings", retrainings),
        web.post(f"{API}retrainings", start),
        web.post(f"{run}/cancel", cancel),
        web.post(f"{API}corrections/exclusions", exclude),
    ]
