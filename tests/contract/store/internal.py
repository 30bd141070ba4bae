"""A ticket about which everything was said that no customer may see."""

from models.agent import Role
from models.complaint import Filing, Word
from models.message import Sender
from models.store import Store
from tests.contract.store.makers import agent, decision, envelope, passed_on, routed, thread

SECRET = "仅限内部7f3a"


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
    giver = await agent(store, f"giver-{channel}")
    assert await store.queue.claim(await decision(store, ticket_id, giver), None)
    await passed_on(store, ticket_id, giver, owner, note=f"转派 {SECRET}")
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
