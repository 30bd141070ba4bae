"""Who is asking: sessions, API tokens, and where a browser comes from."""

import contextlib
import secrets
from dataclasses import dataclass, field

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from desk import bodies
from desk.errors import Refusal
from desk.passwords import PASSWORDS, charge, refuse_guessable
from desk.services import SERVICES, DeskOptions, DeskServices, Words
from desk.shapes import person_json
from models.addresses import client_address
from models.agent import ROLE_NAMES, Agent, Presence, Role
from models.errors import Conflict, Temporary
from models.store.routing.agents import Holder, Kind
from models.store.routing.attempts import Tried

_log = structlog.stdlib.get_logger(__name__)

API = "/api/v1/"

ID = "[0-9A-Za-z-]{1,36}"
"""What an id in a path may look like; anything else is simply not found."""

CSRF_HEADER = "X-Shouli-Desk"
"""A foreign page cannot send it without a preflight, which this door never answers."""

_READING = frozenset({"GET", "HEAD", "OPTIONS"})

_RANK = {Role.AGENT: 0, Role.SUPERVISOR: 1, Role.ADMIN: 2}


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks, by which credential."""

    agent: Agent
    token: str = field(repr=False)
    by: Kind
    read_only: bool = False

    @property
    def id(self) -> str:
        return self.agent.id

    def ranks(self, role: Role) -> bool:
        """Whether this person may do what ``role`` may."""
        return _RANK[self.agent.role] >= _RANK[role]


PERSON = web.RequestKey("person", Person)


def cookie_name(options: DeskOptions) -> str:
    """The __Host- prefix binds the cookie to this very host (RFC 6265bis §4.1.3.2)."""
    return "__Host-shouli" if options.secure_cookie else "shouli"


@web.middleware
async def identify(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Finds out who asks; under the API only login works without."""
    if not request.path.startswith(API):
        return await handler(request)
    if request.path == f"{API}login":
        refuse_foreign(request)
        return await handler(request)
    request[PERSON] = await _person(request)
    return await handler(request)


async def _person(request: web.Request) -> Person:
    services = request.app[SERVICES]
    scheme, _, bearer = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    by: Kind = "token" if scheme.lower() == "bearer" else "session"
    token = bearer.strip() if by == "token" else request.cookies.get(cookie_name(services.options))
    holder = await services.store.agents.holder(token, by) if token else None
    if holder is None or token is None:
        words = Words("请先登录。", "Sign in first.")
        raise Refusal(401, "no_session", words)
    if by == "session":
        refuse_foreign(request)
    if holder.read_only and not _reads(request):
        words = Words("这个令牌只能读取。", "This token can only read.")
        raise Refusal(403, "read_only", words)
    if by == "token":
        await note_use(services, holder)
    return Person(holder.agent, token, by, holder.read_only)


async def note_use(services: DeskServices, holder: Holder) -> None:
    """Writes down, once a minute at most, that a token is in use.

    What is asked for does not fail with it: a database that takes no writes can still be read.
    """
    with contextlib.suppress(Temporary):
        await services.store.tokens.use(holder)


_ASKING = f"{API}search"
"""Asked with a body: what customers are looked for by must not stand in the logs of proxies."""


def _reads(request: web.Request) -> bool:
    return request.method in _READING or request.path == _ASKING


def refuse_foreign(request: web.Request) -> None:
    """A cookie is sent whoever asks: what changes something must come from our own page.

    Raises:
        Refusal: 403, another site asks, or nothing shows that it is not one.
    """
    upgrade = request.headers.get(hdrs.UPGRADE, "").lower() == "websocket"
    if request.method in _READING and not upgrade:
        return
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is None and not upgrade and CSRF_HEADER in request.headers:
        return
    if origin not in _origins(request):
        words = Words(
            f"请求来自其他网站，已拒绝；程序请用 API 令牌，或带上 {CSRF_HEADER} 头。",
            f"Refused: it comes from another site. Programs use a token or send {CSRF_HEADER}.",
        )
        raise Refusal(403, "foreign_origin", words)


def _origins(request: web.Request) -> frozenset[str]:
    # Behind a proxy that ends TLS the scheme is not known here; the host is.
    allowed = request.app[SERVICES].options.origins
    return allowed or frozenset({f"http://{request.host}", f"https://{request.host}"})


def who(request: web.Request, least: Role = Role.AGENT) -> Person:
    """The person who asks.

    Raises:
        Refusal: 403, they have less than the ``least`` role.
    """
    person = request[PERSON]
    if not person.ranks(least):
        zh, en = ROLE_NAMES[least]
        words = Words(f"需要{zh}权限。", f"This takes the role {en.lower()}.")
        raise Refusal(403, "forbidden", words)
    return person


async def login(request: web.Request) -> web.Response:
    asked = await bodies.read(request, bodies.Login)
    found = await _known(request, asked.login, asked.password)
    if found is None:
        raise _wrong_credentials()
    return await _signed_in(request.app[SERVICES], *found)


def _wrong_credentials() -> Refusal:
    words = Words("账号或密码不正确。", "The login or the password is wrong.")
    return Refusal(401, "wrong_credentials", words)


async def _known(request: web.Request, login: str, password: str) -> tuple[Agent, str] | None:
    """The person with this login and this password, and its hash.

    Raises:
        Refusal: 429 too many attempts, 503 too many people at once.
    """
    services, passwords = request.app[SERVICES], request.app[PASSWORDS]
    forwarded = request.headers.getall("X-Forwarded-For", [])
    address = client_address(request.remote or "", forwarded, services.options.proxies)
    tried = Tried(login, address)
    async with passwords.place(address):
        await charge(services.store.attempts, tried)
        found = await services.store.agents.by_login(login)
        right = await passwords.check(found[1] if found else None, password)
    if not right or found is None:
        # What was typed as a login may be the password: it is not written down.
        if found is None:
            _log.warning("wrong login", peer=address)
        else:
            _log.warning("wrong password", peer=address, agent=found[0].id)
        return None
    await services.store.attempts.clear(tried)
    return found


async def _signed_in(services: DeskServices, agent: Agent, password: str) -> web.Response:
    options = services.options
    token, seconds = secrets.token_urlsafe(32), options.session_hours * 3600
    try:
        await services.store.agents.grant(agent.id, "session", token, seconds, password=password)
    except Conflict:  # it was changed while we looked at it
        raise _wrong_credentials() from None
    response = web.json_response(person_json(agent))
    response.set_cookie(
        cookie_name(options),
        token,
        max_age=int(seconds),
        path="/",
        httponly=True,
        secure=options.secure_cookie,
        samesite="Strict",
    )
    return response


async def logout(request: web.Request) -> web.Response:
    person, services = who(request), request.app[SERVICES]
    await services.store.agents.revoke(person.token)
    return _without_cookie(services.options)


def _without_cookie(options: DeskOptions) -> web.Response:
    response = web.Response(status=204)
    response.del_cookie(cookie_name(options), path="/", secure=options.secure_cookie)
    return response


async def change_password(request: web.Request) -> web.Response:
    """One's own. It ends all of the person's sessions and tokens, this one as well."""
    person, services = in_person(request), request.app[SERVICES]
    asked = await bodies.read(request, bodies.ChangePassword)
    login = person.agent.login
    # Whoever has got hold of a session must not get the account with it.
    if await _known(request, login, asked.current) is None:
        words = Words("现在的密码不正确。", "The password that you have now is wrong.")
        raise Refusal(403, "wrong_credentials", words, field="current")
    refuse_guessable(asked.password, login)
    hashed = await request.app[PASSWORDS].hash(asked.password)
    await services.store.agents.change(person.id, person.id, password=hashed)
    return _without_cookie(services.options)


async def me(request: web.Request) -> web.Response:
    return web.json_response(person_json(who(request).agent))


async def set_presence(request: web.Request) -> web.Response:
    person, services = who(request), request.app[SERVICES]
    asked = await bodies.read(request, bodies.SetPresence)
    await services.store.agents.present(person.id, Presence(asked.presence))
    await services.doorbell.ring("dispatch")
    return web.json_response(person_json(await services.store.agents.get(person.id)))


async def set_shift(request: web.Request) -> web.Response:
    """When one's own shift ends: nothing more is given after it."""
    person, agents = who(request), request.app[SERVICES].store.agents
    asked = await bodies.read(request, bodies.SetShift)
    if asked.ends_at and asked.ends_at <= await request.app[SERVICES].store.db.now():
        words = Words("这个时间已经过了。", "That time is over.")
        raise Refusal(422, "invalid_field", words, field="ends_at")
    await agents.change(person.id, person.id, shift_ends_at=asked.ends_at or None)
    return web.json_response(person_json(await agents.get(person.id)))


def in_person(request: web.Request, least: Role = Role.AGENT) -> Person:
    """As ``who``, signed in: a token makes no tokens or accounts, or a stolen one never ends.

    Raises:
        Refusal: 403.
    """
    person = who(request, least)
    if person.by == "token":
        words = Words(
            "令牌、账号和密码请登录后管理。", "Sign in to manage tokens, accounts and passwords."
        )
        raise Refusal(403, "session_needed", words)
    return person


def routes() -> list[web.RouteDef]:
    return [
        web.post(f"{API}login", login),
        web.post(f"{API}logout", logout),
        web.get(f"{API}me", me),
        web.put(f"{API}me/password", change_password),
        web.put(f"{API}me/presence", set_presence),
        web.put(f"{API}me/shift", set_shift),
    ]
