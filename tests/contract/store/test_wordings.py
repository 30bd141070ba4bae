"""Texts that customers get by themselves: drafted, numbered, published, and never changed."""

import asyncio

import pytest
from sqlalchemy import select

from models.errors import NotFound, Rejected
from models.store import Store
from models.store.dialogue.wordings import published
from models.tables import audit, event
from tests.contract.store.makers import agent
from tests.fakes import FakeClock

NAME, TEXT = "ack.away", "您的{type}已收到，工单号{number}，{due}前联系您"


async def _said(store: Store) -> dict[tuple[str, str], tuple[int, str]]:
    async with store.db.read() as conn:
        return await published(conn)


async def test_a_draft_is_said_to_nobody_until_it_is_published(
    store: Store, clock: FakeClock
) -> None:
    person = await agent(store)
    first = await store.wordings.draft(NAME, "zh", TEXT, "改短", person)
    assert await _said(store) == {}
    drafted = clock.now
    clock.pass_(60)
    await store.wordings.publish(NAME, "zh", first, person)
    assert await _said(store) == {(NAME, "zh"): (first, TEXT)}
    (kept,) = await store.wordings.versions()
    assert (kept.text, kept.why, kept.drafted_by, kept.drafted_at) == (
        TEXT,
        "改短",
        person,
        drafted,
    )
    assert (kept.published_by, kept.published_at) == (person, clock.now)
    async with store.db.read() as conn:
        actions = (await conn.execute(select(audit.c.action).order_by(audit.c.id))).scalars().all()
        told = select(event.c.data).where(event.c.kind == "text.published")
        data = (await conn.execute(told)).scalar_one()
    assert [action for action in actions if action.startswith("text.")] == [
        "text.draft", "text.publish",
    ]  # fmt: skip
    assert data == {"name": NAME, "lang": "zh", "number": first}


async def test_an_older_version_can_be_said_again(store: Store, clock: FakeClock) -> None:
    first = await store.wordings.draft(NAME, "zh", TEXT, "", None)
    second = await store.wordings.draft(NAME, "zh", f"{TEXT}。", "", None)
    assert (first, second) == (1, 2)
    for number in (first, second, first):
        clock.pass_(1)
        await store.wordings.publish(NAME, "zh", number, None)
        assert (await _said(store))[NAME, "zh"][0] == number
    assert [(v.number, v.text) for v in await store.wordings.versions()] == [
        (2, f"{TEXT}。"), (1, TEXT),
    ]  # fmt: skip


async def test_each_language_has_its_own_numbers(store: Store) -> None:
    assert await store.wordings.draft(NAME, "zh", TEXT, "", None) == 1
    assert await store.wordings.draft(NAME, "en", "We have {number}", "", None) == 1
    await store.wordings.publish(NAME, "en", 1, None)
    assert list(await _said(store)) == [(NAME, "en")]


async def test_two_who_draft_at_once_get_two_numbers(store: Store) -> None:
    drafts = (store.wordings.draft(NAME, "zh", f"{TEXT}{n}", "", None) for n in range(4))
    assert sorted(await asyncio.gather(*drafts)) == [1, 2, 3, 4]


@pytest.mark.parametrize(("name", "text"), [("no.such", "您好"), (NAME, " "), (NAME, "{agent}")])
async def test_what_is_not_fit_is_not_kept(store: Store, name: str, text: str) -> None:
    with pytest.raises(Rejected) as refused:
        await store.wordings.draft(name, "zh", text, "", None)
    assert refused.value.code == "unfit_text"
    assert await store.wordings.versions() == []


async def test_a_version_that_is_not_there_is_not_published(store: Store) -> None:
    await store.wordings.draft(NAME, "zh", TEXT, "", None)
    with pytest.raises(NotFound):
        await store.wordings.publish(NAME, "en", 1, None)
    with pytest.raises(NotFound):
        await store.wordings.publish(NAME, "zh", 2, None)
    assert await _said(store) == {}
