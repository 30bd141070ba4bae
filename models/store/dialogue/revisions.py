"""Edits and deletions of what was said before, in whatever order they come.

A message has one row that is shown. Every version that comes later, or earlier than its turn, is
noted in the log by a row of its own and kept with the shown one, so that the outcome is the same
in every order: the highest revision is shown, the others are its history, and a deletion leaves
nothing of either. A deletion that comes before its message waits for it as a ``withdrawal``. An
edit that comes before its message stands in for it: its words are the customer's last ones, and
holding them back would need a time to give up at (docs/decisions/0010).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import ColumnElement, Table, literal, or_, select, union_all

from models.message import InboundMessage
from models.store.dialogue.incoming import Incoming
from models.store.ground.database import Fields, Tx
from models.tables import conversation, message, withdrawal

DELETED = 2**62
"""The revision under which a deletion is known: after every edit, and the same when repeated."""

_MARK = "gone"

Name = tuple[str, str, str]
"""(channel, account, external id): all versions of one message have it."""


def name_of(m: InboundMessage) -> Name:
    return m.channel, m.account, m.external_id


def _identity(m: InboundMessage) -> tuple[str, str, str, int]:
    return *name_of(m), m.revision


def any_of(
    table: Table, column: ColumnElement[str], keys: Iterable[tuple[str, str, str]]
) -> ColumnElement[bool]:
    """Rows with one of these (channel, account, value of ``column``).

    An IN for each account: 128 conditions joined by OR take longer to write than to run.
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for channel, account, value in keys:
        groups.setdefault((channel, account), []).append(value)
    c = table.c
    return or_(
        *(
            (c.channel == channel) & (c.account == account) & column.in_(values)
            for (channel, account), values in groups.items()
        )
    )


async def at_home(tx: Tx, incoming: Sequence[Incoming]) -> list[Incoming]:
    """With each change of a stored message in the conversation of that message."""
    names = {name_of(i.message) for i in incoming if i.message.kind != "message"}
    if not names:
        return list(incoming)
    m = message.c
    query = (
        select(m.channel, m.account, m.external_id, conversation.c.key)
        .join(conversation, conversation.c.id == m.conversation_id)
        .where(any_of(message, m.external_id, names), m.kind == "message")
    )
    homes = {(r.channel, r.account, r.external_id): r.key for r in await tx.conn.execute(query)}
    return [_moved(item, homes.get(name_of(item.message))) for item in incoming]


def _moved(item: Incoming, key: str | None) -> Incoming:
    if key is None or item.message.kind == "message":
        return item
    return replace(item, message=item.message.model_copy(update={"conversation_key": key}))


@dataclass(slots=True)
class Batch:
    """What is new in a batch. ``originals`` are the stored rows that ``changes`` are about."""

    news: list[Incoming] = field(default_factory=list)
    changes: list[Incoming] = field(default_factory=list)
    early: list[Incoming] = field(default_factory=list)
    originals: dict[Name, dict[str, Any]] = field(default_factory=dict)
    gone: set[Name] = field(default_factory=set)


async def sort_out(tx: Tx, incoming: Sequence[Incoming]) -> Batch:
    """What no earlier envelope brought, in display order.

    To be called with the conversations locked, or an original and its edit in the hands of two
    workers would not see each other.
    """
    unique = {_identity(i.message): i for i in reversed(incoming)}
    seen, shown, gone = await _stored(tx, {key[:3] for key in unique})
    fresh = [item for key, item in unique.items() if key not in seen]
    fresh.sort(key=_turn)
    groups: dict[Name, list[Incoming]] = {}
    for item in fresh:
        groups.setdefault(name_of(item.message), []).append(item)
    batch = Batch(gone=gone & groups.keys())
    for name, group in groups.items():
        if name not in shown:
            first = _first(group)
            if first is None:
                batch.early += group
                continue
            group.remove(first)
            batch.news.append(_standing_in(first))
        batch.changes += group
    batch.news.sort(key=_turn)
    ids = [shown[name] for name in {name_of(i.message) for i in batch.changes} if name in shown]
    batch.originals = await _originals(tx, ids)
    return batch


def _turn(item: Incoming) -> tuple[Any, ...]:
    m = item.message
    return m.order_key, m.received_at, m.id


def _first(group: Sequence[Incoming]) -> Incoming | None:
    """The version that is shown first: the message itself, or the earliest edit at hand."""
    versions = [i for i in group if i.message.kind != "delete"]
    return min(versions, key=lambda i: i.message.revision, default=None)


def _standing_in(item: Incoming) -> Incoming:
    if item.message.kind == "message":
        return item
    return replace(item, message=item.message.model_copy(update={"kind": "message"}))


async def _stored(
    tx: Tx, names: Iterable[Name]
) -> tuple[set[tuple[str, str, str, int]], dict[Name, str], set[Name]]:
    """Versions that are there, the ids of the rows that are shown, and what is withdrawn."""
    m, w = message.c, withdrawal.c
    versions = select(m.channel, m.account, m.external_id, m.revision, m.kind, m.id)
    marks = select(w.channel, w.account, w.external_id, literal(-1), literal(_MARK), literal(""))
    query = union_all(
        versions.where(any_of(message, m.external_id, names)),
        marks.where(any_of(withdrawal, w.external_id, names)),
    )
    rows = [tuple(row) for row in await tx.conn.execute(query)]
    seen = {row[:4] for row in rows if row[4] != _MARK}
    shown = {row[:3]: row[5] for row in rows if row[4] == "message"}
    return seen, shown, {row[:3] for row in rows if row[4] == _MARK}


async def _originals(tx: Tx, ids: Sequence[str]) -> dict[Name, dict[str, Any]]:
    if not ids:
        return {}
    # Locked: whoever stores a fetched file writes into its message as well.
    query = select(message).where(message.c.id.in_(ids)).order_by(message.c.id)
    query = query.with_for_update(key_share=True)
    rows = [dict(row) for row in (await tx.conn.execute(query)).mappings()]
    return {(row["channel"], row["account"], row["external_id"]): row for row in rows}


async def note_early(tx: Tx, early: Sequence[Incoming]) -> None:
    """Deletions wait for the messages that they came before."""
    rows = [
        dict(zip(("channel", "account", "external_id"), name_of(i.message), strict=True))
        | {"envelope_id": i.envelope_id, "at": tx.now}
        for i in early
    ]
    if rows:
        await tx.conn.execute(tx.upsert(withdrawal).on_conflict_do_nothing(), rows)


SHOWN = (
    "text", "text_full", "html", "attachments", "lang", "versions", "withdrawn_at", "ticket_id",
)  # fmt: skip
"""What an edit or a deletion changes of the row that is shown."""


def revise(shown: dict[str, Any], version: Fields) -> bool:
    """Adds a version, itself a row, to the one that is shown; True if that is shown now.

    What was withdrawn stays withdrawn.
    """
    if shown["withdrawn_at"] is not None:
        return False
    versions = [*(shown["versions"] or [_version(shown)]), _version(version)]
    versions.sort(key=lambda v: v["revision"])
    shown["versions"] = versions
    if versions[-1]["revision"] != version["revision"]:
        return False
    shown.update({name: version[name] for name in SHOWN[:5]})
    return True


def _version(row: Fields) -> dict[str, Any]:
    at = row["sent_at"] or row["received_at"]
    return {"at": at} | {name: row[name] for name in ("revision", "text", "attachments")}


def withdraw(shown: dict[str, Any], at: float) -> bool:
    """Leaves nothing of a message but that it was there; False if it was withdrawn before."""
    if shown["withdrawn_at"] is not None:
        return False
    shown.update(WITHOUT_WORDS, withdrawn_at=at)
    return True


WITHOUT_WORDS: dict[str, Any] = {
    "text": "",
    "text_full": "",
    "html": None,
    "attachments": [],
    "versions": None,
}
"""What is left of the words and files of a message of which nothing is to be left."""


def noted(row: Fields, changes_id: str) -> dict[str, Any]:
    """A row that only notes in the log that another was changed: the words are kept once."""
    return dict(row) | WITHOUT_WORDS | {"changes_id": changes_id}


def without_words(labels: Fields | None) -> dict[str, Any] | None:
    """Labels as they are stored, without the customer's words that they were given for."""
    if labels is None:
        return None
    facets = {name: dict(label) | {"reasons": []} for name, label in labels["facets"].items()}
    return dict(labels) | {"facets": facets}
