"""What is written among ourselves reaches no customer: on no channel, in no answer, no event."""

import re
from pathlib import Path

import pytest
from sqlalchemy import select

import channels
from channels.registry import BUILT_IN
from channels.webchat.lookup import Lookup
from models.agent import Role
from models.complaint import Filing, Word
from models.message import Sender
from models.store import Store
from models.tables import metadata
from tests.contract.store.makers import agent, decision, envelope, routed, thread

SECRET = "仅限内部7f3a"

OURS = {"note", "subtask", "complaint", "improvement", "audit"}
"""The tables that may hold it; everything that a customer gets is made of the others."""


async def secretive(store: Store, channel: str) -> tuple[str, str]:
    """A ticket on a channel, about which everything that can be said among ourselves was said."""
    e = envelope(channel, now=await store.db.now(), channel=channel, account="site")
    sender = Sender(external_id=f"customer-{channel}")
    await thread(store, e, conversation_key=f"talk-{channel}", sender=sender)
    (new,) = await store.queue.unlabelled(10)
    await store.queue.route([routed(new, filing=Filing("物流", "物流部", new.text, 0.0))])
    ticket_id = new.ticket_id
    owner = await agent(store, f"owner-{channel}")
    helper = await agent(store, f"helper-{channel}")
    boss = await store.agents.add(f"boss-{channel}", "Boss", Role.SUPERVISOR, "h", {})
    assert await store.queue.claim(await decision(store, ticket_id, owner), None)
    await store.notes.write(ticket_id, owner, f"备注 {SECRET}")
    task = await store.helping.open(
        ticket_id, owner, title=f"任务 {SECRET}", assignee_id=helper, due_at=2e9
    )
    await store.helping.finish(task, helper, f"结果 {SECRET}")
    fields = ("cause", "product", "matter", "outcome", "responsibility")
    await store.complaints.change(ticket_id, owner, dict.fromkeys(fields, SECRET))
    await store.complaints.set_major(ticket_id, owner, major=True, why=SECRET)
    await store.complaints.hear(ticket_id, owner, Word.REJECTED, SECRET)
    await store.complaints.call_back(ticket_id, boss, reached=True, words=SECRET)
    await store.complaints.review(ticket_id, boss, passed=False, words=SECRET)
    measure = await store.improvements.add(
        ticket_id, boss, text=SECRET, owner_id=owner, due_at=2e9
    )
    await store.improvements.finish(measure, owner, SECRET)
    return ticket_id, owner


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
    asked = re.compile(r"\b(?:note|notes|subtask|helper|helping|complaint|improvement)s?\b")
    for path in Path(channels.__file__).parent.rglob("*.py"):
        imports = [
            line
            for line in path.read_text(encoding="utf-8").splitlines()
            if re.match(r"\s*(?:from|import) models", line) or "store." in line
        ]
        assert not [line for line in imports if asked.search(line)], path
