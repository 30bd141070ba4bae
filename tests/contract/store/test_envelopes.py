"""Acknowledged means stored; leased means by one; nothing is parked for another's fault."""

import asyncio
import hashlib
from importlib import import_module
from typing import Any

import pytest
from sqlalchemy import text

from models.errors import Conflict, NotFound, Temporary
from models.message import Lane
from models.store import Store
from models.store.intake import envelopes
from models.store.intake.envelopes import INLINE_BYTES, PATIENCE_SECONDS, finish
from tests.contract.store.makers import envelope, leased, opened, thread
from tests.contract.store.plans import watched
from tests.fakes import FakeClock


async def test_the_same_key_with_the_same_body_is_known_and_with_another_a_conflict(
    store: Store,
) -> None:
    first = envelope("k", b"one")
    (new,) = await store.envelopes.accept([first])
    (known,) = await store.envelopes.accept([envelope("k", b"one")])
    (conflict,) = await store.envelopes.accept([envelope("k", b"two")])
    assert (new.outcome, known.outcome, conflict.outcome) == ("new", "known", "conflict")
    assert {new.envelope_id, known.envelope_id, conflict.envelope_id} == {first.id}
    assert (await store.envelopes.get(first.id)).body == b"one"


async def test_a_name_is_one_messages_whatever_the_key(store: Store) -> None:
    first = envelope("k1", b"one", name="0:m")
    await store.envelopes.accept([first])
    again, other = envelope("k2", b"one", name="0:m"), envelope("k3", b"two", name="0:m")
    nameless, elsewhere = envelope("k4", b"two"), envelope("k5", b"two", name="0:m", account="b")
    receipts = await store.envelopes.accept([again, other, nameless, elsewhere, envelope("k6")])
    assert [r.outcome for r in receipts] == ["known", "taken", "new", "new", "new"]
    assert {r.envelope_id for r in receipts[:2]} == {first.id}
    (key_first,) = await store.envelopes.accept([envelope("k1", b"two", name="0:m")])
    assert key_first.outcome == "conflict"
    assert (await store.envelopes.backlog())["live"] == 4


async def test_of_racing_envelopes_of_one_name_one_is_stored(store: Store) -> None:
    racing = [envelope(f"k{i}", b"body %d" % i, name="0:m") for i in range(8)]
    told = await asyncio.gather(*(store.envelopes.accept([e]) for e in racing))
    assert sorted(r.outcome for (r,) in told) == ["new", *["taken"] * 7]
    assert len({r.envelope_id for (r,) in told}) == 1
    twins = [envelope(f"t{i}", b"body %d" % i, name="0:n") for i in range(2)]
    assert [r.outcome for r in await store.envelopes.accept(twins)] == ["new", "taken"]


async def test_what_came_before_there_were_names_has_kept_its_own(store: Store) -> None:
    before = [envelope("m1", channel="ingest"), envelope("m2", b"change", channel="ingest")]
    await thread(store, before[0])
    await thread(store, before[1], external_id="m1", kind="edit", revision=3)
    migration = import_module("models.migrations.versions.0021_names_of_messages")
    async with store.db.write() as tx:
        await tx.conn.execute(text(migration._NAMES))
    same = [envelope("n1", b"x", channel="ingest", name="0:m1")]
    same += [envelope("n2", b"x", channel="ingest", name="3:m1")]
    told = await store.envelopes.accept(same)
    assert told == [(e.id, "taken") for e in before]


async def test_twins_in_one_commit_are_one(store: Store) -> None:
    a, b = envelope("k"), envelope("k")
    receipts = await store.envelopes.accept([a, b])
    assert [r.outcome for r in receipts] == ["new", "known"]
    assert receipts[0].envelope_id == receipts[1].envelope_id == a.id


async def test_keys_are_apart_by_channel_and_account(store: Store) -> None:
    others = [envelope("k"), envelope("k", channel="email"), envelope("k", account="other")]
    assert {r.outcome for r in await store.envelopes.accept(others)} == {"new"}


async def test_a_large_body_comes_back_whole(store: Store) -> None:
    e = envelope("k", b"x" * (INLINE_BYTES + 1))
    await store.envelopes.accept([e])
    assert (await leased(store)).envelopes[0].body == e.body


async def test_parallel_accepts_lose_and_double_nothing(store: Store) -> None:
    async def client(i: int) -> None:
        await store.envelopes.accept([envelope(f"k{j}") for j in range(i, i + 4)])

    await asyncio.gather(*(client(i) for i in range(12)))
    assert (await store.envelopes.backlog())["live"] == 15


async def test_a_lease_is_one_workers_until_it_runs_out(store: Store, clock: FakeClock) -> None:
    await store.envelopes.accept([envelope("a"), envelope("b")])
    mine = await leased(store)
    assert len(mine.envelopes) == 2
    assert not mine.alone
    assert await store.envelopes.lease(Lane.LIVE, 128, 30.0) is None
    clock.pass_(31)
    assert await store.envelopes.expire(3) == 2
    again = await leased(store)
    assert again.alone
    assert len(again.envelopes) == 1
    async with store.db.write() as tx:
        with pytest.raises(Conflict):
            await finish(tx, mine.token, [e.id for e in mine.envelopes])


async def test_a_dead_worker_charges_only_what_ran_alone(store: Store, clock: FakeClock) -> None:
    await store.envelopes.accept([envelope("a")])
    for _ in range(3):  # first as a batch, then alone twice
        await leased(store)
        clock.pass_(31)
        await store.envelopes.expire(3)
    assert (await store.envelopes.backlog())["live"] == 1
    await leased(store)
    clock.pass_(31)
    await store.envelopes.expire(3)
    (parked,) = await store.envelopes.parked()
    assert parked.attempts == 3
    assert "died" in parked.error


async def test_a_failing_batch_is_tried_one_by_one_and_only_the_culprit_is_parked(
    store: Store, clock: FakeClock
) -> None:
    good, bad = envelope("good"), envelope("bad")
    await store.envelopes.accept([good, bad])
    await store.envelopes.fail(await leased(store), "boom", 3, 1.0)
    for _ in range(8):
        clock.pass_(2)
        lease = await store.envelopes.lease(Lane.LIVE, 128, 30.0)
        if lease is None:
            break
        assert lease.alone
        if lease.envelopes[0].id == good.id:
            async with store.db.write() as tx:
                await finish(tx, lease.token, [good.id])
        else:
            await store.envelopes.fail(lease, "boom", 3, 1.0)
    (parked,) = await store.envelopes.parked()
    assert (parked.id, parked.attempts, parked.error) == (bad.id, 3, "boom")
    assert await store.envelopes.replay([bad.id]) == 1
    assert (await leased(store)).envelopes[0].id == bad.id
    assert await store.envelopes.parked() == []


async def test_given_back_without_blame(store: Store) -> None:
    await store.envelopes.accept([envelope("a")])
    await store.envelopes.give_back((await leased(store)).token)
    assert not (await leased(store)).alone


async def test_a_batch_ends_with_what_is_large_enough_and_the_rest_is_anybodys(
    store: Store,
) -> None:
    mails = sorted(
        (envelope(f"k{i}", b"%d" % i * 300_000) for i in range(3)), key=lambda one: one.id
    )
    await store.envelopes.accept(mails)
    first = await store.envelopes.lease(Lane.LIVE, 10, 30.0, 500_000)
    second = await store.envelopes.lease(Lane.LIVE, 10, 30.0, 500_000)
    assert first
    assert second
    assert [e.id for e in first.envelopes] == [e.id for e in mails[:2]]
    assert ([e.id for e in second.envelopes], second.alone) == ([mails[2].id], False)
    assert await store.envelopes.lease(Lane.LIVE, 10, 30.0, 500_000) is None


async def test_what_is_larger_than_a_batch_may_be_is_one(store: Store) -> None:
    await store.envelopes.accept([envelope("k", b"x" * 300_000)])
    whole = await store.envelopes.lease(Lane.LIVE, 10, 30.0, 1000)
    assert whole
    assert len(whole.envelopes) == 1


async def test_lanes_are_apart(store: Store) -> None:
    mail, chat = envelope("m", lane=Lane.MAIL), envelope("c")
    await store.envelopes.accept([mail, chat])
    assert [e.id for e in (await leased(store)).envelopes] == [chat.id]
    assert [e.id for e in (await leased(store, Lane.MAIL)).envelopes] == [mail.id]


async def test_unknown_envelope(store: Store) -> None:
    with pytest.raises(NotFound):
        await store.envelopes.get("nope")


async def test_a_body_that_has_gone_parks_its_envelope_and_no_other(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = b"x" * (INLINE_BYTES + 1)
    await store.envelopes.accept([envelope("gone", big), envelope("good")])
    with monkeypatch.context() as patch:

        async def missing(_: object, sha256: str) -> bytes:
            raise NotFound(f"no blob {sha256}")

        patch.setattr(type(store.blobs), "get", missing)
        lease = await leased(store)
        assert [e.dedupe_key for e in lease.envelopes] == ["good"]
        assert await store.envelopes.lease(Lane.LIVE, 5, 30.0) is None
    (parked,) = await store.envelopes.parked()
    assert parked.error.startswith("no blob")
    assert await store.envelopes.replay() == 1
    assert (await leased(store)).envelopes[0].body == big


async def test_many_bodies_that_have_gone_are_parked_and_the_rest_leased_together(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of blobs was not restored: nobody tries them one by one, or runs out of stack."""
    monkeypatch.setattr(envelopes, "INLINE_BYTES", 1)
    keys = [f"k{n:03}" for n in range(300)]
    await store.envelopes.accept([envelope(key, key.encode()) for key in [*keys, "good"]])
    good = hashlib.sha256(b"good").hexdigest()
    there = type(store.blobs).get

    async def missing(blobs: Any, sha256: str) -> bytes:
        if sha256 != good:
            raise NotFound(f"no blob {sha256}")
        return await there(blobs, sha256)

    monkeypatch.setattr(type(store.blobs), "get", missing)
    lease = await leased(store)
    assert ([e.dedupe_key for e in lease.envelopes], lease.alone) == (["good"], False)
    assert await store.envelopes.lease(Lane.LIVE, 128, 30.0) is None
    parked = await store.envelopes.parked(limit=500)
    assert len(parked) == len({one.error for one in parked}) == len(keys)


async def test_bodies_out_of_reach_give_the_lease_back(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.envelopes.accept([envelope("a", b"x" * (INLINE_BYTES + 1))])

    async def away(_: object, __: str) -> bytes:
        raise Temporary("away")

    with monkeypatch.context() as patch:
        patch.setattr(type(store.blobs), "get", away)
        with pytest.raises(Temporary):
            await store.envelopes.lease(Lane.LIVE, 5, 30.0)
    assert len((await leased(store)).envelopes) == 1


async def test_in_a_flood_a_suspect_waits_some_seconds_and_takes_turns_with_the_healthy(
    store: Store, clock: FakeClock
) -> None:
    doubted = sorted((envelope(f"s{i}") for i in range(3)), key=lambda one: one.id)
    await store.envelopes.accept(doubted)
    await store.envelopes.fail(await leased(store), "boom", 3, 1.0)
    healthy = sorted((envelope(f"h{i}") for i in range(10)), key=lambda one: one.id)
    await store.envelopes.accept(healthy)

    async def taken() -> tuple[bool, list[str]]:
        lease = await store.envelopes.lease(Lane.LIVE, 2, 30.0)
        assert lease
        return lease.alone, [e.id for e in lease.envelopes]

    clock.pass_(PATIENCE_SECONDS - 0.5)
    assert await taken() == (False, [e.id for e in healthy[:2]])
    clock.pass_(0.5)
    order = [await taken() for _ in range(4)]
    assert order == [
        (True, [doubted[0].id]),
        (False, [e.id for e in healthy[2:4]]),
        (True, [doubted[1].id]),
        (False, [e.id for e in healthy[4:6]]),
    ]


@pytest.mark.parametrize("killed", [False, True])
async def test_who_was_tried_alone_in_a_flood_goes_behind_it_again(
    store: Store, clock: FakeClock, killed: bool
) -> None:
    bad = envelope("bad")
    await store.envelopes.accept([bad])
    await store.envelopes.fail(await leased(store), "boom", 3, 1.0)
    await store.envelopes.accept([envelope(f"h{i}") for i in range(20)])
    clock.pass_(PATIENCE_SECONDS)
    lease = await leased(store)
    assert [e.id for e in lease.envelopes] == [bad.id]
    if killed:
        clock.pass_(31)
        assert await store.envelopes.expire(3) == 1
    else:
        await store.envelopes.fail(lease, "boom", 3, 1.0)
    clock.pass_(PATIENCE_SECONDS - 0.5)
    for _ in range(3):
        healthy = await store.envelopes.lease(Lane.LIVE, 1, 30.0)
        assert healthy
        assert not healthy.alone


@pytest.mark.unused_database
async def test_a_plan_for_any_value_reads_what_waits_and_no_more(
    migrated_postgres_url: str,
) -> None:
    """PostgreSQL may plan a statement once for all values; a state it does not know fits none."""
    store = opened(migrated_postgres_url)
    await store.envelopes.accept([envelope("a")])
    async with watched(store.db) as asked:
        assert (await leased(store)).envelopes
    (look,) = [statement for statement in asked.statements if "SKIP LOCKED" in statement]
    values = ", ".join(repr(value) for value in asked.statements[look])
    async with store.db.write() as tx:
        await tx.conn.execute(text("SET LOCAL plan_cache_mode = force_generic_plan"))
        await tx.conn.execute(text("SET LOCAL enable_seqscan = off"))
        await tx.conn.exec_driver_sql(f"PREPARE look AS {look}")
        plan = await tx.conn.exec_driver_sql(f"EXPLAIN EXECUTE look({values})")
        used = {line.split(" using ")[1].split()[0] for (line,) in plan if " using " in line}
        await tx.conn.exec_driver_sql("DEALLOCATE look")
    await store.close()
    assert used == {"ix_envelope_todo"}
