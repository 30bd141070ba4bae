"""Events, answers, leases, agents, bundles, blobs, and the database itself."""

import asyncio
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

from models.agent import Presence, Role
from models.errors import Conflict, NotFound, Permanent, Temporary
from models.message import SendResult
from models.migrations import check, migrate
from models.store import Store
from models.store.figures.audits import Asked
from models.store.ground.blobs import FileBlobs
from models.store.ground.database import Database
from models.store.ground.sealing import Vault, seal, unseal
from models.store.routing.tokens import USED_SECONDS
from models.tables import metadata
from tests.contract.store.makers import opened, replied
from tests.fakes import FakeClock


async def test_the_migrated_schema_is_the_one_in_the_tables(store: Store) -> None:
    def ours(_object: object, name: str | None, *_: object) -> bool:
        # What each database has of its own to look into search_entry (revision 0032).
        return not (name or "").startswith(("search_fts", "ix_search_entry_terms"))

    def differences(connection: Connection) -> object:
        options = {"include_object": ours}
        return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)

    async with store.db.read() as conn:
        assert await conn.run_sync(differences) == []
    await check(store.db)


async def test_an_older_schema_is_refused_with_the_remedy(
    empty_url: str, clock: FakeClock
) -> None:
    db = Database(empty_url, clock=clock)
    with pytest.raises(Permanent, match="shouli migrate"):
        await check(db)
    await db.close()


async def test_migrating_twice_at_once_is_migrating_once(empty_url: str, clock: FakeClock) -> None:
    dbs = [Database(empty_url, clock=clock) for _ in range(2)]
    await asyncio.gather(*(migrate(db) for db in dbs))
    await check(dbs[0])
    for db in dbs:
        await db.close()


async def test_event_numbers_appear_in_commit_order(store: Store) -> None:
    """A reader that resumes after the last number it saw never misses one."""
    seen: list[int] = []
    done = asyncio.Event()

    async def write(i: int) -> None:
        for _ in range(10):
            async with store.db.write() as tx:
                tx.emit("test", writer=i)
                await tx.conn.execute(text("SELECT 1"))

    async def read() -> None:
        while not done.is_set() or (await store.events.after(seen[-1] if seen else 0)):
            seen.extend(e.seq for e in await store.events.after(seen[-1] if seen else 0))

    reader = asyncio.create_task(read())
    await asyncio.gather(*(write(i) for i in range(6)))
    done.set()
    await reader
    assert seen == list(range(1, 61))
    assert await store.events.last() == 60


async def test_a_rolled_back_transaction_leaves_no_number(store: Store) -> None:
    async def fail() -> None:
        async with store.db.write() as tx:
            tx.emit("test")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await fail()
    assert await store.events.last() == 0


async def test_forgotten_events_move_the_first(store: Store, clock: FakeClock) -> None:
    async with store.db.write() as tx:
        tx.emit("old")
    clock.pass_(100)
    async with store.db.write() as tx:
        tx.emit("new")
    assert await store.events.forget(clock() - 50) == 1
    assert await store.events.first() == 2


async def test_old_events_are_forgotten_some_at_a_time_the_oldest_first(
    store: Store, clock: FakeClock
) -> None:
    for _ in range(3):
        async with store.db.write() as tx:
            tx.emit("old")
        clock.pass_(10)
    assert await store.events.forget(clock(), 2) == 2
    assert [event.seq for event in await store.events.after(0)] == [3]
    assert await store.events.forget(clock(), 2) == 1


async def state(store: Store, outbound_id: str) -> str:
    ticket_id = await store.tickets.outbound_ticket(outbound_id)
    found = await store.tickets.get(ticket_id)
    log = await store.conversations.log(found.conversation_id)
    return next(e.state for e in log if e.id == outbound_id)


async def test_an_answer_is_sent_by_one(store: Store) -> None:
    outbound_id = await replied(store)
    leases = await asyncio.gather(*(store.outbound.lease(5, 30.0) for _ in range(3)))
    (mine,) = [lease for lease in leases if lease]
    assert [m.id for m in mine.messages] == [outbound_id]
    assert await store.outbound.finish(mine.token, outbound_id, SendResult("sent", "p1"))
    assert not await store.outbound.finish(mine.token, outbound_id, SendResult("failed"))
    assert await state(store, outbound_id) == "sent"


async def test_a_retry_waits_its_time(store: Store, clock: FakeClock) -> None:
    outbound_id = await replied(store)
    mine = await store.outbound.lease(5, 30.0)
    assert mine
    await store.outbound.finish(
        mine.token, outbound_id, SendResult("retry", error="421", retry_after=60)
    )
    assert await store.outbound.lease(5, 30.0) is None
    clock.pass_(60)
    assert await store.outbound.lease(5, 30.0) is not None


@pytest.mark.parametrize(("repeatable", "expected"), [(["webchat"], "queued"), ([], "unknown")])
async def test_what_a_dead_sender_held_is_never_resent_blindly(
    store: Store, clock: FakeClock, repeatable: list[str], expected: str
) -> None:
    outbound_id = await replied(store)
    await store.outbound.lease(5, 30.0)
    clock.pass_(31)
    assert await store.outbound.expire(repeatable) == 1
    assert await state(store, outbound_id) == expected


async def test_a_person_decides_on_unknown_answers(store: Store, clock: FakeClock) -> None:
    outbound_id = await replied(store)
    with pytest.raises(Conflict):
        await store.outbound.decide(outbound_id, "a", resend=True)
    await store.outbound.lease(5, 30.0)
    clock.pass_(31)
    await store.outbound.expire([])
    assert (await store.outbound.one(outbound_id)).finished_at == clock(), "a quota forgets it"
    await store.outbound.decide(outbound_id, "a", resend=True)
    assert (await store.outbound.one(outbound_id)).finished_at is None
    assert await store.outbound.lease(5, 30.0) is not None
    with pytest.raises(NotFound):
        await store.outbound.decide("nope", "a", resend=False)


async def test_what_the_customer_has_seen_is_delivered(store: Store) -> None:
    outbound_id = await replied(store)
    found = await store.tickets.get(await store.tickets.outbound_ticket(outbound_id))
    await store.conversations.delivered(found.conversation_id, 99)  # never said: ignored
    assert await state(store, outbound_id) == "queued"
    await store.conversations.delivered(found.conversation_id, 2)
    assert await state(store, outbound_id) == "delivered"
    assert await store.outbound.lease(5, 30.0) is None


async def test_a_lease_has_one_holder_and_a_growing_fence(store: Store, clock: FakeClock) -> None:
    first = await store.leases.take("clock", "a", 10.0)
    assert first
    assert await store.leases.take("clock", "b", 10.0) is None
    renewed = await store.leases.take("clock", "a", 10.0)
    assert renewed
    assert renewed.fence == first.fence
    clock.pass_(11)
    second = await store.leases.take("clock", "b", 10.0)
    assert second
    assert second.fence > first.fence
    await store.leases.drop(second)
    third = await store.leases.take("clock", "a", 10.0)
    assert third
    assert third.fence > second.fence


async def test_credentials(store: Store, clock: FakeClock) -> None:
    agent_id = await store.agents.add("li", "李雷", Role.AGENT, "h", {})
    with pytest.raises(Conflict):
        await store.agents.add("li", "别人", Role.AGENT, "h", {})
    await store.agents.grant(agent_id, "session", "secret", 60.0)
    holder = await store.agents.holder("secret", "session")
    assert holder
    assert holder.agent.id == agent_id
    assert await store.agents.holder("other", "session") is None
    clock.pass_(61)
    assert await store.agents.holder("secret", "session") is None
    token = await store.agents.grant(agent_id, "token", "t", 60.0, "ci")
    assert await store.agents.forget_credentials() == 1
    assert await store.agents.forget_credentials() == 0
    assert await store.agents.holder("t", "session") is None, "no browser signs in with it"
    assert await store.agents.holder("t", "token") is not None
    assert [token.name for token in await store.tokens.of(agent_id)] == ["ci"]
    await store.tokens.revoke(token, agent_id)
    assert await store.agents.holder("t", "token") is None
    with pytest.raises(NotFound):
        await store.tokens.revoke(token, agent_id)


async def test_who_was_known_by_a_password_that_is_another_by_now_is_let_in_no_more(
    store: Store,
) -> None:
    agent_id = await store.agents.add("li", "李雷", Role.AGENT, "old", {})
    await store.agents.grant(agent_id, "session", "before", 60.0, password="old")
    await store.agents.change(agent_id, None, password="new")
    with pytest.raises(Conflict):
        await store.agents.grant(agent_id, "session", "late", 60.0, password="old")
    assert [await store.agents.holder(name, "session") for name in ("before", "late")] == [
        None
    ] * 2


async def test_who_is_disabled_while_they_sign_in_has_no_session_when_they_come_back(
    store: Store,
) -> None:
    agent_id = await store.agents.add("li", "李雷", Role.AGENT, "hash", {})
    await store.agents.change(agent_id, None, disabled_at=await store.db.now())
    with pytest.raises(Conflict):
        await store.agents.grant(agent_id, "session", "late", 60.0, password="hash")
    await store.agents.change(agent_id, None, disabled_at=None)
    assert await store.agents.holder("late", "session") is None


async def test_a_token_may_do_less_than_its_owner_and_never_more(store: Store) -> None:
    agent_id = await store.agents.add("li", "李雷", Role.ADMIN, "h", {})
    kept: list[tuple[str, Role | None, bool]] = [
        ("all", None, False), ("some", Role.SUPERVISOR, False), ("reads", None, True),
    ]  # fmt: skip
    for name, role, read_only in kept:
        await store.agents.grant(
            agent_id, "token", name, 60.0, name, role=role, read_only=read_only
        )

    async def held(name: str) -> tuple[Role, bool]:
        holder = await store.agents.holder(name, "token")
        assert holder
        return holder.agent.role, holder.read_only

    found = [await held(name) for name, _, _ in kept]
    assert found == [(Role.ADMIN, False), (Role.SUPERVISOR, False), (Role.ADMIN, True)]
    await store.agents.change(agent_id, None, role=Role.AGENT)
    found = [await held(name) for name, _, _ in kept]
    assert found == [(Role.AGENT, False), (Role.AGENT, False), (Role.AGENT, True)]
    listed = await store.tokens.of(agent_id)
    assert {(token.name, token.role, token.read_only) for token in listed} == set(kept)
    assert {token.may for token in listed} == {Role.AGENT}


async def test_the_use_of_a_token_is_noted_once_a_minute(store: Store, clock: FakeClock) -> None:
    agent_id = await store.agents.add("li", "李雷", Role.AGENT, "h", {})
    await store.agents.grant(agent_id, "token", "t", 3600.0, "ci")

    async def noted() -> float | None:
        holder = await store.agents.holder("t", "token")
        assert holder
        await store.tokens.use(holder)
        (token,) = await store.tokens.of(agent_id)
        return token.last_used_at

    (token,) = await store.tokens.of(agent_id)
    assert token.last_used_at is None
    early = await store.agents.holder("t", "token")
    assert early
    first = clock()
    assert await noted() == first
    clock.pass_(USED_SECONDS - 1)
    assert await noted() == first
    await store.tokens.use(early)  # which was asked before the first one had been noted
    (token,) = await store.tokens.of(agent_id)
    assert token.last_used_at == first
    clock.pass_(1)
    assert await noted() == first + USED_SECONDS


async def test_everybodys_tokens_are_those_that_hold(store: Store, clock: FakeClock) -> None:
    wang = await store.agents.add("wang", "王芳", Role.ADMIN, "h", {})
    li = await store.agents.add("li", "李雷", Role.AGENT, "h", {})
    for owner, name, seconds in ((wang, "crm", 3600.0), (li, "ci", 3600.0), (li, "old", 60.0)):
        await store.agents.grant(owner, "token", name, seconds, name)
    await store.agents.grant(wang, "session", "s", 3600.0)
    clock.pass_(61)
    found = [(token.owner_name, token.name) for token in await store.tokens.all()]
    assert found == [("李雷", "ci"), ("王芳", "crm")]
    crm = next(token.id for token in await store.tokens.all() if token.name == "crm")
    with pytest.raises(NotFound):
        await store.tokens.revoke(crm, li)
    with pytest.raises(NotFound):
        await store.tokens.revoke("nothing", wang, only_own=False)
    await store.tokens.revoke(crm, li, only_own=False)
    assert await store.agents.holder("crm", "token") is None
    deed = (await store.audits.page(Asked(action="token.revoke"), limit=1))[0]
    assert (deed.agent_id, deed.subject) == (li, crm)
    assert deed.detail == {"name": "crm", "owner": wang}


async def test_the_disabled_are_nobody(store: Store, clock: FakeClock) -> None:
    agent_id = await store.agents.add("li", "李雷", Role.AGENT, "h", {})
    await store.agents.grant(agent_id, "session", "secret", 60.0)
    await store.agents.present(agent_id, Presence.READY)
    await store.agents.change(agent_id, None, disabled_at=clock())
    assert await store.agents.holder("secret", "session") is None
    assert await store.agents.by_login("li") is None
    assert await store.agents.online() == []
    with pytest.raises(NotFound):
        await store.agents.get(agent_id)


async def test_the_latest_promotion_serves(store: Store, clock: FakeClock) -> None:
    assert await store.bundles.champion() is None
    await store.bundles.add("one", {"n": 1}, b"1")
    await store.bundles.add("two", {"n": 2}, b"2")
    await store.bundles.promote("one", None)
    clock.pass_(1)
    await store.bundles.promote("two", None)
    assert await store.bundles.champion() == "two"
    clock.pass_(1)
    await store.bundles.promote("one", None)
    assert await store.bundles.champion() == "one"
    assert await store.bundles.content("two") == b"2"
    with pytest.raises(NotFound):
        await store.bundles.promote("three", None)


async def test_a_database_that_is_away_is_temporary(tmp_path: Path) -> None:
    away = Database("postgresql+asyncpg://postgres@127.0.0.1:1/none")
    with pytest.raises(Temporary):
        async with away.write():
            pass
    await away.close()


async def test_file_blobs_are_found_by_content(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path)
    await blobs.put({"a" * 64: b"x"})
    await blobs.put({"a" * 64: b"x"})
    assert await blobs.get("a" * 64) == b"x"
    for bad in ("b" * 64, "../../etc/passwd"):
        with pytest.raises(NotFound):
            await blobs.get(bad)


def test_sealed_data_opens_only_with_its_key() -> None:
    vault = Vault(b"m" * 32)
    key, wrapped = vault.new_key(0)
    sealed = seal(key, b"secret")
    assert unseal(vault.unwrap(wrapped), sealed) == b"secret"
    with pytest.raises(Permanent):
        unseal(b"n" * 32, sealed)
    with pytest.raises(Permanent):
        Vault(b"x" * 32).unwrap(wrapped)
    with pytest.raises(ValueError, match="32"):
        Vault(b"short")


async def test_database_time_is_the_databases(url: str, tmp_path: Path) -> None:
    made = opened(url)
    first = await made.db.now()
    assert await made.db.now() >= first > 1_700_000_000
    await made.close()
