"""Many people at once: what a file adds and changes, all of it or nothing."""

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import select

from models.agent import Role
from models.errors import Conflict
from models.store.ground.database import Database, Tx
from models.store.ground.idempotency import Key, earlier, found, keep
from models.store.ground.locks import lock_rows
from models.store.ground.sealing import Vault
from models.store.routing.offboarding import keeping_an_admin
from models.tables import agent

TOLD_AGAIN_SECONDS = 3600.0
"""For how long who did not get the answer is told the initial passwords again."""


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody to be added; ``password`` is already hashed (argon2id)."""

    login: str
    name: str
    password: str
    role: Role = Role.AGENT
    alias: str = ""
    team: str = ""
    capacity: int = 6
    skills: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Changed:
    """Who is there and becomes otherwise; ``before`` is what was seen under the same names."""

    agent_id: str
    before: Mapping[str, Any]
    values: Mapping[str, Any]


class Brought(NamedTuple):
    """What a list has done: the logins of those it added, and how many it changed.

    Who has set a password of their own since, or has left, is not among them.
    """

    added: frozenset[str]
    changed: int


class Staffing:
    """Adding and changing people by the list."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db = db
        self._vault = vault

    def seed(self, key: Key) -> bytes:
        """What initial passwords are made of, the same whenever a request comes again.

        They need not be kept for that, and neither the request nor the database tells them.
        """
        told = f"{key.agent_id} {key.client_id} {key.asked}"
        secret = self._vault.signing_key("initial passwords")
        return hmac.digest(secret, told.encode(), "sha256")

    async def brought(self, key: Key) -> Brought | None:
        """What the same request has done a moment ago; None where it has done nothing.

        Raises:
            Conflict: the key was used for another request.
        """
        a = agent.c
        async with self._db.read() as conn:
            before = await found(conn, key)
            if before is None or before.at < await self._db.now() - TOLD_AGAIN_SECONDS:
                return None
            added, changed = json.loads(before.made)
            theirs = select(a.login).where(
                a.login.in_(added), a.password_due, a.disabled_at.is_(None)
            )
            logins = (await conn.execute(theirs)).scalars().all()
        return Brought(frozenset(logins), changed)

    async def apply(
        self,
        added: Sequence[Newcomer],
        changed: Sequence[Changed],
        by: str | None,
        key: Key | None = None,
    ) -> None:
        """Does it in one transaction; ``by`` is the admin, None who has a shell here.

        With the same ``key`` again it does nothing: see ``brought``.

        Raises:
            Conflict: a login was taken meanwhile, somebody is not as they were seen, or no
                admin would be left; or the key was used for another request.
        """
        async with self._db.write() as tx:
            if await earlier(tx, key) is not None:
                return
            await self._add(tx, added, by)
            async with keeping_an_admin(tx, [one.agent_id for one in changed], by):
                await self._change(tx, changed, by)
            counts = {"new_people": len(added), "changed_people": len(changed)}
            await tx.audit(by, "agent.import", "", **counts)
            await keep(tx, key, json.dumps([[one.login for one in added], len(changed)]))

    async def _add(self, tx: Tx, added: Sequence[Newcomer], by: str | None) -> None:
        if not added:
            return
        rows = [
            asdict(one)
            | {
                "id": tx.new_id(),
                "skills": dict(one.skills),
                "created_at": tx.now,
                "password_due": True,
            }
            for one in added
        ]
        statement = tx.upsert(agent).values(rows).on_conflict_do_nothing().returning(agent.c.id)
        made = (await tx.conn.execute(statement)).scalars().all()
        if len(made) < len(rows):
            raise Conflict("a login of the list was taken meanwhile")
        for row in rows:
            await tx.audit(by, "agent.add", row["id"], login=row["login"], role=row["role"])

    async def _change(self, tx: Tx, changed: Sequence[Changed], by: str | None) -> None:
        rows = await lock_rows(tx, agent, sorted(one.agent_id for one in changed))
        for one in changed:
            row = rows.get(one.agent_id)
            if row is None or row["disabled_at"] is not None or not _as_seen(row, one.before):
                raise Conflict("somebody of the list was changed meanwhile")
            values = dict(one.values)
            await tx.update_each(agent, tuple(values), [{"id": one.agent_id} | values])
            await tx.audit(by, "agent.change", one.agent_id, fields=sorted(values), values=values)
            tx.emit("agent.changed", agent=one.agent_id)


def _as_seen(row: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    return all((row[name] or "") == (value or "") for name, value in before.items())
