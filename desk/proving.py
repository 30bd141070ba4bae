"""Proving who one is: by the password, and by a code where there is a second factor."""

from typing import NamedTuple

import structlog
from aiohttp import web

from desk.errors import Refusal
from desk.passwords import PASSWORDS, charge
from desk.services import SERVICES, Words
from models.addresses import client_address
from models.agent import Agent
from models.store.routing.attempts import Tried

_log = structlog.stdlib.get_logger(__name__)


class Known(NamedTuple):
    """Somebody whose password was right: with its hash, and with the attempts that it took."""

    agent: Agent
    password: str
    tried: Tried


async def by_password(request: web.Request, login: str, password: str) -> Known | None:
    """The person with this login and this password.

    Whoever has seen the code as well, or asks for none, clears the attempts: a right password
    alone must not, or codes could be guessed for ever.

    Raises:
        Refusal: 429 too many attempts, 503 too many people at once.
    """
    services, passwords = request.app[SERVICES], request.app[PASSWORDS]
    address = _address(request)
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
    return Known(*found, tried)


async def by_code(request: web.Request, agent: Agent, code: str, *, status: int) -> None:
    """Uses up a code of somebody who has a second factor.

    Wrong ones count for the person, too, wherever they come from: six digits are few for whoever
    has the password and many addresses.

    Raises:
        Refusal: with this ``status``, it is wrong or was used; 429, too many attempts.
    """
    store = request.app[SERVICES].store
    tried = Tried(f"code of {agent.id}")
    await charge(store.attempts, tried)
    if not await store.second_factors.use(agent.id, code):
        _log.warning("wrong code", peer=_address(request), agent=agent.id)
        raise wrong_code(status)
    await store.attempts.refund(tried)


def wrong_code(status: int) -> Refusal:
    words = Words(
        "验证码不对，或已经用过；请等 App 里的下一个。",
        "This code is wrong, or was used before; wait for the next one in your app.",
    )
    return Refusal(status, "wrong_code", words, field="code")


def _address(request: web.Request) -> str:
    forwarded = request.headers.getall("X-Forwarded-For", [])
    proxies = request.app[SERVICES].options.proxies
    return client_address(request.remote or "", forwarded, proxies)
