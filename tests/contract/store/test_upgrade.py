"""A database that an older or a newer program left, on both databases."""

from collections.abc import AsyncIterator, Mapping
from importlib import import_module
from typing import Any

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection, insert, select, text, update

from config.settings import load
from models import migrations
from models.errors import Permanent
from models.events import STATE_CHANGES
from models.migrations import check, migrate
from models.search_terms import question
from models.store import Store
from models.store.ground.database import Database, Tx
from models.store.tickets.search_index import INDEXING
from models.tables import clock as clock_table
from models.tables import conversation, customer, envelope, event, identity, message
from models.ticket import TicketState
from tests.contract.store.makers import follow, in_hands, owned, waiting
from tests.contract.store.upgrading import FIRST, schema_at
from tests.fakes import FakeClock
from workers.assembly.automation import make_followers

OWNER, OTHER = "a" * 36, "b" * 36

TOLD_AT_FIRST: list[tuple[str, str | None, Mapping[str, Any]]] = [
    ("ticket.created", None, {"number": "1", "state": "new"}),
    ("ticket.queued", None, {"number": "1", "skill_class": "", "abstained": False, "labels": {}}),
    ("ticket.assigned", OWNER, {"number": "1", "state": "offered"}),
    ("ticket.requeued", OWNER, {"number": "1", "outcome": "declined"}),
    ("ticket.assigned", OTHER, {"number": "1", "state": "active"}),
    ("ticket.moved", OTHER, {"number": "1", "before": "active", "state": "resolved"}),
    ("ticket.returned", OTHER, {}),
]
"""A ticket's life in the words of the first version."""


SAID_AT_FIRST = {
    "ticket.created": {"number", "state"},
    "ticket.queued": {"number", "skill_class", "abstained", "labels"},
    "ticket.assigned": {"number", "state"},
    "ticket.requeued": {"number", "outcome"},
    "ticket.moved": {"number", "before", "state"},
}


@pytest.fixture
async def db(empty_url: str, clock: FakeClock) -> AsyncIterator[Database]:
    made = Database(empty_url, clock=clock)
    yield made
    await made.close()


def _again(connection: Connection) -> None:
    """Only the step that mends events, on today's schema."""
    with Operations.context(MigrationContext.configure(connection)):
        import_module("models.migrations.versions.0022_what_older_events_left_out").upgrade()


def _four(data: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(data[key] for key in ("before", "state", "owner", "former"))


_ALL_MOVES = (
    select(event.c.seq, event.c.kind, event.c.data)
    .where(event.c.kind.in_(STATE_CHANGES))
    .order_by(event.c.seq)
)


async def _moves(db: Database) -> list[Mapping[str, Any]]:
    async with db.read() as conn:
        return [data for _, _, data in await conn.execute(_ALL_MOVES)]


@pytest.fixture
async def first(db: Database) -> Database:
    """A database of the first version with a ticket's events, and today's schema since."""
    await schema_at(db, FIRST)
    async with db.write() as tx:
        rows = [
            {"seq": seq, "at": tx.now, "kind": kind, "ticket_id": "t" * 36, "agent_id": who,
             "conversation_id": None, "data": data}
            for seq, (kind, who, data) in enumerate(TOLD_AT_FIRST, 1)
        ]  # fmt: skip
        await tx.conn.execute(insert(event), rows)
    await migrate(db)
    return db


async def test_events_of_the_first_version_tell_what_those_of_today_tell(first: Database) -> None:
    told = await _moves(first)
    assert [_four(data) for data in told] == [
        (None, "new", None, None),
        ("new", "waiting", None, None),
        ("waiting", "offered", OWNER, None),
        ("offered", "waiting", None, OWNER),
        ("waiting", "active", OTHER, None),
        ("active", "resolved", OTHER, None),
        ("resolved", "waiting", None, OTHER),
    ]
    assert told[3]["outcome"] == "declined"


async def test_whoever_follows_gets_through_the_events_of_the_first_version(store: Store) -> None:
    """The same words as today's, of a life that was really led, and nobody stumbles over them."""
    ticket_id, agent_id = await owned(store)
    await store.tickets.release(ticket_id, agent_id, None, "")
    await store.tickets.take(ticket_id, agent_id)
    await store.tickets.move(ticket_id, agent_id, TicketState.PENDING)
    await store.tickets.move(ticket_id, agent_id, TicketState.RESOLVED)
    today = await _moves(store.db)
    async with store.db.write() as tx:
        for seq, kind, data in (await tx.conn.execute(_ALL_MOVES)).all():
            old = {key: data[key] for key in (SAID_AT_FIRST[kind] & data.keys())}
            await tx.conn.execute(update(event).where(event.c.seq == seq).values(data=old))
    assert await _moves(store.db) != today
    async with store.db.write() as tx:
        await tx.conn.run_sync(_again)
    assert [_four(data) for data in await _moves(store.db)] == [_four(data) for data in today]
    followers = make_followers(load(environ={}))
    await store.followers.catch_up(followers, await store.events.last())


async def _said(tx: Tx, facts: Mapping[str, Mapping[str, str]]) -> None:
    """Mails of one conversation, as they were stored before they were found by their names."""
    at, one = {"id": "1", "created_at": tx.now}, {"channel": "email", "account": "service"}
    await tx.conn.execute(insert(customer), [at])
    lookup = {"customer_id": "1", "channel": "email", "lookup": "x", "sealed": b""}
    await tx.conn.execute(insert(identity), [at | lookup])
    came = {"id": "1", "received_at": tx.now, "body_sha256": "", "transport": {}, "lane": 1}
    await tx.conn.execute(insert(envelope), [one | came | {"dedupe_key": "x"}])
    await tx.conn.execute(insert(conversation), [at | one | {"key": "x", "identity_id": "1"}])
    empty = dict.fromkeys(("subject", "text", "text_full", "lang", "auto", "order_key"), "")
    row = empty | one | {"conversation_id": "1", "identity_id": "1", "envelope_id": "1"}
    row |= {"kind": "message", "revision": 0, "parser_version": 1, "received_at": tx.now}
    row |= {"trust": {}, "attachments": []}  # type: ignore[dict-item]
    rows = [
        row | {"id": name, "external_id": name, "seq": seq, "meta": meta}
        for seq, (name, meta) in enumerate(facts.items(), 1)
    ]
    await tx.conn.execute(insert(message), rows)


async def test_mails_of_before_are_found_by_their_names(db: Database) -> None:
    """What their sender adds after the upgrade goes where they went."""
    await schema_at(db, "0026")
    said = {"a": {"message_id": "用户1@x.example"}, "b": {}, "c": {"message_id": "m" * 300}}
    async with db.write() as tx:
        await _said(tx, said)
    await migrate(db)
    m = message.c
    async with db.read() as conn:
        names = (await conn.execute(select(m.external_id, m.known_as))).all()
    assert dict(map(tuple, names)) == {"a": "用户1@x.example", "b": None, "c": None}


async def test_a_newer_schema_is_refused_and_not_to_be_migrated(db: Database) -> None:
    await migrate(db)
    async with db.write() as tx:
        await tx.conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for step in (check(db), migrate(db)):
        with pytest.raises(Permanent, match="newer than the"):
            await step


async def test_a_database_that_lacks_something_is_not_called_up_to_date(db: Database) -> None:
    await schema_at(db, FIRST)
    async with db.write() as tx:
        head = {"head": migrations.head()}
        await tx.conn.execute(text("UPDATE alembic_version SET version_num = :head"), head)
    with pytest.raises(Permanent, match=r"lacks .*master_key.*process"):
        await migrate(db)


async def test_a_schema_that_was_never_released_is_no_database_that_is_away(db: Database) -> None:
    """Development has renumbered its steps: a database of then stumbles half-way."""
    await schema_at(db, FIRST)
    async with db.write() as tx:
        await tx.conn.execute(text("CREATE TABLE process (id INTEGER)"))
    with pytest.raises(Permanent, match=rf"at {FIRST}, and is not \(.*never released"):
        await migrate(db)
    with pytest.raises(Permanent, match=f"is at {FIRST}, this program needs"):
        await check(db)


def _before_the_search(connection: Connection) -> None:
    """The step that makes it, on a database that has tickets and does not know it yet."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("DROP TABLE search_fts")
    connection.exec_driver_sql("DROP TABLE search_entry")
    with Operations.context(MigrationContext.configure(connection)):
        import_module("models.migrations.versions.0032_what_tickets_are_found_by").upgrade()


async def test_tickets_of_before_are_found_by_and_by(store: Store) -> None:
    old = [await waiting(store, f"k{n}", text="电视机坏了") for n in range(3)]
    async with store.db.write() as tx:
        await tx.conn.run_sync(_before_the_search)
        await tx.conn.execute(text("DELETE FROM event"))  # the log forgets
    assert await store.search_index.due() == 3
    asked = question("电视机")
    for done in range(1, 4):
        assert await store.search_index.fill(1) == 1
        found = await store.search.candidates(asked, None, 10)
        # The newest first, for those are looked for.
        assert [one.ticket_id for one in found] == old[::-1][:done]
    assert await store.search_index.fill(1) == 0


async def test_what_was_found_by_words_as_they_stood_is_read_anew(store: Store) -> None:
    await waiting(store)
    await follow(store, INDEXING)
    assert await store.search_index.fill(10) == 1
    assert await store.search_index.due() == 0
    async with store.db.write() as tx:
        await tx.conn.run_sync(_whole_words)
    assert await store.search_index.due() == 1
    assert await store.search_index.fill(10) == 1


def _whole_words(connection: Connection) -> None:
    with Operations.context(MigrationContext.configure(connection)):
        import_module("models.migrations.versions.0033_words_are_found_in_any_form").upgrade()


def _before_late_answers_were_told_from_none(connection: Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE clock DROP COLUMN lapsed")
    with Operations.context(MigrationContext.configure(connection)):
        import_module("models.migrations.versions.0039_answers_that_never_came").upgrade()


async def test_answers_of_before_that_never_came_are_told_from_late_ones(
    store: Store, clock: FakeClock
) -> None:
    never, person = await owned(store)
    late = await in_hands(store, await waiting(store, "k2"), "wang")
    (other,) = [t.id for t in await store.tickets.of_owner(late)]
    clock.pass_(600)
    await store.tickets.move(never, person, TicketState.RESOLVED)
    await store.tickets.reply(other, late, "您好", "c1", TicketState.ACTIVE)
    facts = dict.fromkeys(("channel", "account", "lane", "tier", "domain", "type", "urgency"), "")
    run = facts | {"hours": "natural", "target": 300.0, "started_at": clock() - 600}
    stopped = {"stopped_at": clock(), "breached_at": clock() - 300, "outcome": "missed"}
    ids = {"never": never, "late": other}
    async with store.db.write() as tx:
        await tx.insert(clock_table, [
            run | stopped | {"id": name, "ticket_id": ticket_id, "kind": "first_answer"}
            for name, ticket_id in ids.items()
        ])  # fmt: skip
    clock.pass_(60)
    await store.tickets.move(other, late, TicketState.RESOLVED)
    async with store.db.write() as tx:
        await tx.conn.run_sync(_before_late_answers_were_told_from_none)
    found = {name: (await store.clocks.of(ticket_id))[0].lapsed for name, ticket_id in ids.items()}
    assert found == {"never": True, "late": False}
