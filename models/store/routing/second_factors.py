"""Second factors: whose code is right and was not used before, and what to fall back on.

A person has one once ``agent.second_factor_at`` says so; until then its key waits for a first
code. Time is the database's, so that all processes agree on which codes count.
"""

import hashlib
from typing import NamedTuple

from sqlalchemy import delete, func, select, update

from models.errors import Conflict, NotFound
from models.one_time_codes import is_timed, new_recovery_codes, new_secret, plain, step_of
from models.store.ground.database import Database, Tx
from models.store.ground.locks import lock_row
from models.store.ground.sealing import Vault
from models.store.routing.agents import token_hash
from models.tables import agent, credential, recovery_code, second_factor

PURPOSE = "second factor"
"""What the master key seals the keys of apps for."""


class Standing(NamedTuple):
    """Since when a person has a second factor (seconds since the epoch), None for never.

    ``recovery_codes`` is how many are left.
    """

    since: float | None
    recovery_codes: int


class SecondFactors:
    """On and off, and each code once: of two processes that are given one, one takes it."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db = db
        self._vault = vault

    async def standing(self, agent_id: str) -> Standing:
        """How it is with a person, who exists."""
        left = select(func.count()).where(recovery_code.c.agent_id == agent_id)
        since = select(agent.c.second_factor_at).where(agent.c.id == agent_id)
        async with self._db.read() as conn:
            return Standing(
                (await conn.execute(since)).scalar_one(), (await conn.execute(left)).scalar_one()
            )

    async def begin(self, agent_id: str) -> bytes:
        """A new key for the person's app; one that was begun before counts no longer.

        Raises:
            Conflict: they have a second factor.
        """
        secret = new_secret()
        async with self._db.write() as tx:
            await _without(tx, agent_id)
            before = delete(second_factor).where(second_factor.c.agent_id == agent_id)
            await tx.conn.execute(before)
            sealed = self._vault.seal(PURPOSE, secret, await self._vault.writing(tx))
            row = {"agent_id": agent_id, "secret": sealed, "created_at": tx.now}
            await tx.insert(second_factor, [row])
        return secret

    async def confirm(self, agent_id: str, code: str, session: str) -> list[str] | None:
        """Turns it on, with a first code; None where that is wrong. Returns the recovery codes.

        All of the person's sessions end but the one that this is done in: they were begun with a
        password alone. API tokens stay.

        Raises:
            Conflict: they have one already.
        """
        async with self._db.write() as tx:
            await _without(tx, agent_id)
            if not await self._take_timed(tx, agent_id, plain(code)):
                return None
            on = update(agent).where(agent.c.id == agent_id)
            await tx.conn.execute(on.values(second_factor_at=tx.now))
            c = credential.c
            this = (c.agent_id == agent_id) & (c.hash == token_hash(session))
            await tx.conn.execute(update(credential).where(this).values(second_factor=True))
            await _end_sessions(tx, agent_id)
            codes = await _new_codes(tx, agent_id)
            await tx.audit(agent_id, "second_factor.on", agent_id)
            tx.emit("agent.changed", agent=agent_id)
        return codes

    async def use(self, agent_id: str, code: str) -> bool:
        """Whether a code of either kind is right, and uses it up; as people type it."""
        wanted = plain(code)
        async with self._db.write() as tx:
            on = select(agent.c.second_factor_at).where(agent.c.id == agent_id)
            if (await tx.conn.execute(on)).scalar_one() is None:
                return False
            if is_timed(wanted):
                return await self._take_timed(tx, agent_id, wanted)
            return await _take_recovery_code(tx, agent_id, wanted)

    async def renew_codes(self, agent_id: str) -> list[str]:
        """Other recovery codes instead of those there are.

        Raises:
            NotFound: the person has no second factor.
        """
        async with self._db.write() as tx:
            await _with(tx, agent_id)
            codes = await _new_codes(tx, agent_id)
            await tx.audit(agent_id, "second_factor.codes", agent_id)
        return codes

    async def end(self, agent_id: str, by: str | None) -> None:
        """Turns it off. Where somebody else does that, the person's sessions end as well.

        ``by`` is None for who has a shell on this machine.

        Raises:
            NotFound: there is no such person, or they have none.
        """
        async with self._db.write() as tx:
            await _with(tx, agent_id)
            off = update(agent).where(agent.c.id == agent_id)
            await tx.conn.execute(off.values(second_factor_at=None))
            for table in (second_factor, recovery_code):
                await tx.conn.execute(delete(table).where(table.c.agent_id == agent_id))
            if by != agent_id:
                await _end_sessions(tx, agent_id, all_of_them=True)
            action = "second_factor.off" if by == agent_id else "second_factor.taken"
            await tx.audit(by, action, agent_id)
            tx.emit("agent.changed", agent=agent_id)

    async def _take_timed(self, tx: Tx, agent_id: str, code: str) -> bool:
        """Of two at once the later one waits for the row, and finds the step used."""
        s = second_factor.c
        sealed = select(s.secret).where(s.agent_id == agent_id)
        found = (await tx.conn.execute(sealed)).scalar_one_or_none()
        if found is None or not is_timed(code):
            return False
        step = step_of(self._vault.open(PURPOSE, found), code, tx.now)
        if step is None:
            return False
        unused = update(second_factor).where(s.agent_id == agent_id, s.last_step < step)
        return bool((await tx.conn.execute(unused.values(last_step=step))).rowcount)


async def _with(tx: Tx, agent_id: str) -> None:
    owner = await lock_row(tx, agent, agent_id, "no such agent")
    if owner["second_factor_at"] is None:
        raise NotFound("they have no second factor")


async def _without(tx: Tx, agent_id: str) -> None:
    owner = await lock_row(tx, agent, agent_id, "no such agent")
    if owner["second_factor_at"] is not None:
        raise Conflict("two-step sign-in is on already")


async def _end_sessions(tx: Tx, agent_id: str, *, all_of_them: bool = False) -> None:
    """Those that were begun without a code, or all."""
    c = credential.c
    theirs = delete(credential).where(c.agent_id == agent_id, c.kind == "session")
    await tx.conn.execute(theirs if all_of_them else theirs.where(~c.second_factor))


async def _new_codes(tx: Tx, agent_id: str) -> list[str]:
    codes = new_recovery_codes()
    await tx.conn.execute(delete(recovery_code).where(recovery_code.c.agent_id == agent_id))
    rows = [{"agent_id": agent_id, "hash": _hash(plain(code))} for code in codes]
    await tx.insert(recovery_code, rows)
    return codes


async def _take_recovery_code(tx: Tx, agent_id: str, code: str) -> bool:
    r = recovery_code.c
    used = delete(recovery_code).where(r.agent_id == agent_id, r.hash == _hash(code))
    if not (await tx.conn.execute(used)).rowcount:
        return False
    left = select(func.count()).where(r.agent_id == agent_id)
    count = (await tx.conn.execute(left)).scalar_one()
    await tx.audit(agent_id, "second_factor.recovery", agent_id, left=count)
    return True


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
