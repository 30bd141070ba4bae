"""The texts that customers get by themselves: versions, drafts, previews, publication."""

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from aiohttp import web

from desk import bodies
from desk.auth import API, who
from desk.errors import Refusal
from desk.idempotency import key_of
from desk.services import SERVICES, DeskServices, Words
from desk.shapes import Json, agent_json
from models.agent import Role
from models.store.dialogue.wordings import Version, in_force
from models.texts import LANGUAGES, TEXTS, Language, spoken, unfit

_SAMPLES: Mapping[Language, Mapping[str, str]] = {
    "zh": {
        "type": "投诉",
        "number": "20260301000012",
        "agent": "小王",
        "progress": "工单 20260301000012：处理中。",
        "link": "https://support.example/s/…",
    },
    "en": {
        "type": "Complaint",
        "number": "20260301000012",
        "agent": "Wang",
        "progress": "Ticket 20260301000012: somebody is working on it.",
        "link": "https://support.example/s/…",
    },
}
"""What stands for each placeholder in a preview, but for the times."""

_MOMENTS = {"due": (1, 17, 30), "opens": (2, 9, 0), "at": (1, 16, 5)}
"""Day of March 2026, hour and minute; it is the morning of the first."""


def samples(lang: Language, zone: tzinfo) -> Mapping[str, str]:
    """What stands for each placeholder in a preview, with times as customers are told them."""
    now = datetime(2026, 3, 1, 8, tzinfo=zone).timestamp()
    moments = {
        name: datetime(2026, 3, day, hour, minute, tzinfo=zone).timestamp()
        for name, (day, hour, minute) in _MOMENTS.items()
    }
    times = {name: spoken(at, now, zone, lang) for name, at in moments.items()}
    return {**_SAMPLES[lang], **times}


async def list_(request: web.Request) -> web.Response:
    """Every text: what it is for, what is said now, and all of its versions."""
    who(request, Role.SUPERVISOR)
    services = request.app[SERVICES]
    names, versions = await services.store.agents.names(), await services.store.wordings.versions()
    return web.json_response(
        {"texts": [_text_json(name, versions, services.texts, names) for name in TEXTS]}
    )


def _text_json(
    name: str,
    versions: Sequence[Version],
    defaults: Mapping[tuple[str, Language], str],
    names: Mapping[str, str],
) -> Json:
    kind = TEXTS[name]
    return {
        "name": name,
        "use": Words(kind.zh, kind.en)._asdict(),
        "placeholders": sorted(kind.names),
        "languages": {
            lang: _language_json(
                [v for v in versions if (v.name, v.lang) == (name, lang)],
                defaults[name, lang],
                names,
            )
            for lang in LANGUAGES
        },
    }


def _language_json(versions: Sequence[Version], default: str, names: Mapping[str, str]) -> Json:
    said = in_force(versions)
    return {
        "default": default,
        "in_force": said.number if said else None,
        "text": said.text if said else default,
        "versions": [_version_json(version, names) for version in versions],
    }


def _version_json(version: Version, names: Mapping[str, str]) -> Json:
    return {
        "number": version.number,
        "text": version.text,
        "why": version.why,
        "drafted_by": agent_json(version.drafted_by, names),
        "drafted_at": version.drafted_at,
        "published_by": agent_json(version.published_by, names),
        "published_at": version.published_at,
    }


async def draft(request: web.Request) -> web.Response:
    """Keeps a version that nobody is told yet."""
    person, services = who(request, Role.SUPERVISOR), request.app[SERVICES]
    asked = await bodies.read(request, bodies.NewText)
    name, lang = _which(request)
    _fit(name, asked.text)
    number = await services.store.wordings.draft(
        name, lang, asked.text, asked.why, person.id, key_of(request, asked)
    )
    return web.json_response({"number": number}, status=201)


async def preview(request: web.Request) -> web.Response:
    """How a text would read to a customer."""
    who(request, Role.SUPERVISOR)
    asked = await bodies.read(request, bodies.TextPreview)
    name, lang = _which(request)
    _fit(name, asked.text)
    said = asked.text.format_map(samples(lang, request.app[SERVICES].zone))
    return web.json_response({"text": said})


async def publish(request: web.Request) -> web.Response:
    """From now on a version is said; an older one is the way back."""
    person, services = who(request, Role.ADMIN), request.app[SERVICES]
    asked = await bodies.read(request, bodies.PublishText)
    name, lang = _which(request)
    await services.store.wordings.publish(name, lang, asked.number, person.id)
    return await _said(services, name, lang)


async def restore(request: web.Request) -> web.Response:
    """Back to what the installation says by itself."""
    person, services = who(request, Role.ADMIN), request.app[SERVICES]
    name, lang = _which(request)
    await services.store.wordings.restore(name, lang, person.id)
    return await _said(services, name, lang)


async def _said(services: DeskServices, name: str, lang: Language) -> web.Response:
    names, versions = await services.store.agents.names(), await services.store.wordings.versions()
    mine = [v for v in versions if (v.name, v.lang) == (name, lang)]
    return web.json_response(_language_json(mine, services.texts[name, lang], names))


def _which(request: web.Request) -> tuple[str, Language]:
    """The text and the language of the path, which the route lets through only if known."""
    lang: Any = request.match_info["lang"]
    return request.match_info["text"], lang


def _fit(name: str, text: str) -> None:
    """Raises ``Refusal`` 422 with what is wrong with a template."""
    if trouble := unfit(name, text):
        raise Refusal(422, "unfit_text", Words(*trouble.split(" / ")), field="text")


def routes() -> list[web.RouteDef]:
    known = "|".join(sorted(name.replace(".", r"\.") for name in TEXTS))
    one = f"{API}texts/{{text:{known}}}/{{lang:zh|en}}"
    return [
        web.get(f"{API}texts", list_),
        web.post(f"{one}/versions", draft),
        web.post(f"{one}/preview", preview),
        web.post(f"{one}/publish", publish),
        web.post(f"{one}/restore", restore),
    ]
