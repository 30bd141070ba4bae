"""Who is asking: sessions, API tokens, and where a browser comes from."""

import contextlib
import secrets
from dataclasses import dataclass, field

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from desk import bodies
from desk.errors import Refusal
from desk.passwords import PASSWORDS, refuse_guessable
from desk.proving import Known, by_code, by_password
from desk.services import SERVICES, DeskOptions, DeskServices, Words
from desk.shapes import Json, person_json
from models.agent import ROLE_NAMES, Agent, Presence, Role
from models.errors import Conflict, Temporary
from models.store.routing.agents import Holder, Kind

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
    given = bearer.strip() if by == "token" else request.cookies.get(cookie_name(services.options))
    # Ours are ASCII. What is no UTF-8 comes as surrogates, of which no hash can be made.
    token = given if given and given.isascii() else None
    holder = await services.store.agents.holder(token, by) if token else None
    if holder is None or token is None:
        raise stranger()
    if by == "session":
        refuse_foreign(request)
        if (due := _due(services, holder.agent)) and request.path not in _BEFORE[due.code]:
            raise due
    if holder.read_only and not _reads(request):
        words = Words("这个令牌只能读取。", "This token can only read.")
        raise Refusal(403, "read_only", words)
    if by == "token":
        await note_use(services, holder)
    return Person(holder.agent, token, by, holder.read_only)


def stranger() -> Refusal:
    """To whoever has not signed in, or not any more."""
    return Refusal(401, "no_session", Words("请先登录。", "Sign in first."))


async def note_use(services: DeskServices, holder: Holder) -> None:
    """Writes down, once a minute at most, that a token is in use.

    What is asked for does not fail with it: a database that takes no writes can still be read.
    """
    with contextlib.suppress(Temporary):
        await services.store.tokens.use(holder)


_BEFORE = {
    "password_due": frozenset({f"{API}me", f"{API}me/password", f"{API}logout"}),
    "second_factor_due": frozenset({f"{API}me", f"{API}me/second-factor", f"{API}logout"}),
}
"""What is left to whoever must do something first, and has not."""


def _due(services: DeskServices, agent: Agent) -> Refusal | None:
    """What a person must do at their desk before anything else: the password comes first."""
    if agent.password_due:
        words = Words(
            "请先设置自己的密码。",
            "Choose a password of your own first: somebody else knows this.",
        )
        return Refusal(403, "password_due", words)
    if _second_factor_due(services, agent):
        words = Words(
            "请先开启两步验证。", "Set up two-step sign-in first: this house asks for it."
        )
        return Refusal(403, "second_factor_due", words)
    return None


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
    """By the password; and where there is a second factor, by a code as well.

    Of the password alone it is told only then that it was right, and the code asked for.
    """
    asked, services = await bodies.read(request, bodies.Login), request.app[SERVICES]
    known = await by_password(request, asked.login, asked.password)
    if known is None:
        raise _wrong_credentials()
    if known.agent.second_factor_at is not None:
        if asked.code is None:
            words = Words("请输入验证码。", "Type the code of your app.")
            raise Refusal(401, "code_needed", words, field="code")
        await by_code(request, known.agent, asked.code, status=401)
    response = await _signed_in(services, known)
    await services.store.attempts.clear(known.tried)
    return response


def _wrong_credentials() -> Refusal:
    words = Words("账号或密码不正确。", "The login or the password is wrong.")
    return Refusal(401, "wrong_credentials", words)


async def _signed_in(services: DeskServices, known: Known) -> web.Response:
    response = web.json_response(_own_json(services, known.agent))
    await _begin_session(services, known.agent, known.password, response)
    return response


async def _begin_session(
    services: DeskServices, agent: Agent, password: str, response: web.Response
) -> None:
    """Of somebody who is known by this ``password`` (its hash), and by a code if they have one.

    Raises:
        Refusal: 401, it was changed while we looked at it.
    """
    options = services.options
    token, seconds = secrets.token_urlsafe(32), options.session_hours * 3600
    try:
        await services.store.agents.grant(
            agent.id, "session", token, seconds,
            password=password, second_factor_at=agent.second_factor_at,
        )  # fmt: skip
    except Conflict:
        raise _wrong_credentials() from None
    response.set_cookie(
        cookie_name(options),
        token,
        max_age=int(seconds),
        path="/",
        httponly=True,
        secure=options.secure_cookie,
        samesite="Strict",
    )


async def logout(request: web.Request) -> web.Response:
    person, services = who(request), request.app[SERVICES]
    await services.store.agents.revoke(person.token)
    return _without_cookie(services.options)


def _not_the_password() -> Refusal:
    words = Words("现在的密码不正确。", "The password that you have now is wrong.")
    return Refusal(403, "wrong_credentials", words, field="current")


def _without_cookie(options: DeskOptions) -> web.Response:
    response = web.Response(status=204)
    response.del_cookie(cookie_name(options), path="/", secure=options.secure_cookie)
    return response


async def change_password(request: web.Request) -> web.Response:
    """One's own. It ends all of the person's sessions and tokens, this one as well.

    Whoever was held up by it goes on at once, in another session.
    """
    person, services = in_person(request), request.app[SERVICES]
    asked = await bodies.read(request, bodies.ChangePassword)
    login = person.agent.login
    # Whoever has got hold of a session must not get the account with it.
    known = await by_password(request, login, asked.current)
    if known is None:
        raise _not_the_password()
    await services.store.attempts.clear(known.tried)
    refuse_guessable(asked.password, login)
    if asked.password == asked.current:
        words = Words("新密码要与现在的不同。", "Choose another password than the one you have.")
        raise Refusal(422, "same_password", words, field="password")
    hashed = await request.app[PASSWORDS].hash(asked.password)
    try:
        await services.store.agents.change(
            person.id, person.id, known_by=known.password, password=hashed
        )
    except Conflict:  # set while we looked at it, perhaps to shut out who knows this one
        raise _not_the_password() from None
    if not person.agent.password_due:
        return _without_cookie(services.options)
    response = web.Response(status=204)
    await _begin_session(services, person.agent, hashed, response)
    return response


async def me(request: web.Request) -> web.Response:
    return web.json_response(_own_json(request.app[SERVICES], who(request).agent))


def _own_json(services: DeskServices, agent: Agent) -> Json:
    """A person to themselves: what they must do before anything else."""
    return person_json(agent) | {
        "password_due": agent.password_due,
        "second_factor_due": _second_factor_due(services, agent),
    }


def _second_factor_due(services: DeskServices, agent: Agent) -> bool:
    return agent.second_factor_at is None and services.options.second_factor.demands(agent.role)


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
    """As ``who``, signed in: what goes on when a token has ended is not begun by one.

    Or a stolen one never ends: it makes a token, an account or a webhook, or brings one back.

    Raises:
        Refusal: 403.
    """
    person = who(request, least)
    if person.by == "token":
        words = Words(
            "令牌、账号、密码和推送地址请登录后管理。",
            "Sign in to manage tokens, accounts, passwords and webhooks.",
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
