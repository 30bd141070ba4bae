"""What a visitor who comes back is told of their conversation, on both databases."""

from channels.webchat.lookup import Lookup
from models.store import Store
from tests.contract.store.conftest import clock, store, url
from tests.contract.store.makers import envelope, owned, thread, waiting

__all__ = ["clock", "store", "url"]


async def number_told(store: Store, key: str) -> str | None:
    found = await Lookup(store.db, ["site"]).find("site", key)
    assert found is not None
    return found.ticket


async def test_of_a_merged_ticket_the_survivors_number(store: Store) -> None:
    kept, person = await owned(store)
    gone = await waiting(store, "k2")
    numbers = {one: (await store.tickets.get(one)).number for one in (kept, gone)}
    assert await number_told(store, "talk-k2") == numbers[gone]
    await store.merging.merge(gone, kept, person)
    assert await number_told(store, "talk-k2") == numbers[kept]
    assert await number_told(store, "talk-k1") == numbers[kept]
    await store.merging.undo(gone, person)
    assert await number_told(store, "talk-k2") == numbers[gone]


async def test_of_a_ticket_that_was_split_the_number_of_what_goes_on(store: Store) -> None:
    whole, person = await owned(store)
    await thread(store, envelope("b"), conversation_key="talk-k1", text="发票也开错了")
    number = (await store.tickets.get(whole)).number
    log = await store.conversations.log((await store.tickets.get(whole)).conversation_id)
    part = await store.merging.split(whole, [log[-1].id], person)
    assert part != whole
    assert await number_told(store, "talk-k1") == number
