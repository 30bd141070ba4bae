"""The people at the desk: skills, capacity, presence, and how they prove who they are."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

from sqlalchemy import delete, false, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.agent import Agent, Presence, Role, at_most
from models.errors import Conflict, NotFound
from models.routing import AgentView
from models.store.ground.database import Database, Fields, Tx
from models.store.ground.locks import lock, lock_row
from models.store.routing.offboarding import (
    hand_over_all,
    keeping_an_admin,
    until_nothing_is_left,
)
from models.store.tickets.ownership import set_presence
from models.tables import agent, credential, ticket
from models.ticket import LOADED_STATES

Kind = Literal["session", "token"]
"""Of a credential: what signing in gives to a browser, or what a person makes for a program."""


class Holder(NamedTuple):
    """A person as far as their credential goes; one that is ``read_only`` changes nothing.

    ``last_used_at`` is what is known of a token's use (``ApiTokens``).
    """

    agent: Agent
    read_only: bool
    credential_id: str
    last_used_at: float | None


def token_hash(token: str) -> str:
    """What is stored of a session or API token; 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


class Agents:
    """Accounts, credentials and presence."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def add(
        self,
        login: str,
        name: str,
        role: Role,
        password: str,
        skills: Mapping[str, int],
        capacity: int = 6,
        by: str | None = None,
        *,
        password_due: bool = False,
    ) -> str:
        """Creates a person; ``password`` is already hashed (argon2id). Returns the id.

        ``by`` is the admin who does it, None who has a shell on this machine. ``password_due``:
        the person sets another one before anything else.

        Raises:
            Conflict: the login is taken.
        """
        async with self._db.write() as tx:
            agent_id = tx.new_id()
            statement = (
                tx.upsert(agent)
                .values(
                    id=agent_id,
                    login=login,
                    name=name,
                    role=role,
                    password=password,
                    password_due=password_due,
                    skills=dict(skills),
                    capacity=capacity,
                    created_at=tx.now,
                )
                .on_conflict_do_nothing()
            )
            if (await tx.conn.execute(statement)).rowcount == 0:
                raise Conflict(f"the login {login} is taken")
            await tx.audit(by, "agent.add", agent_id, login=login, role=role)
        return agent_id

    async def change(
        self, agent_id: str, by: str | None, *, known_by: str | None = None, **values: Any
    ) -> None:
        """Sets name, alias, role, team, password, skills, capacity or disabled_at.

        A new password ends the person's sessions and API tokens, and so does disabling them:
        whatever was taken with the old one must not outlive it. One that somebody else sets is
        theirs to change before anything else. What somebody has who is disabled goes to whoever
        comes next, as in ``Offboarding.leave``. ``known_by``: the hash of the password by which
        they were known just now.

        Raises:
            NotFound: no such person.
            Conflict: they have another password than that by now, or no admin would be left.
        """

        async def all_of_it(tx: Tx) -> None:
            if values.get("disabled_at") is not None:
                await _known(tx, agent_id)
                await hand_over_all(tx, agent_id, None)
            if known_by is not None:
                owner = await lock_row(tx, agent, agent_id, "no such agent")
                if owner["password"] != known_by:
                    raise Conflict("another password was set meanwhile")
            due = {"password_due": by != agent_id} if "password" in values else {}
            statement = update(agent).where(agent.c.id == agent_id).values(**values, **due)
            async with keeping_an_admin(tx, [agent_id], by):
                if (await tx.conn.execute(statement)).rowcount == 0:
                    raise NotFound("no such agent")
            # Behind the row's lock: who is signing in with the old password waits, and is refused.
            if "password" in values or values.get("disabled_at") is not None:
                theirs = delete(credential).where(credential.c.agent_id == agent_id)
                await tx.conn.execute(theirs)
            shown = {k: v for k, v in values.items() if k != "password"}
            await tx.audit(by, "agent.change", agent_id, fields=sorted(values), values=shown)
            tx.emit("agent.changed", agent=agent_id)

        await until_nothing_is_left(self._db, all_of_it)

    async def all(self) -> list[Agent]:
        """Everybody who is not disabled, by login."""
        query = select(agent).where(agent.c.disabled_at.is_(None)).order_by(agent.c.login)
        async with self._db.read() as conn:
            return [_agent(row) for row in (await conn.execute(query)).mappings()]

    async def left(self) -> list[Agent]:
        """Those who are disabled, who left last first."""
        a = agent.c
        query = select(agent).where(a.disabled_at.is_not(None))
        async with self._db.read() as conn:
            rows = await conn.execute(query.order_by(a.disabled_at.desc(), a.login))
            return [_agent(row) for row in rows.mappings()]

    async def names(self) -> dict[str, str]:
        """Everybody's name by id, also of those who have left."""
        async with self._db.read() as conn:
            return {
                row.id: row.name for row in await conn.execute(select(agent.c.id, agent.c.name))
            }

    async def get(self, agent_id: str) -> Agent:
        """One person.

        Raises:
            NotFound: no such person, or disabled.
        """
        query = select(agent).where(agent.c.id == agent_id, agent.c.disabled_at.is_(None))
        async with self._db.read() as conn:
            row = (await conn.execute(query)).mappings().one_or_none()
        if row is None:
            raise NotFound("no such agent")
        return _agent(row)

    async def by_login(self, login: str) -> tuple[Agent, str] | None:
        """A person and the password hash, for logging in."""
        query = select(agent).where(agent.c.login == login, agent.c.disabled_at.is_(None))
        async with self._db.read() as conn:
            row = (await conn.execute(query)).mappings().one_or_none()
        return (_agent(row), row["password"]) if row else None

    # -- credentials -------------------------------------------------------------------

    async def grant(
        self,
        agent_id: str,
        kind: Kind,
        token: str,
        seconds: float,
        name: str = "",
        *,
        role: Role | None = None,
        read_only: bool = False,
        password: str | None = None,
        second_factor_at: float | None = None,
        session: str | None = None,
    ) -> str:
        """Stores a session or API token (its hash); returns the credential's id.

        It may do no more than ``role`` may, whatever its owner becomes, and change nothing where
        it is ``read_only``. ``password``: the hash by which its owner was known, and
        ``second_factor_at`` since when they have what their code was of. ``session``: that in
        which an API token is made.

        Raises:
            NotFound: no such agent.
            Conflict: they are disabled, or have another password, or another second factor, or
                that session has ended by now.
        """
        async with self._db.write() as tx:
            # Whoever ends all that they have changes this row first: it is ended, or sees this.
            owner = await lock_row(tx, agent, agent_id, "no such agent")
            if owner["disabled_at"] is not None:
                raise Conflict("this account was disabled meanwhile")
            if session is not None and not await _holds(tx, agent_id, session):
                raise Conflict("this session has ended meanwhile")
            if password is not None:
                if owner["password"] != password:
                    raise Conflict("another password was set meanwhile")
                if owner["second_factor_at"] != second_factor_at:
                    raise Conflict("another second factor was set meanwhile")
            row = {
                "id": tx.new_id(),
                "agent_id": agent_id,
                "kind": kind,
                "name": name,
                "hash": token_hash(token),
                "created_at": tx.now,
                "expires_at": tx.now + seconds,
                "role": role,
                "read_only": read_only,
                "second_factor": second_factor_at is not None,
            }
            await tx.insert(credential, [row])
            limits = {"role": role, "read_only": read_only or None}
            told = {name: value for name, value in limits.items() if value is not None}
            await tx.audit(agent_id, f"{kind}.grant", str(row["id"]), name=name, **told)
        return str(row["id"])

    async def holder(self, token: str, kind: Kind) -> Holder | None:
        """Whose valid session or API token this is; one is never taken for the other.

        The person has the role that the credential leaves them. Where they have a second factor,
        a session that was begun without counts for nothing: an older program may have begun it.
        """
        now = await self._db.now()
        c = credential.c
        query = (
            select(
                agent,
                c.role.label("most"),
                c.read_only,
                c.id.label("credential_id"),
                c.last_used_at,
            )
            .join(credential, c.agent_id == agent.c.id)
            .where(
                c.hash == token_hash(token),
                c.kind == kind,
                c.expires_at > now,
                agent.c.disabled_at.is_(None),
                or_(c.kind == "token", c.second_factor, agent.c.second_factor_at.is_(None)),
            )
        )
        async with self._db.read() as conn:
            row = (await conn.execute(query)).mappings().one_or_none()
        if row is None:
            return None
        found, limit = _agent(row), row["most"]
        role = at_most(found.role, Role(limit) if limit else None)
        holder = replace(found, role=role)
        return Holder(holder, bool(row["read_only"]), row["credential_id"], row["last_used_at"])

    async def revoke(self, token: str) -> None:
        """Ends a session or token; one that is unknown is ended already."""
        c = credential.c
        async with self._db.write() as tx:
            gone = delete(credential).where(c.hash == token_hash(token))
            ended = await tx.conn.execute(gone.returning(c.id, c.agent_id, c.kind))
            for row in ended.all():
                action = "session.end" if row.kind == "session" else "token.revoke"
                await tx.audit(row.agent_id, action, row.id)

    async def forget_credentials(self) -> int:
        """Drops sessions and tokens that have run out; returns how many."""
        async with self._db.write() as tx:
            gone = delete(credential).where(credential.c.expires_at < tx.now)
            return (await tx.conn.execute(gone)).rowcount

    # -- presence ----------------------------------------------------------------------

    async def present(self, agent_id: str, presence: Presence) -> None:
        """Sets a person's presence, and counts as a heartbeat.

        Who is ready after the end of their shift has begun another one: yesterday's end would
        send them home again within seconds, every day.
        """
        a = agent.c
        async with self._db.write() as tx:
            beat = update(agent).where(a.id == agent_id).values(heartbeat_at=tx.now)
            await tx.conn.execute(beat)
            if presence == Presence.READY:
                over = update(agent).where(a.id == agent_id, a.shift_ends_at <= tx.now)
                await tx.conn.execute(over.values(shift_ends_at=None))
            await set_presence(tx, agent_id, presence)

    async def beat(self, agent_ids: Sequence[str]) -> None:
        """These people's desks are connected."""
        if not agent_ids:
            return
        async with self._db.write() as tx:
            await lock(tx, agent, agent_ids)
            beat = update(agent).where(agent.c.id.in_(agent_ids))
            await tx.conn.execute(beat.values(heartbeat_at=tx.now))

    async def online(self) -> list[AgentView]:
        """Everybody who is not offline, as the router sees them (flexibility aside)."""
        a = agent.c
        query = (
            select(a.id, a.skills, a.capacity, a.used, a.presence, a.idle_since)
            .where(a.presence != Presence.OFFLINE, a.disabled_at.is_(None))
            .order_by(a.id)
        )

        async def found(conn: AsyncConnection) -> list[AgentView]:
            return [
                AgentView(
                    agent_id=row.id,
                    skills=row.skills,
                    capacity=row.capacity,
                    used=row.used,
                    ready=row.presence == Presence.READY,
                    idle_since=row.idle_since,
                )
                for row in await conn.execute(query)
            ]

        return await self._db.look(found)

    async def overstay(self, limits: Mapping[str, float], back: Collection[str]) -> list[str]:
        """Tells, once, of people who are in a presence for longer than its limit in seconds.

        Those of the presences ``back`` become ready instead; returns their ids. Nobody whose
        shift is over is made ready.
        """
        if not limits:
            return []
        a = agent.c
        readied = []
        async with self._db.write() as tx:
            long = or_(
                *(
                    (a.presence == presence) & (a.presence_at <= tx.now - seconds)
                    for presence, seconds in limits.items()
                )
            )
            over = (a.shift_ends_at.is_not(None)) & (a.shift_ends_at <= tx.now)
            query = select(a.id, a.presence, a.presence_at).where(
                long, a.overstay_at.is_(None), ~func.coalesce(over, false())
            )
            rows = (
                await tx.conn.execute(query.order_by(a.id).with_for_update(key_share=True))
            ).all()
            for row in rows:
                if row.presence in back:
                    await set_presence(tx, row.id, Presence.READY)
                    readied.append(row.id)
                    continue
                told = update(agent).where(a.id == row.id).values(overstay_at=tx.now)
                await tx.conn.execute(told)
                tx.emit(
                    "agent.overstayed",
                    agent=row.id,
                    presence=row.presence,
                    seconds=round(tx.now - row.presence_at),
                )
        return readied

    async def end_shifts(self) -> list[str]:
        """Who is past the end of their shift gets no more; with empty hands they go offline.

        Returns the ids of those whose presence changed.
        """
        a = agent.c
        changed = []
        async with self._db.write() as tx:
            query = (
                select(a.id, a.presence, a.used)
                .where(a.shift_ends_at <= tx.now, a.presence != Presence.OFFLINE)
                .order_by(a.id)
                .with_for_update(key_share=True)
            )
            for row in (await tx.conn.execute(query)).all():
                then = Presence.WRAP_UP if row.used else Presence.OFFLINE
                if row.presence != then:
                    await set_presence(tx, row.id, then)
                    changed.append(row.id)
        return changed

    async def interruptible(self, lanes: Sequence[str]) -> dict[str, int]:
        """Ready people to the units that setting one item of these lanes aside would free.

        Who has an urgent ticket already is left to it.
        """
        a, t = agent.c, ticket.c
        urgent = select(t.owner_id).where(
            t.state.in_(sorted(LOADED_STATES)), t.interrupts, t.owner_id.is_not(None)
        )
        ready = select(a.id).where(a.presence == Presence.READY, a.disabled_at.is_(None))
        query = (
            select(t.owner_id, func.max(t.units).label("units"))
            .where(
                t.owner_id.in_(ready),
                t.state == "active",
                t.lane.in_(lanes),
                t.owner_id.not_in(urgent),
            )
            .group_by(t.owner_id)
        )

        async def found(conn: AsyncConnection) -> dict[str, int]:
            return {row.owner_id: row.units for row in await conn.execute(query)}

        return await self._db.look(found)


async def _holds(tx: Tx, agent_id: str, session: str) -> bool:
    c = credential.c
    this = (c.hash == token_hash(session)) & (c.kind == "session") & (c.agent_id == agent_id)
    query = select(c.id).where(this, c.expires_at > tx.now)
    return (await tx.conn.execute(query)).first() is not None


async def _known(tx: Tx, agent_id: str) -> None:
    """Before anything is done to them; without a lock: tickets are locked before people."""
    query = select(agent.c.id).where(agent.c.id == agent_id)
    if (await tx.conn.execute(query)).first() is None:
        raise NotFound("no such agent")


def _agent(row: Fields) -> Agent:
    return Agent(
        id=row["id"],
        login=row["login"],
        name=row["name"],
        role=Role(row["role"]),
        presence=Presence(row["presence"]),
        capacity=row["capacity"],
        team=row["team"],
        alias=row["alias"] or "",
        used=row["used"],
        skills=row["skills"],
        shift_ends_at=row["shift_ends_at"],
        second_factor_at=row["second_factor_at"],
        password_due=bool(row["password_due"]),
    )
