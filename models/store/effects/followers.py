"""Those who act on what has happened: each reads the event log in order, and misses nothing.

How far one has read moves in the transaction in which it acts, so an event is acted on exactly
once, whatever dies in between. Who moves a ticket need not know who follows.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.errors import Temporary
from models.store.ground.cursors import moved_to
from models.store.ground.database import Database, Event, Tx
from models.tables import cursor, event

_PAGE = 1000
"""Events that are read at once, and acted on in one transaction at most."""

_CHANNEL = "follower"
"""Under which the table of cursors keeps how far each has read."""

Act = Callable[[Tx, Sequence[Event]], Awaitable[None]]
"""What a follower does about a batch of events, oldest first.

It awaits nothing but the database; what it wants told outside it emits or queues.
"""


@dataclass(frozen=True, slots=True)
class Follower:
    """``name`` is kept for ever: under it is written how far it has read."""

    name: str
    kinds: frozenset[str]
    act: Act


class Lag(NamedTuple):
    """Since how many seconds something has waited to be read by one of them; 0: nothing has.

    ``names``: who has not read it, while others have read further; empty where all wait alike.
    """

    seconds: float
    names: Sequence[str]


@dataclass(slots=True)
class _Place:
    """How far a follower has read, and how much of that is written down.

    What does not concern it is not written down at each page.
    """

    follower: Follower
    written: int
    read: int


class Followers:
    """A new follower begins with the oldest event that is kept: it looks at the times itself."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def catch_up(self, followers: Sequence[Follower], last: int) -> int:
        """Lets each act on everything up to number ``last``; returns how many events they saw.

        Those that have read equally far share one reading of the log. Each acts in transactions
        of its own, and only where something concerns it.

        Raises:
            Temporary: the database is out of reach.
            ExceptionGroup: what some raised; they will see the same events again. The others
                have caught up.
        """
        places = await self._places(followers)
        failed: list[Exception] = []
        seen = 0
        while behind := [place for place in places if place.read < last]:
            start = min(place.read for place in behind)
            together = [place for place in behind if place.read == start]
            page, end = await self._page(start, last, together)
            for place in together:
                concerning = [e for e in page if e.kind in place.follower.kinds]
                place.read = end
                if not concerning:
                    continue
                try:
                    seen += await self._act_or_find_fault(place, concerning)
                except Temporary:
                    raise
                except Exception as error:  # noqa: BLE001  one's fault must not stop the others
                    error.add_note(f"follower {place.follower.name}")
                    failed.append(error)
                    places.remove(place)
        await self._write_down(places)
        if failed:
            raise ExceptionGroup("followers failed", failed)
        return seen

    async def lag(self, names: Collection[str]) -> Lag:
        """How far those are behind who are farthest behind.

        Raises:
            Temporary: the database is out of reach.
        """
        async with self._db.read() as conn:
            written = await _written(conn, names)
            read = {name: written.get(name, 0) for name in names}
            least = min(read.values(), default=0)
            unread = select(event.c.at).where(event.c.seq > least).order_by(event.c.seq).limit(1)
            since = (await conn.execute(unread)).scalar_one_or_none()
        if since is None:
            return Lag(0.0, ())
        last = tuple(sorted(name for name in read if read[name] == least))
        alone = last if len(last) < len(read) else ()
        return Lag(max(0.0, await self._db.now() - since), alone)

    async def _places(self, followers: Iterable[Follower]) -> list[_Place]:
        of_all = {follower.name: follower for follower in followers}
        async with self._db.read() as conn:
            written = await _written(conn, of_all)
        if new := [name for name in of_all if name not in written]:
            async with self._db.write() as tx:
                start = {"channel": _CHANNEL, "value": 0, "updated_at": tx.now}
                await tx.insert(cursor, [start | {"account": n} for n in new], new_only=True)
        return [
            _Place(follower, written=written.get(name, 0), read=written.get(name, 0))
            for name, follower in of_all.items()
        ]

    async def _page(
        self, start: int, last: int, places: Iterable[_Place]
    ) -> tuple[list[Event], int]:
        """The next events that concern any of these, and the number up to which those are all.

        Numbers appear in the order of their commits: nothing comes in between later.
        """
        e = event.c
        kinds = frozenset().union(*(place.follower.kinds for place in places))
        query = (
            select(event)
            .where(e.seq > start, e.seq <= last, e.kind.in_(sorted(kinds)))
            .order_by(e.seq)
            .limit(_PAGE)
        )
        async with self._db.read() as conn:
            page = [Event(*row) for row in await conn.execute(query)]
        return page, page[-1].seq if len(page) == _PAGE else last

    async def _act_or_find_fault(self, place: _Place, events: Sequence[Event]) -> int:
        """As ``_act``; where that fails, each event by itself, up to the one that is at fault.

        The others of a batch are mostly of other tickets, and whoever mends it looks for the one.
        """
        end = place.read
        try:
            return await self._act(place, events)
        except Temporary:
            raise
        except Exception:  # noqa: BLE001, S110  raised once more, by the event that is at fault
            pass
        seen = 0
        for one in events:
            place.read = one.seq
            try:
                acted = await self._act(place, [one])
            except Exception as error:
                error.add_note(f"event {one.seq} {one.kind} of ticket {one.ticket_id}")
                raise
            if not acted:
                return seen  # somebody else goes on
            seen += acted
        place.read = end
        return seen

    async def _act(self, place: _Place, events: Sequence[Event]) -> int:
        """Returns how many events it acted on: none where somebody else has been before us."""
        name = place.follower.name
        async with self._db.write() as tx:
            (written,) = (await _locked(tx, [name])).values()
            if written == place.written:
                await place.follower.act(tx, events)
                await moved_to(tx, _CHANNEL, name, place.read)
        if written != place.written:
            place.written = place.read = written
            return 0
        place.written = place.read
        return len(events)

    async def _write_down(self, places: Iterable[_Place]) -> None:
        """How far those have read whom the last events did not concern."""
        ahead = {p.follower.name: p for p in places if p.read > p.written}
        if not ahead:
            return
        async with self._db.write() as tx:
            written = await _locked(tx, ahead)
            for end in {place.read for place in ahead.values()}:
                names = [n for n, p in ahead.items() if (p.written, p.read) == (written[n], end)]
                mine = (cursor.c.channel == _CHANNEL) & cursor.c.account.in_(names)
                await tx.conn.execute(
                    update(cursor).where(mine).values(value=end, updated_at=tx.now)
                )


async def _locked(tx: Tx, names: Iterable[str]) -> dict[str, int]:
    """How far each has read; of two that catch up at once, the second waits here."""
    return await _written(tx.conn, names, locked=True)


async def _written(
    conn: AsyncConnection, names: Iterable[str], *, locked: bool = False
) -> dict[str, int]:
    c = cursor.c
    query = select(c.account, c.value).where(c.channel == _CHANNEL, c.account.in_(sorted(names)))
    query = query.order_by(c.account)
    return dict(
        (await conn.execute(query.with_for_update(key_share=True) if locked else query)).all()
    )
