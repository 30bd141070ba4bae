"""Seeing somebody off from the command line."""

from collections.abc import Mapping

from config.settings import Settings
from models.errors import NotFound
from models.store import Store
from workers.wiring import make_store


async def see_off(settings: Settings, login: str, to: str | None) -> Mapping[str, int]:
    """Hands over what a person has, by login; returns how much of each kind.

    Raises:
        NotFound: there is no such login.
        Conflict: they would hand over to themselves.
    """
    store = make_store(settings)
    try:
        heir = None if to is None else await _id(store, to)
        return await store.leaving.leave(await _id(store, login), None, heir)
    finally:
        await store.close()


async def _id(store: Store, login: str) -> str:
    found = await store.agents.by_login(login)
    if found is None:
        raise NotFound(f"没有账号 {login}。 / There is no login {login}.")
    return found[0].id
