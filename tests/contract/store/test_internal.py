"""What is written among ourselves reaches no customer: on no channel, in no answer, no event."""

import re
from pathlib import Path

import pytest
from sqlalchemy import select

import channels
from channels.registry import BUILT_IN
from channels.webchat.lookup import Lookup
from models.message import Sender
from models.store import Store
from models.tables import metadata
from tests.contract.store.internal import SECRET, secretive
from tests.contract.store.makers import envelope, thread

OURS = {"note", "subtask", "complaint", "improvement", "transfer", "assignment", "audit"}
"""The tables that may hold it; everything that a customer gets is made of the others."""


async def holding(store: Store) -> set[str]:
    """The tables in which the secret stands, whatever the column."""
    found = set()
    async with store.db.read() as conn:
        for table in metadata.sorted_tables:
            rows = (await conn.execute(select(table))).all()
            if SECRET in str([list(row) for row in rows]):
                found.add(table.name)
    return found


@pytest.mark.parametrize("channel", sorted(BUILT_IN))
async def test_no_channel_can_show_it(store: Store, channel: str) -> None:
    await store.webhooks.add("https://crm.example/hook", (), b"s" * 32, "admin")
    ticket_id, owner = await secretive(store, channel)
    await store.tickets.reply(
        ticket_id, owner, "正在处理", "client-0001", (await store.tickets.get(ticket_id)).state
    )
    # The customer asks, and writes once more.
    sender = Sender(external_id=f"customer-{channel}")
    talk = f"talk-{channel}"
    for number, text in enumerate(("进度", "你们处理得怎么样了")):
        e = envelope(f"{channel}-{number}", now=await store.db.now(), channel=channel)
        await thread(store, e, conversation_key=talk, sender=sender, text=text)
    assert await store.webhooks.spread() > 0
    assert await holding(store) == OURS, "it was written, and stands nowhere else"
    conversation = (await store.tickets.get(ticket_id)).conversation_id
    log = await store.conversations.log(conversation, 0)
    assert "正在处理" in str(log)
    assert SECRET not in str(log)
    lookup = Lookup(store.db, ["site"])
    ours = [entry.id for entry in log if entry.side == "us"]
    theirs = [entry.id for entry in log if entry.side == "customer"]
    shown = await lookup.entries(theirs, ours)
    assert "正在处理" in str(shown)
    assert SECRET not in str(shown)


def test_no_channel_reads_the_tables_that_hold_it() -> None:
    asked = re.compile(
        r"\b(?:note|subtask|helper|helping|complaint|improvement|transfer|assignment)s?\b"
    )
    for path in Path(channels.__file__).parent.rglob("*.py"):
        imports = [
            line
            for line in path.read_text(encoding="utf-8").splitlines()
            if re.match(r"\s*(?:from|import) models", line) or "store." in line
        ]
        assert not [line for line in imports if asked.search(line)], path
