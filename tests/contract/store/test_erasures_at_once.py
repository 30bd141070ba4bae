"""A customer is erased while somebody else is about to write to them."""

from collections.abc import Sequence

import pytest

from models.agent import Role
from models.errors import Conflict, Rejected
from models.message import Sender
from models.similarity import Alarm, dump, feature, fingerprint
from models.store import Store
from models.store.complaints.incident_detection import StoredFingerprint, incident_follower
from models.store.complaints.incidents import TELL, tell
from models.store.dialogue.conversations import Entry
from models.store.dialogue.transcripts import Mailbox
from models.ticket import TicketState
from tests.contract.store import makers
from tests.contract.store.meeting import meeting
from tests.contract.store.personal import NAME, WORDS, erase, resolved, sent, standing, write

_ALARM = Alarm(at_least=2, window=1800.0, similarity=0.3)
_FOLLOWER = incident_follower(_ALARM, ("type:投诉",), ("admin",))


async def _two_in_an_incident(store: Store) -> tuple[str, str]:
    """The tickets of one who is settled and may go, and of one who stays; a text waits."""
    prints = StoredFingerprint(dump(fingerprint({feature("停运"): 1.0})), counts=True)
    goes, stays = [
        await makers.waiting(store, key, fingerprint=prints, sender=Sender(external_id=key))
        for key in ("goes", "stays")
    ]
    await makers.follow(store, _FOLLOWER)
    (found,) = await store.incidents.page()
    li = await makers.agent(store, "li")
    assert await store.queue.claim(await makers.decision(store, goes, li), None)
    await store.tickets.move(goes, li, TicketState.RESOLVED)
    chen = await store.agents.add("chen", "Chen", Role.SUPERVISOR, "hash", {})
    text_id = await store.incidents.draft(found.id, li, "正在抢修", "")
    await store.incidents.approve(found.id, text_id, chen, second_person=True)
    return goes, stays


async def _texts(store: Store, ticket_id: str) -> list[str]:
    ticket = await store.tickets.get(ticket_id)
    log = await store.conversations.log(ticket.conversation_id)
    return [entry.text for entry in log if entry.side == "us"]


async def test_an_incident_s_text_does_not_go_to_who_is_being_erased(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes, stays = await _two_in_an_incident(store)
    _, failed = await meeting(
        store,
        monkeypatch,
        lambda: erase(store, goes, despite="法院判决"),
        lambda: store.timers.fire_due({TELL: tell}),
    )
    assert failed == []
    assert (await _texts(store, goes), await _texts(store, stays)) == ([], ["正在抢修"])
    told = [e.data["members"] for e in await store.events.after(0) if e.kind == "incident.told"]
    assert told == [1]


async def test_an_incident_s_text_that_was_there_first_is_withdrawn(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes, stays = await _two_in_an_incident(store)
    await meeting(
        store,
        monkeypatch,
        lambda: store.timers.fire_due({TELL: tell}),
        lambda: erase(store, goes, despite="法院判决"),
    )
    assert (await _texts(store, goes), await _texts(store, stays)) == ([], ["正在抢修"])


async def test_what_was_read_for_a_transcript_is_not_mailed_once_it_is_erased(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket_id = await write(store, "1", channel="webchat", conversation_key="talk")
    await resolved(store, ticket_id)
    talk = await store.conversations.find("webchat", "a", "talk")
    assert talk is not None
    box = Mailbox("email", "a", "wang@customer.example")

    def written(lines: Sequence[Entry]) -> str:
        return WORDS + "".join(line.text for line in lines)

    async def ask() -> object:
        try:
            return await store.transcripts.send(talk.id, box, f"与{NAME}的对话", written)
        except Rejected as error:
            return error.code

    _, refused = await meeting(store, monkeypatch, lambda: erase(store, ticket_id), ask)
    assert refused == "nothing"
    assert await standing(store) == {}
    assert await store.outbound.lease(10, 60.0) is None


async def test_an_answer_without_its_words_is_not_sent_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever presses the button while it is erased, or later."""
    ticket_id = await write(store, "1", channel="webchat", conversation_key="talk")
    await resolved(store, ticket_id)
    await sent(store)
    (answer,) = await store.outbound.page()

    async def again() -> None:
        await store.outbound.again(answer.id, ["webchat"])

    _, refused = await meeting(store, monkeypatch, lambda: erase(store, ticket_id), again)
    assert isinstance(refused, Conflict)
    with pytest.raises(Conflict, match="erased"):
        await again()
    assert await store.outbound.lease(10, 60.0) is None
