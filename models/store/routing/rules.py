"""Routing rules as numbered versions: drafts, what is published for whom, and the way back."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update

from models.errors import Conflict, NotFound
from models.routing import Line
from models.store.ground.database import Database, Fields, Tx
from models.store.ground.idempotency import Key, earlier, keep
from models.store.tickets.waiting import dump_needs
from models.tables import (
    agent,
    conversation,
    customer,
    rules_publication,
    rules_version,
    skill_class,
    ticket,
)

DRAFT, PUBLISHED, RETIRED = "draft", "published", "retired"


@dataclass(frozen=True, slots=True)
class Version:
    """One version. Its content never changes; an edit is a new draft."""

    number: int
    content: Mapping[str, Any]
    state: str
    based_on: int | None
    why: str
    created_at: float
    created_by: str | None
    rehearsal: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Seen:
    """What whoever drafts has looked at: the newest version, and the ids of what is in force."""

    version: int
    in_force: frozenset[str]


@dataclass(frozen=True, slots=True)
class Publication:
    """A version in force for a line of business from ``at`` until ``ended_at``."""

    id: str
    number: int
    line: Line
    why: str
    at: float
    by: str | None
    replaced: Sequence[str]
    rollback: bool
    ended_at: float | None
    ended_by: str | None


class RuleVersions:
    """Versions and publications; every change is audited."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def draft(
        self,
        content: Mapping[str, Any],
        by: str | None,
        why: str,
        based_on: int | None = None,
        key: Key | None = None,
        seen: Seen | None = None,
    ) -> int:
        """Keeps new content; returns its number. The same ``key`` again, of what there is.

        Raises:
            Conflict: the key was used for another request; or with ``seen``, somebody has
                drafted, published or rolled back since.
        """
        async with self._db.write() as tx:
            if (before := await earlier(tx, key)) is not None:
                return int(before)
            if seen is not None and seen != await _to_see(tx):
                raise Conflict("the rules have moved on; look at them again", code="rules_moved")
            number = await _draft(tx, content, by, why, based_on)
            await keep(tx, key, str(number))
        return number

    async def first(self, content: Mapping[str, Any], why: str) -> int | None:
        """Publishes ``content`` to all where there is no version yet; else returns None."""
        async with self._db.write() as tx:
            await tx.bump(_TURN, 1)
            known = select(rules_version.c.number).limit(1)
            if (await tx.conn.execute(known)).one_or_none() is not None:
                return None
            number = await _draft(tx, content, None, why, None)
            await _publish(tx, number, Line(), None, why, replaced=[], rollback=False)
        return number

    async def get(self, number: int) -> Version:
        """One version.

        Raises:
            NotFound: no such version.
        """
        query = select(rules_version).where(rules_version.c.number == number)
        row = await self._db.one(query, f"no rules version {number}")
        return Version(**row)

    async def all(self) -> list[Version]:
        """Every version, newest first."""
        query = select(rules_version).order_by(rules_version.c.number.desc())
        return [Version(**row) for row in await self._db.rows(query)]

    async def published(self) -> list[Publication]:
        """What is in force now, the newest first."""
        p = rules_publication.c
        async with self._db.read() as conn:
            return await _publications(conn, p.ended_at.is_(None))

    async def history(self) -> list[Publication]:
        """Every publication there was, the newest first."""
        async with self._db.read() as conn:
            return await _publications(conn)

    async def publish(self, number: int, line: Line, by: str | None, why: str) -> Publication:
        """Puts a version in force for a line of business, or for all of them.

        It replaces what was in force for the same line; published to all, everything.

        Raises:
            NotFound: no such version.
            Conflict: it is in force there already.
        """
        async with self._db.write() as tx:
            await tx.bump(_TURN, 1)
            exists = select(rules_version.c.number).where(rules_version.c.number == number)
            if (await tx.conn.execute(exists)).one_or_none() is None:
                raise NotFound(f"no rules version {number}")
            now = await _publications(tx.conn, rules_publication.c.ended_at.is_(None))
            ended = now if line.everything else [p for p in now if p.line == line]
            if [(p.number, p.line) for p in ended] == [(number, line)]:
                raise Conflict("this version is in force there already")
            await _end(tx, ended, by)
            made = await _publish(
                tx, number, line, by, why, replaced=[p.id for p in ended], rollback=False
            )
            await _retire(tx)
        return made

    async def rollback(
        self, line: Line, by: str | None, why: str, key: Key | None = None
    ) -> list[Publication]:
        """Takes the last publication for ``line`` back; returns what is in force again.

        A line of business without an earlier version of its own falls back to the general
        rules: then nothing is returned. The same ``key`` again goes no step further back, and
        returns what the first returned.

        Raises:
            Conflict: nothing was published there, there was nothing before it, or the key was
                used for another request.
        """
        async with self._db.write() as tx:
            if (ids := await earlier(tx, key)) is not None:
                return await _these(tx, json.loads(ids))
            await tx.bump(_TURN, 1)
            now = await _publications(tx.conn, rules_publication.c.ended_at.is_(None))
            last = next((p for p in now if p.line == line), None)
            if last is None:
                raise Conflict("nothing is published for this line of business")
            if line.everything and not last.replaced:
                raise Conflict("there is no version before this one")
            await _end(tx, [last], by)
            there = [p.line for p in now if p is not last]
            before = await _publications(tx.conn, rules_publication.c.id.in_(last.replaced))
            back = [
                await _publish(
                    tx, p.number, p.line, by, why, replaced=list(p.replaced), rollback=True
                )
                for p in reversed(before)
                if p.line not in there
            ]
            await _retire(tx)
            await keep(tx, key, json.dumps([one.id for one in back]))
        return back

    async def rehearsed(self, number: int, report: Mapping[str, Any], by: str | None) -> None:
        """Keeps the report of a version's last rehearsal.

        Raises:
            NotFound: no such version.
        """
        async with self._db.write() as tx:
            change = update(rules_version).where(rules_version.c.number == number)
            done = await tx.conn.execute(change.values(rehearsal=dict(report)))
            if done.rowcount == 0:
                raise NotFound(f"no rules version {number}")
            await tx.audit(by, "rules.rehearse", str(number))

    # -- waiting tickets under new rules -----------------------------------------------

    async def waiting(self, after: str, limit: int) -> list[dict[str, Any]]:
        """Tickets that wait with labels, by id: all that new rules look at."""
        t = ticket.c
        query = (
            select(ticket, customer.c.tier, conversation.c.account)
            .join(customer, customer.c.id == t.customer_id)
            .join(conversation, conversation.c.id == t.conversation_id)
            .where(
                t.state == "waiting", t.labels.is_not(None), t.target.is_not(None), t.id > after
            )
            .order_by(t.id)
            .limit(limit)
        )
        return await self._db.rows(query)

    async def rekey(self, changes: Sequence[Mapping[str, Any]]) -> int:
        """Writes what new rules make of waiting tickets, where their epoch is still ``was``.

        Each change has ``id``, ``was``, the ``needs`` of its class, and the columns to set;
        returns how many held.
        """
        t, held = ticket.c, 0
        classes = {c["needs"].skill_class: dump_needs(c["needs"]) for c in changes}
        async with self._db.write() as tx:
            for name, needs in sorted(classes.items()):
                named = tx.upsert(skill_class).values(name=name, needs=needs)
                await tx.conn.execute(named.on_conflict_do_nothing())
            for change in changes:
                values = {n: v for n, v in change.items() if n not in ("id", "was", "needs")}
                same = (t.id == change["id"]) & (t.epoch == change["was"]) & (t.state == "waiting")
                done = await tx.conn.execute(update(ticket).where(same).values(**values))
                held += done.rowcount
        return held


async def hand_over(tx: Tx, agent_id: str, to: str | None) -> int:
    """Customers of whom somebody who leaves is the named owner or backup: ``to`` is it now.

    Without them the next in the line is. Rules are not changed but published anew, wherever a
    version in force names the person; returns in how many tiers.
    """
    await tx.bump(_TURN, 1)
    a, v = agent.c, rules_version.c
    query = select(a.id, a.login).where(a.id.in_([agent_id, *([to] if to else [])]))
    logins = {row.id: row.login for row in await tx.conn.execute(query)}
    gone, heir = logins[agent_id], logins.get(to or "")
    tiers = 0
    for made in reversed(await _publications(tx.conn, rules_publication.c.ended_at.is_(None))):
        of = select(v.content).where(v.number == made.number)
        content: Mapping[str, Any] = (await tx.conn.execute(of)).scalar_one()
        named = content.get("tier_first", {})
        changed = {tier: _succeeded(names, gone, heir) for tier, names in named.items()}
        count = sum(gone in names for names in named.values())
        if count:
            why = f"{gone} 离岗 / {gone} has left"
            number = await _draft(tx, {**content, "tier_first": changed}, None, why, made.number)
            await _end(tx, [made], None)
            await _publish(tx, number, made.line, None, why, replaced=[made.id], rollback=False)
            tiers += count
    if tiers:
        await _retire(tx)
    return tiers


def _succeeded(names: Sequence[str], gone: str, heir: str | None) -> list[str]:
    """With the heir in the place of who is gone; nobody is named twice."""
    kept = [heir if name == gone else name for name in names]
    return [name for name in dict.fromkeys(kept) if name is not None]


_TURN = "rules_turn"
"""A counter row that whoever publishes locks: one at a time."""

_VERSIONS = "rules"
"""The counter row that numbers the versions; locked, no other can be drafted."""


async def _draft(
    tx: Tx, content: Mapping[str, Any], by: str | None, why: str, based_on: int | None
) -> int:
    number = await tx.bump(_VERSIONS, 1)
    row = {
        "number": number,
        "content": dict(content) | {"version": str(number)},
        "state": DRAFT,
        "based_on": based_on,
        "why": why,
        "created_at": tx.now,
        "created_by": by,
    }
    await tx.insert(rules_version, [row])
    await tx.audit(by, "rules.draft", str(number), why=why, based_on=based_on)
    return number


async def _to_see(tx: Tx) -> Seen:
    """What there is now, and stays so until this transaction ends."""
    await tx.bump(_TURN, 1)
    version = await tx.bump(_VERSIONS, 0)
    now = await _publications(tx.conn, rules_publication.c.ended_at.is_(None))
    return Seen(version, frozenset(made.id for made in now))


async def _publications(conn: Any, *where: Any) -> list[Publication]:
    p = rules_publication.c
    query = select(rules_publication).where(*where).order_by(p.id.desc())
    return [_publication(row) for row in (await conn.execute(query)).mappings()]


async def _these(tx: Tx, ids: Sequence[str]) -> list[Publication]:
    found = await _publications(tx.conn, rules_publication.c.id.in_(ids))
    return sorted(found, key=lambda one: ids.index(one.id))


def _publication(row: Fields) -> Publication:
    return Publication(**{**row, "line": Line.model_validate(row["line"])})


async def _publish(
    tx: Tx,
    number: int,
    line: Line,
    by: str | None,
    why: str,
    *,
    replaced: list[str],
    rollback: bool,
) -> Publication:
    row: dict[str, Any] = {
        "id": tx.new_id(),
        "number": number,
        "line": line.model_dump(mode="json"),
        "why": why,
        "at": tx.now,
        "by": by,
        "replaced": replaced,
        "rollback": rollback,
        "ended_at": None,
        "ended_by": None,
    }
    await tx.insert(rules_publication, [row])
    change = update(rules_version).where(rules_version.c.number == number)
    await tx.conn.execute(change.values(state=PUBLISHED))
    action = "rules.rollback" if rollback else "rules.publish"
    await tx.audit(by, action, str(number), why=why, line=row["line"])
    tx.emit("rules.published", number=number, line=row["line"])
    return _publication(row)


async def _end(tx: Tx, publications: Sequence[Publication], by: str | None) -> None:
    p = rules_publication.c
    for publication in publications:
        change = update(rules_publication).where(p.id == publication.id)
        await tx.conn.execute(change.values(ended_at=tx.now, ended_by=by))
        await tx.audit(by, "rules.end", str(publication.number), publication=publication.id)
        tx.emit("rules.ended", number=publication.number)


async def _retire(tx: Tx) -> None:
    """Versions that are in force nowhere any more."""
    p, v = rules_publication.c, rules_version.c
    in_force = select(p.number).where(p.ended_at.is_(None))
    gone = update(rules_version).where(v.state == PUBLISHED, v.number.not_in(in_force))
    await tx.conn.execute(gone.values(state=RETIRED))
