"""Another master key while the roles run: who is known stays known, by the new one alone."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import func, select

from models.errors import Permanent, Rejected, Temporary
from models.message import Sender
from models.one_time_codes import STEP_SECONDS, code_of
from models.store import Store
from models.tables import (
    customer,
    customer_link,
    identity,
    message,
    proof,
    search_entry,
    second_factor,
    webhook,
)
from models.ticket import TicketState
from tests.contract.store.makers import agent, envelope, owned, thread
from tests.contract.store.rekeyed import CHAT, MAIL, NEW, NEXT, OLD, rows, with_key, write
from tests.contract.store.searching import find, index
from tests.fakes import FakeClock


async def links(store: Store, customer_id: str) -> int:
    return len((await store.customer_links.person(customer_id)).links)


@pytest.fixture
async def old(url: str, clock: FakeClock) -> AsyncIterator[Store]:
    made = await with_key(url, OLD, clock=clock)
    yield made
    await made.close()


@pytest.fixture
async def new(old: Store, url: str, clock: FakeClock) -> AsyncIterator[Store]:
    """As another process opens it with a key that was prepared, in a house that is lived in."""
    await old.rekeying.prepare(NEW)
    made = await with_key(url, NEW, clock=clock)
    yield made
    await made.close()


async def reseal(store: Store, limit: int = 2) -> None:
    async for _ in store.rekeying.reseal(limit):
        pass


async def test_everybody_is_known_again_and_the_old_key_is_refused(
    old: Store, url: str, clock: FakeClock
) -> None:
    who = [await write(old, f"k{n}", sender=Sender(external_id=f"v{n}")) for n in range(5)]
    admin = await agent(old)
    hook, secret = await old.webhooks.add("https://example.com/", [], b"w" * 32, admin)
    await old.rekeying.prepare(NEW)
    new = await with_key(url, NEW, clock=clock)
    await new.rekeying.activate()
    assert (await new.rekeying.left())["identity"] == 5
    await reseal(new)
    assert not any((await new.rekeying.left()).values())
    assert await new.rekeying.finish()
    await new.close()
    alone = await with_key(url, NEW, clock=clock)
    assert not alone.vault.moving
    again = [await write(alone, f"k{n}+", sender=Sender(external_id=f"v{n}")) for n in range(5)]
    assert again == who
    (one,) = await rows(alone, webhook.c.secret)
    assert (hook, alone.vault.open("webhooks", one[0])) == (hook, secret)
    with pytest.raises(Permanent, match="was rotated"):
        await with_key(url, OLD, clock=clock)
    for (key,) in await rows(alone, customer.c.key):
        with pytest.raises(Permanent):
            old.vault.unwrap(key)
    await alone.close()


@pytest.mark.parametrize("batches", [0, 1, 3, 6, 9])
async def test_cut_short_anywhere_it_goes_on_and_everybody_stays_one(
    old: Store, new: Store, url: str, clock: FakeClock, batches: int
) -> None:
    """The process that re-seals dies after so many batches, while messages come in."""
    before = [await write(old, f"k{n}", sender=Sender(external_id=f"v{n}")) for n in range(6)]
    await new.rekeying.activate()
    stepping = new.rekeying.reseal(1)
    for _ in range(batches):
        await anext(stepping)
    await stepping.aclose()
    meanwhile = [await write(new, f"m{n}", sender=Sender(external_id=f"v{n}")) for n in range(8)]
    assert meanwhile[:6] == before
    other = await with_key(url, NEW, clock=clock)
    await reseal(other)
    assert await other.rekeying.finish()
    after = [await write(other, f"a{n}", sender=Sender(external_id=f"v{n}")) for n in range(8)]
    assert after == meanwhile
    await other.close()


async def test_who_has_the_new_key_before_it_is_in_use_is_understood_by_the_others(
    old: Store, new: Store
) -> None:
    by_new = await write(new, "a", sender=Sender(external_id="v"))
    assert await write(old, "b", sender=Sender(external_id="v")) == by_new
    by_old = await write(old, "c", sender=Sender(external_id="w"))
    assert await write(new, "d", sender=Sender(external_id="w")) == by_old


async def test_who_has_only_the_old_key_makes_nobody_twice(old: Store, new: Store) -> None:
    await write(old, "a", sender=Sender(external_id="v"))
    await new.rekeying.activate()
    await reseal(new)
    with pytest.raises(Temporary, match="new one"):
        await write(old, "b", sender=Sender(external_id="v"))
    assert len(await rows(new, identity.c.id)) == 1


async def test_a_living_process_without_it_holds_the_new_key_back(old: Store, new: Store) -> None:
    await new.processes.beat("b", "work", "host", 2, "1")
    await old.processes.beat("a", "intake", "host", 1, "1")
    with pytest.raises(Rejected, match="intake host pid 1"):
        await new.rekeying.activate()
    await old.processes.leave("a")
    await new.rekeying.activate()
    assert (await new.rekeying.standing()).activated_at is not None


async def test_a_link_that_was_undone_stays_undone(old: Store, new: Store) -> None:
    mail = await write(old, "m", "email", **MAIL)
    await write(old, "c", **CHAT)
    (link,) = (await old.customer_links.person(mail)).links
    await old.customer_links.undo(link.id, await agent(old))
    await new.rekeying.activate()
    third = {**CHAT, "sender": Sender(external_id="web:u2", email="wang@example.com")}
    assert await links(new, await write(new, "d", **third)) == 1
    assert len({lookup for (lookup,) in await rows(new, proof.c.lookup)}) == 2
    await write(new, "e", "email", talk="m", **MAIL)
    await reseal(new)
    assert len({lookup for (lookup,) in await rows(new, proof.c.lookup)}) == 1
    assert len({lookup for (lookup,) in await rows(new, customer_link.c.lookup)}) == 1
    fourth = {**CHAT, "sender": Sender(external_id="web:u3", email="wang@example.com")}
    await write(new, "f", **fourth)
    assert len(await rows(new, customer_link.c.id)) == 3


async def test_what_was_erased_does_not_come_back(old: Store, new: Store) -> None:
    async def gone(store: Store, key: str, name: str) -> None:
        ticket_id, owner = await owned(store, key, key, sender=Sender(external_id=name))
        await store.tickets.move(ticket_id, owner, TicketState.RESOLVED)
        customer_id = (await store.tickets.get(ticket_id)).customer_id
        await store.erasure.erase(customer_id, None, "asked for it", "a test")

    async def names() -> list[str]:
        return [name for (name,) in await rows(new, message.c.external_id)]

    await gone(old, "one", "v")
    await new.rekeying.activate()
    await gone(new, "two", "w")
    assert sorted(name[:9] for name in await names()) != ["erased:1:"] * 2
    for n in range(2):
        before = await names()
        for key, name in (("one", "v"), ("two", "w")):
            e, sender = envelope(f"{key} again {n}"), Sender(external_id=name)
            await thread(new, e, external_id=key, sender=sender)
        assert await names() == before
        await reseal(new)
    assert [name[:9] for name in await names()] == ["erased:1:"] * 2


async def test_tickets_are_found_all_the_time(old: Store, new: Store) -> None:
    await write(old, "a", text="破壁机漏水", sender=Sender(external_id="v", phone="13800001111"))
    await index(old)
    await new.rekeying.activate()
    await write(new, "b", text="破壁机不转", sender=Sender(external_id="w", phone="13800001111"))
    await index(new)
    assert len(await find(new, "破壁机")) == len(await find(new, "13800001111")) == 2
    await reseal(new)
    assert len(await find(new, "破壁机")) == len(await find(new, "13800001111")) == 2
    assert all(terms.endswith(" g1") for (terms,) in await rows(new, search_entry.c.terms))
    await write(new, "c", text="破壁机冒烟", sender=Sender(external_id="x"))
    await index(new)
    assert len(await find(new, "破壁机")) == 3


async def test_second_factors_are_sealed_anew_and_go_on(
    old: Store, new: Store, url: str, clock: FakeClock
) -> None:
    def code(secret: bytes, steps: int) -> str:
        return code_of(secret, int(clock() // STEP_SECONDS) + steps)

    people = [await agent(old, login) for login in ("li", "wang")]
    keys = [await old.second_factors.begin(person) for person in people]
    assert await old.second_factors.confirm(people[0], code(keys[0], -1), "s")
    await new.rekeying.activate()
    assert (await new.rekeying.left())["second_factor"] == 2
    with pytest.raises(Temporary, match="new one"):
        await old.second_factors.begin(people[1])
    assert await new.second_factors.use(people[0], code(keys[0], 0))
    await reseal(new, 1)
    assert await new.rekeying.finish()
    alone = await with_key(url, NEW, clock=clock)
    assert await alone.second_factors.use(people[0], code(keys[0], 1))
    assert await alone.second_factors.confirm(people[1], code(keys[1], 0), "s")
    for (sealed,) in await rows(alone, second_factor.c.secret):
        with pytest.raises(Permanent):
            old.vault.open("second factor", sealed)
    await alone.close()


async def test_a_prepared_key_that_was_lost_is_made_anew(
    old: Store, url: str, clock: FakeClock
) -> None:
    await old.rekeying.prepare(NEXT)
    await old.rekeying.prepare(NEW)
    with pytest.raises(Permanent, match="another master key"):
        await with_key(url, NEXT, clock=clock)
    new = await with_key(url, NEW, clock=clock)
    with pytest.raises(Rejected, match="already"):
        await new.rekeying.prepare(NEXT)
    await new.close()


async def test_keys_follow_each_other_and_sign_on_unless_one_leaked(
    old: Store, new: Store, url: str, clock: FakeClock
) -> None:
    who = await write(old, "a", sender=Sender(external_id="v"))
    assert new.vault.signing_key("channel:email") == old.vault.signing_key("channel:email")
    await new.rekeying.activate()
    assert not await new.rekeying.finish()
    await reseal(new)
    assert await new.rekeying.finish()
    second = await with_key(url, NEW, clock=clock)
    await second.rekeying.prepare(NEXT, renew_signatures=True)
    third = await with_key(url, NEXT, clock=clock)
    await third.rekeying.activate()
    assert await write(third, "b", sender=Sender(external_id="v")) == who
    await reseal(third)
    assert await third.rekeying.finish()
    assert await write(third, "c", sender=Sender(external_id="v")) == who
    assert third.vault.signing_key("survey") != second.vault.signing_key("survey")
    ((lookup,),) = await rows(third, identity.c.lookup)
    assert lookup.startswith("2:")
    assert len(lookup) == 64
    async with third.db.read() as conn:
        assert (await conn.execute(select(func.count()).select_from(customer))).scalar_one() == 1
    await second.close()
    await third.close()


async def test_people_come_in_while_everything_is_sealed_anew(
    old: Store, new: Store, url: str, clock: FakeClock
) -> None:
    other = await with_key(url, NEW, clock=clock)

    async def customers(store: Store, count: int) -> list[str]:
        found = []
        for n in range(count):
            sender = ("webchat", Sender(external_id=f"v{n}"))
            async with store.db.write() as tx:
                found += [k.customer_id for k in (await store.people.known(tx, [sender])).values()]
        return found

    async def rotate() -> None:
        await new.rekeying.activate()
        while not await new.rekeying.finish():
            await reseal(new, 1)

    await customers(old, 3)
    mine, theirs, _ = await asyncio.gather(customers(new, 20), customers(other, 20), rotate())
    assert mine == theirs == await customers(other, 20)
    assert len(await rows(other, identity.c.id)) == len(await rows(other, customer.c.id)) == 20
    await other.close()
