"""The audit, read back: by month, action, person and subject, page by page."""

from models.agent import Role
from models.store import Store
from models.store.figures.audits import Asked, Audits, Deed, Named
from tests.contract.store import makers
from tests.fakes import FakeClock


async def _wrote(
    store: Store, by: str | None, action: str, subject: str, **detail: object
) -> None:
    async with store.db.write() as tx:
        await tx.audit(by, action, subject, **detail)


async def _told(audits: Audits, asked: Asked) -> list[str]:
    return [deed.action for deed in await audits.page(asked, limit=99)]


async def test_it_is_read_the_newest_first_and_by_what_is_asked(
    store: Store, clock: FakeClock
) -> None:
    start = clock()
    wang = await store.agents.add("wang", "王芳", Role.ADMIN, "x", {})
    clock.pass_(1.0)
    for action in ("ticket.take", "ticket_like.take", "ticket.close"):
        await _wrote(store, wang, action, "t1")
        clock.pass_(1.0)
    await _wrote(store, None, "bundle.drop", "b1")
    audits = store.audits
    everything = ["bundle.drop", "ticket.close", "ticket_like.take", "ticket.take", "agent.add"]
    assert await _told(audits, Asked()) == everything
    assert await _told(audits, Asked(action="ticket")) == ["ticket.close", "ticket.take"]
    assert await _told(audits, Asked(action="ticket.take")) == ["ticket.take"]
    assert await _told(audits, Asked(agent_id=wang)) == everything[1:4]
    assert await _told(audits, Asked(subject="b1")) == ["bundle.drop"]
    assert await _told(audits, Asked(since=start + 2.0, until=start + 4.0)) == [
        "ticket.close",
        "ticket_like.take",
    ]


async def test_page_by_page_each_line_comes_once(store: Store, clock: FakeClock) -> None:
    """Also those of one moment."""
    for n in range(7):
        await _wrote(store, None, "ticket.take", f"t{n}")
        clock.pass_(float(n % 2))
    found: list[Deed] = []
    while page := await store.audits.page(
        Asked(action="ticket"), before=found[-1].id if found else None, limit=2
    ):
        found += page
    assert sorted(deed.subject for deed in found) == [f"t{n}" for n in range(7)]
    assert [deed.at for deed in found] == sorted((deed.at for deed in found), reverse=True)


async def test_tickets_and_people_are_named_and_a_number_finds_its_ticket(store: Store) -> None:
    wang = await store.agents.add("wang", "王芳", Role.ADMIN, "x", {})
    li = await store.agents.add("li", "李雷", Role.AGENT, "x", {})
    ticket = await makers.waiting(store, "a")
    number = (await store.tickets.get(ticket)).number
    await _wrote(store, wang, "ticket.take", ticket, to=li, forced=True)
    (deed,) = await store.audits.page(Asked(subject=number), limit=9)
    assert (deed.subject, deed.detail) == (ticket, {"to": li, "forced": True})
    assert await store.audits.names([deed]) == {
        wang: Named("agent", "王芳"),
        li: Named("agent", "李雷"),
        ticket: Named("ticket", number),
    }
