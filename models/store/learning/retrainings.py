"""Runs of retraining: asked for, leased, told of, ended; one at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.exc import IntegrityError

from models.errors import Conflict, NotFound
from models.store.ground.database import Database, Tx
from models.store.learning.bundles import add_bundle
from models.tables import retraining
from models.training import Retraining

_FIELDS = [retraining.c[name] for name in Retraining.__dataclass_fields__]

INTERRUPTED = {
    "zh": "训练进程中断（被终止或机器重启）；现有模型未受影响，请重新开始。",
    "en": "The training process was interrupted (killed, or the machine restarted); the bundle "
    "that serves is untouched: start again.",
}


@dataclass(frozen=True, slots=True)
class Work:
    """A run that was leased: whoever holds ``lease`` trains, and nobody else may finish it."""

    id: str
    lease: str
    seed: int


class Retrainings:
    """At most one run is alive; the database itself refuses a second."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def ask(self, by: str | None, *, seed: int = 0) -> str:
        """Asks for a run and returns its id; ring “retrain” afterwards.

        Raises:
            Conflict: one is waiting or running already.
        """
        try:
            async with self._db.write() as tx:
                await _expire(tx)
                run_id = tx.new_id()
                row = {
                    "id": run_id,
                    "state": "waiting",
                    "started_by": by,
                    "seed": seed,
                    "created_at": tx.now,
                }
                await tx.insert(retraining, [row])
                await tx.audit(by, "retraining.ask", run_id)
                tx.emit("retraining.changed", retraining=run_id, state="waiting")
        except IntegrityError as error:
            raise Conflict("a retraining is waiting or running already") from error
        return run_id

    async def cancel(self, run_id: str, by: str | None) -> None:
        """Asks a run to stop. One that waits ends at once; one that runs, within a second or so.

        Raises:
            NotFound: no such run.
            Conflict: it has ended.
        """
        r = retraining.c
        async with self._db.write() as tx:
            await _get(tx, run_id)
            waits = (r.id == run_id) & (r.state == "waiting")
            ended = await _end(tx, waits, {"state": "cancelled", "cancelled": True})
            if not ended:
                runs = update(retraining).where(r.id == run_id, r.state == "running")
                if (await tx.conn.execute(runs.values(cancelled=True))).rowcount == 0:
                    raise Conflict("this retraining has ended")
            await tx.audit(by, "retraining.cancel", run_id)
            tx.emit("retraining.changed", retraining=run_id, state="cancelled")

    async def lease(self, seconds: float) -> Work | None:
        """Takes the run that waits, for ``seconds``; None where there is none.

        A run whose holder has been silent for too long has failed: it was interrupted.
        """
        r = retraining.c
        async with self._db.read() as conn:  # asked every few seconds, hardly ever for something
            if (await conn.execute(select(r.id).where(r.live))).first() is None:
                return None
        async with self._db.write() as tx:
            await _expire(tx)
            query = (
                select(r.id, r.seed).where(r.state == "waiting").with_for_update(key_share=True)
            )
            row = (await tx.conn.execute(query)).one_or_none()
            if row is None:
                return None
            token = tx.new_id()
            values = {"state": "running", "lease": token, "lease_until": tx.now + seconds}
            await tx.conn.execute(update(retraining).where(r.id == row.id).values(values))
            tx.emit("retraining.changed", retraining=row.id, state="running")
        return Work(row.id, token, row.seed)

    async def tell(
        self, work: Work, seconds: float, stage: str, share: float, seconds_left: float | None
    ) -> bool:
        """Progress, and a longer lease; False where the run was cancelled or taken away."""
        r = retraining.c
        mine = (r.id == work.id) & (r.lease == work.lease) & (r.state == "running")
        async with self._db.write() as tx:
            change = update(retraining).where(mine, ~r.cancelled)
            values = {"stage": stage, "share": share, "seconds_left": seconds_left}
            values |= {"lease_until": tx.now + seconds}
            going = (await tx.conn.execute(change.values(values))).rowcount > 0
            if going:
                tx.emit("retraining.changed", retraining=work.id, stage=stage, share=share)
        return going

    async def finish(
        self,
        work: Work,
        bundle_id: str,
        card: Mapping[str, Any],
        content: bytes,
        outcome: Mapping[str, Any],
        upto: float,
    ) -> bool:
        """The challenger and what is known of it, in one commit; False where it came too late.

        The same once more changes nothing: the first answer may have been lost.

        ``upto`` is the time of the newest correction that the run looked at.
        """
        r = retraining.c
        mine = (r.id == work.id) & (r.lease == work.lease) & (r.state == "running")
        async with self._db.write() as tx:
            held = select(r.id).where(mine, ~r.cancelled).with_for_update(key_share=True)
            if (await tx.conn.execute(held)).one_or_none() is None:
                stored = (r.id == work.id) & (r.bundle_id == bundle_id)
                return (await tx.conn.execute(select(r.id).where(stored))).first() is not None
            await add_bundle(tx, bundle_id, card, content)
            values = {"state": "done", "outcome": outcome, "bundle_id": bundle_id, "upto": upto}
            values |= {"stage": "done", "share": 1.0, "seconds_left": 0.0}
            await _end(tx, mine, values)
            tx.emit("retraining.changed", retraining=work.id, state="done", bundle=bundle_id)
        return True

    async def fail(self, work: Work, error: Mapping[str, str]) -> None:
        """Ends a run that is still this holder's: cancelled when that was asked, else failed."""
        r = retraining.c
        mine = (r.id == work.id) & (r.lease == work.lease)
        async with self._db.write() as tx:
            stopped = {"state": "cancelled", "seconds_left": None}
            if not await _end(tx, mine & r.cancelled, stopped):
                await _end(tx, mine, {"state": "failed", "error": error, "seconds_left": None})
            tx.emit("retraining.changed", retraining=work.id, state="ended")

    async def latest(self, limit: int = 20) -> list[Retraining]:
        """Runs, newest first."""
        r = retraining.c
        query = select(*_FIELDS).order_by(r.created_at.desc(), r.id.desc()).limit(limit)
        return [Retraining(**row) for row in await self._db.rows(query)]

    async def of_bundle(self, bundle_id: str) -> Retraining | None:
        """The last run that made this bundle; None for the one of the seed."""
        r = retraining.c
        query = select(*_FIELDS).where(r.bundle_id == bundle_id).order_by(r.created_at.desc())
        async with self._db.read() as conn:
            row = (await conn.execute(query.limit(1))).mappings().one_or_none()
        return None if row is None else Retraining(**row)

    async def learnt_upto(self, bundle_id: str) -> float:
        """The time of the newest correction that a bundle may have learnt from; 0: none."""
        r = retraining.c
        query = select(r.upto).where(r.bundle_id == bundle_id).order_by(r.upto.desc()).limit(1)
        return float(await self._db.value(query) or 0.0)


async def _get(tx: Tx, run_id: str) -> None:
    query = select(retraining.c.id).where(retraining.c.id == run_id)
    if (await tx.conn.execute(query)).one_or_none() is None:
        raise NotFound("no such retraining")


async def _end(tx: Tx, which: ColumnElement[bool], values: Mapping[str, Any]) -> bool:
    ended = {"live": False, "finished_at": tx.now, "lease": None, "lease_until": None}
    change = update(retraining).where(which, retraining.c.live).values(ended | dict(values))
    return (await tx.conn.execute(change)).rowcount > 0


async def _expire(tx: Tx) -> None:
    r = retraining.c
    silent = (r.state == "running") & (r.lease_until < tx.now)
    stopped = {"state": "cancelled", "seconds_left": None}
    await _end(tx, silent & r.cancelled, stopped)
    await _end(tx, silent, {"state": "failed", "error": INTERRUPTED, "seconds_left": None})
