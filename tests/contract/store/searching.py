"""Tickets are indexed, and found."""

from models.search_terms import question
from models.store import Store
from models.store.tickets.search_index import INDEXING
from tests.contract.store.makers import follow


async def index(store: Store) -> None:
    await follow(store, INDEXING)
    while await store.search_index.fill(2):
        pass


async def find(store: Store, words: str, before: int | None = None, limit: int = 100) -> list[str]:
    """What is found, newest first."""
    asked = question(words)
    assert asked.finds
    candidates = await store.search.candidates(asked, before, limit)
    return [found.ticket_id for found in await store.search.confirmed(asked, candidates)]
