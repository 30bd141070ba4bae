"""API tokens: whose they are, what they may do, and when they were last used."""

from dataclasses import dataclass

from sqlalchemy import delete, or_, select, update
from sqlalchemy.sql import ColumnElement

from models.agent import Role, at_most
from models.errors import NotFound
from models.store.ground.database import Database, Fields
from models.store.routing.agents import Holder
from models.tables import agent, credential

USED_SECONDS = 60.0
"""How old what is known of a token's last use may be: a program that only reads many times a
second must not write as often.
"""


@dataclass(frozen=True, slots=True)
class ApiToken:
    """What is known of one, without the secret. Times are seconds since the epoch.

    ``role`` is the most that its maker gave it, None for all that ``owner_role`` may.
    ``last_used_at`` is true to ``USED_SECONDS``; None: not used, or not since that is noted.
    """

    id: str
    name: str
    owner_id: str
    owner_name: str
    owner_role: Role
    role: Role | None
    read_only: bool
    created_at: float
    expires_at: float
    last_used_at: float | None

    @property
    def may(self) -> Role:
        """What it can do now, as its owner's role is now."""
        return at_most(self.owner_role, self.role)


class ApiTokens:
    """Reading and ending them; ``Agents.grant`` makes one, as it makes a session."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def of(self, agent_id: str) -> list[ApiToken]:
        """A person's, the oldest first."""
        return await self._found(credential.c.agent_id == agent_id)

    async def all(self) -> list[ApiToken]:
        """Everybody's that still hold, by their owner's login, the oldest first."""
        return await self._found(credential.c.expires_at > await self._db.now())

    async def _found(self, wanted: ColumnElement[bool]) -> list[ApiToken]:
        c, a = credential.c, agent.c
        query = (
            select(credential, a.name.label("owner_name"), a.role.label("owner_role"))
            .join(agent, a.id == c.agent_id)
            .where(wanted, c.kind == "token")
            .order_by(a.login, c.id)
        )
        return [_token(row) for row in await self._db.rows(query)]

    async def use(self, holder: Holder) -> None:
        """Notes that a token is used now, unless that was noted ``USED_SECONDS`` ago or less."""
        known, c = holder.last_used_at, credential.c
        if known is not None and await self._db.now() < known + USED_SECONDS:
            return
        async with self._db.write() as tx:
            # Of several requests that come at once the first has noted it for all.
            before = or_(c.last_used_at.is_(None), c.last_used_at <= tx.now - USED_SECONDS)
            used = update(credential).where(c.id == holder.credential_id, before)
            await tx.conn.execute(used.values(last_used_at=tx.now))

    async def revoke(self, credential_id: str, by: str, *, only_own: bool = True) -> None:
        """Ends a token of the person ``by``; of anybody, unless ``only_own``.

        Raises:
            NotFound: there is no such token, or it is another's.
        """
        c = credential.c
        gone = delete(credential).where(c.id == credential_id, c.kind == "token")
        if only_own:
            gone = gone.where(c.agent_id == by)
        async with self._db.write() as tx:
            ended = (await tx.conn.execute(gone.returning(c.agent_id, c.name))).one_or_none()
            if ended is None:
                raise NotFound("no such token")
            of = {} if ended.agent_id == by else {"owner": ended.agent_id}
            await tx.audit(by, "token.revoke", credential_id, name=ended.name, **of)


def _token(row: Fields) -> ApiToken:
    return ApiToken(
        id=row["id"],
        name=row["name"],
        owner_id=row["agent_id"],
        owner_name=row["owner_name"],
        owner_role=Role(row["owner_role"]),
        role=Role(row["role"]) if row["role"] else None,
        read_only=bool(row["read_only"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        last_used_at=row["last_used_at"],
    )
