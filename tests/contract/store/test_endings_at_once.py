"""Somebody leaves, changes their password or is erased, while something of theirs is just made."""

from collections.abc import Awaitable
from pathlib import Path

import pytest

from models.errors import Conflict
from models.store import Store
from models.store.dialogue.uploads import Uploads
from models.store.ground.blobs import FileBlobs
from tests.contract.store.makers import agent, filed
from tests.contract.store.meeting import meeting
from tests.contract.store.personal import NAME, WORDS, erase, resolved, standing, write


@pytest.mark.parametrize("ending", ["password", "disabled_at"])
@pytest.mark.parametrize("token_first", [True, False])
async def test_no_token_outlives_what_ends_all_tokens(
    store: Store, monkeypatch: pytest.MonkeyPatch, ending: str, token_first: bool
) -> None:
    """A thief at an open desk makes one in the very moment in which its owner shuts them out."""
    person, admin = await agent(store), await agent(store, "root")
    await store.agents.grant(person, "session", "desk", 3600.0)
    values = {"password": "another hash"} if ending == "password" else {"disabled_at": 1.0}

    def make() -> Awaitable[object]:
        return store.agents.grant(person, "token", "stolen", 3600.0, session="desk")

    def end() -> Awaitable[object]:
        return store.agents.change(person, admin, **values)

    both = (make, end) if token_first else (end, make)
    outcomes = await meeting(store, monkeypatch, *both)
    assert isinstance(outcomes[both.index(make)], str if token_first else Conflict)
    await store.agents.change(person, admin, disabled_at=None)
    assert await store.agents.holder("stolen", "token") is None
    assert await store.tokens.of(person) == []


@pytest.mark.parametrize("measure_first", [True, False])
async def test_no_improvement_is_given_to_who_leaves_just_now(
    store: Store, monkeypatch: pytest.MonkeyPatch, measure_first: bool
) -> None:
    ticket_id = await filed(store)
    boss, person = await agent(store, "boss"), await agent(store)

    def add() -> Awaitable[object]:
        return store.improvements.add(ticket_id, boss, text="改包装", owner_id=person, due_at=2e9)

    def leave() -> Awaitable[object]:
        return store.offboarding.leave(person, boss)

    both = (add, leave) if measure_first else (leave, add)
    outcomes = await meeting(store, monkeypatch, *both)
    owners = [one.owner_id for one in await store.improvements.open()]
    assert owners == ([boss] if measure_first else [])
    assert isinstance(outcomes[both.index(add)], str if measure_first else Conflict)


async def test_complaints_linked_at_once_all_repeat_the_first(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One goes to what repeats another, which in the same moment is found to repeat a third."""
    one, two, three, four = [await filed(store, f"k{n}", text=f"{n}") for n in range(4)]
    person = await agent(store)
    for each in (one, two, three, four):
        await store.complaints.link(each, person, None)
    await store.complaints.link(three, person, two)
    _, refused = await meeting(
        store,
        monkeypatch,
        lambda: store.complaints.link(two, person, one),
        lambda: store.complaints.link(four, person, three),
    )
    assert isinstance(refused, Conflict | None)
    repeats = {n: (await store.complaints.get(n)).repeat_of for n in (one, two, three, four)}
    assert {repeats[n] for n in repeats.values() if n} == {None}


@pytest.mark.parametrize("kind", ["note", "upload"])
@pytest.mark.parametrize("erased_first", [True, False])
async def test_nothing_is_written_of_who_is_erased_just_now(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str, erased_first: bool
) -> None:
    ticket_id = await write(store, "1")
    who = await resolved(store, ticket_id)
    # To keep the content in the database would be a transaction of its own, and the first.
    uploads = Uploads(store.db, FileBlobs(tmp_path / "uploaded"))

    def enter() -> Awaitable[object]:
        if kind == "note":
            return store.notes.write(ticket_id, who, WORDS)
        return uploads.add(ticket_id, who, f"{NAME}.txt", "text/plain", b"x")

    def gone() -> Awaitable[object]:
        return erase(store, ticket_id)

    both = (gone, enter) if erased_first else (enter, gone)
    outcomes = await meeting(store, monkeypatch, *both)
    assert isinstance(outcomes[both.index(enter)], Conflict) is erased_first
    assert not isinstance(outcomes[both.index(gone)], Exception)
    assert await standing(store) == {}
