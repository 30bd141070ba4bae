"""Many people at once: what a file adds and changes, all of it or nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from models.agent import Role
from models.errors import Conflict
from models.store.ground.database import Database, Tx
from models.store.ground.locks import lock_rows
from models.tables import agent


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


class Staffing:
    """Adding and changing people by the list."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def apply(
        self, added: Sequence[Newcomer], changed: Sequence[Changed], by: str | None
    ) -> None:
        """Does it in one transaction; ``by`` is the admin, None who has a shell here.

        Raises:
            Conflict: a login was taken meanwhile, or somebody is not as they were seen.
        """
        async with self._db.write() as tx:
            await self._add(tx, added, by)
            await self._change(tx, changed, by)
            counts = {"new_people": len(added), "changed_people": len(changed)}
            await tx.audit(by, "agent.import", "", **counts)

    async def _add(self, tx: Tx, added: Sequence[Newcomer], by: str | None) -> None:
        if not added:
            return
        rows = [
            asdict(one) | {"id": tx.new_id(), "skills": dict(one.skills), "created_at": tx.now}
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
