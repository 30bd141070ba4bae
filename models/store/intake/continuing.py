"""What goes on from a customer's own mail, by them or by who had it in copy, goes where that went.

Their program names the earlier mail in In-Reply-To or References. Such a name is no secret and
signed by nobody, so that it counts only for two: who wrote that mail (the same identity, no less
proven, with the same way back), and those whom its customer has put in copy, as whose word, not
the customer's, it is shown then. And it counts only while one message of the account has the
name (in real mail Message-IDs repeat). Everybody else's word begins a ticket of its own
(docs/decisions/0020 and 0033).
The earlier mail may be in another worker's hands at that moment: then the later one waits.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import func, or_, select, text

from models.errors import Permanent
from models.message import InboundMessage, ReplyRoute
from models.storable import line
from models.store.dialogue.incoming import Incoming
from models.store.dialogue.people import Known
from models.store.dialogue.recipients import opened
from models.store.dialogue.revisions import Name, any_of
from models.store.ground.database import Fields, Tx
from models.store.ground.sealing import unseal
from models.store.intake.envelopes import LANES
from models.tables import conversation, envelope, message

_OWN, _COPY = "own", "copy"
"""As whose word a message goes on: the customer's, or somebody's whom they put in copy."""

NAME_LENGTH = 255
"""Characters of a name that are kept; of a longer one the beginning and a hash."""


def known_as(m: InboundMessage) -> str | None:
    """The name by which later messages of the channel refer to this one, if it has one.

    A change of a message has none: it would have that of what it changes.
    """
    if m.kind != "message":
        return None
    return line(m.meta.get("message_id", ""), NAME_LENGTH) or None


def is_from_copied(m: InboundMessage) -> bool:
    """Whether it is here as the word of somebody whom the customer has put in copy."""
    return m.meta.get("threaded_by") == _COPY


def _names(m: InboundMessage) -> list[Name]:
    """What this message says it goes on from, nearest first."""
    names = m.meta.get("continues", ()) if m.kind == "message" else ()
    return [(m.channel, m.account, line(name, NAME_LENGTH)) for name in names]


@dataclass(frozen=True, slots=True)
class _Earlier:
    """A message that another says it goes on from."""

    identity_id: str
    level: str
    key: str
    way_back: str | None
    """None where the conversation is another's: what comes into it is quarantined anyway."""
    in_copy: Collection[str] = ()
    """Whom its customer has put in copy: addresses in lower case."""
    item: Incoming | None = None
    """Itself, where it came in the same batch."""


async def too_early(tx: Tx, token: str, incoming: Sequence[Incoming]) -> set[str]:
    """Envelopes that wait: what they go on from may be among others that came before them.

    Those are in the hands of another worker, or about to be. No two can wait for each other, and
    none waits for what is tried alone: that has its turn later, see ``Envelopes.lease``.
    """
    named = {i.message.id: names for i in incoming if (names := _names(i.message))}
    if not named:
        return set()
    waiting = [item for item in incoming if item.message.id in named]
    # Asked before the names: what is stored between the two statements is then in the second.
    before = await _being_read(tx, token, waiting)
    waiting = [i for i in waiting if before.get(_box(i), i.envelope_id) < i.envelope_id]
    if not waiting:
        return set()
    rows = await _stored(tx, {name for i in waiting for name in named[i.message.id]})
    known = {(row["channel"], row["account"], row["known_as"]) for row in rows}
    known |= {(*_box(i), own) for i in incoming if (own := known_as(i.message))}
    return {i.envelope_id for i in waiting if known.isdisjoint(named[i.message.id])}


def _box(item: Incoming) -> tuple[str, str]:
    return item.message.channel, item.message.account


async def _being_read(
    tx: Tx, token: str, incoming: Sequence[Incoming]
) -> dict[tuple[str, str], str]:
    """The first envelope of each (channel, account) that is not stored and not in this batch."""
    e = envelope.c
    query = (
        select(e.channel, e.account, func.min(e.id).label("first"))
        # Written out, for the index of what is to be done.
        .where(text("envelope.state = 'new'"), e.lane.in_({LANES.index(i.lane) for i in incoming}))
        .where(e.suspect == False, e.id < max(i.envelope_id for i in incoming))  # noqa: E712
        .where(or_(e.lease.is_(None), e.lease != token))
        .group_by(e.channel, e.account)
    )
    return {(row.channel, row.account): row.first for row in await tx.conn.execute(query)}


KeysOf = Callable[[Tx, Collection[str]], Awaitable[Mapping[str, bytes]]]
"""The keys of customers, by identity."""


async def continued(
    tx: Tx,
    incoming: Sequence[Incoming],
    people: Mapping[tuple[str, str], Known],
    keys_of: KeysOf,
) -> list[Incoming]:
    """With each message that goes on from another in the conversation of that one."""
    wanted = {name for item in incoming for name in _names(item.message)}
    if not wanted:
        return list(incoming)
    rows = await _stored(tx, wanted)
    keys = await keys_of(tx, {row["whose"] for row in rows if row["cc"] is not None})
    places = _Places(people)
    for row in rows:
        places.add_stored(row, keys.get(row["whose"]))
    for item in incoming:
        places.add(item)
    return [places.moved(item) for item in incoming]


async def _stored(tx: Tx, names: Iterable[Name]) -> list[Fields]:
    m, c = message.c, conversation.c
    named = (
        select(func.min(m.id).label("id"), func.count().label("times"))
        .where(any_of(message, m.known_as, names))
        .group_by(m.channel, m.account, m.known_as)
        .subquery()
    )
    query = (
        select(m.channel, m.account, m.known_as, m.identity_id, m.trust, named.c.times)
        .add_columns(c.key, c.route, c.cc, c.identity_id.label("whose"))
        .join(named, named.c.id == m.id)
        .join(conversation, c.id == m.conversation_id)
    )
    return [dict(row) for row in (await tx.conn.execute(query)).mappings()]


@dataclass(slots=True)
class _Places:
    """Where the messages are that others refer to. A name that two have leads nowhere."""

    people: Mapping[tuple[str, str], Known]
    _by_name: dict[Name, _Earlier | None] = field(default_factory=dict)
    _found: dict[str, tuple[str, str]] = field(default_factory=dict)
    _gone: set[str] = field(default_factory=set)
    """Messages of the batch whose places are known."""

    def add_stored(self, row: Fields, key: bytes | None) -> None:
        """``key`` opens whom the customer of its conversation has put in copy."""
        name = row["channel"], row["account"], row["known_as"]
        self._by_name[name] = self._read(row, key) if row["times"] == 1 else None

    def _read(self, row: Fields, key: bytes | None) -> _Earlier:
        level, whose = row["trust"]["level"], row["whose"]
        if whose != row["identity_id"]:
            return _Earlier(row["identity_id"], level, row["key"], None)
        keys = (known.key for known in self.people.values() if known.id == whose)
        way_back = _opened(next(keys, None), row["route"])
        in_copy = {one.address.lower() for one in opened(key, row["cc"])}
        return _Earlier(row["identity_id"], level, row["key"], way_back, in_copy)

    def add(self, item: Incoming) -> None:
        m = item.message
        own = known_as(m)
        if own is None:
            return
        name = m.channel, m.account, own
        first = name not in self._by_name
        earlier = _Earlier(
            self._who(m).id,
            m.trust.level,
            m.conversation_key,
            _address(m),
            # What has a place by our signature may be a stranger's there.
            () if "threaded_by" in m.meta else {one.address.lower() for one in m.cc},
            item,
        )
        self._by_name[name] = earlier if first else None

    def moved(self, item: Incoming) -> Incoming:
        key, by = self._place(item)
        m = item.message
        self._gone.add(m.id)
        if key == m.conversation_key:
            return item
        meta = {name: value for name, value in m.meta.items() if name != "continues"}
        changes = {"conversation_key": key, "meta": meta | {"threaded_by": by}}
        return replace(item, message=m.model_copy(update=changes))

    def _place(self, item: Incoming) -> tuple[str, str]:
        """Where it goes on, through others of the batch that go on themselves, and as whose."""
        m = item.message
        if m.id not in self._found:
            # Of two that refer to each other, the one that is asked first leads.
            self._found[m.id] = m.conversation_key, ""
            named = (self._by_name.get(name) for name in _names(m))
            places = (
                (one, by) for one in named if one and (by := self._goes_on_as(m, one))
            )  # fmt: skip
            earlier, by = next(places, (None, ""))
            if earlier is not None:
                key = self._place(earlier.item)[0] if earlier.item else earlier.key
                self._found[m.id] = key, by
        return self._found[m.id]

    def _goes_on_as(self, m: InboundMessage, earlier: _Earlier) -> str:
        """As whose word it goes on from that one; “” where it does not."""
        if "failed" in (earlier.level, m.trust.level):
            return ""
        if earlier.identity_id == self._who(m).id:
            proven = m.trust.level in {"verified", earlier.level}
            return _OWN if proven and earlier.way_back in {None, _address(m)} else ""
        named = (m.sender.email or "").lower() in earlier.in_copy
        return _COPY if named and self._is_there(earlier) else ""

    def _is_there(self, earlier: _Earlier) -> bool:
        """Whether it comes first, which has the conversation: that has to be its customer."""
        if earlier.item is None:
            return True
        id_ = earlier.item.message.id
        return id_ in self._gone and self._found[id_][1] != _COPY

    def _who(self, m: InboundMessage) -> Known:
        return self.people[m.channel, m.sender.external_id]


def _address(m: InboundMessage) -> str:
    return m.reply_route.address if m.reply_route else ""


def _opened(key: bytes | None, route: bytes | None) -> str:
    """The address in a sealed way back; “” where there is none, or it does not open."""
    if key is None or route is None:
        return ""
    try:
        return ReplyRoute.model_validate_json(unseal(key, route)).address
    except (Permanent, ValueError):
        return ""
