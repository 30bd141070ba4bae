"""Every route of the document, asked for by somebody whose business it is not."""

from collections.abc import Mapping
from typing import Any

from models.agent import Role
from tests.contract.desk.conftest import Visit
from tests.contract.desk.spec import Spec
from tests.contract.desk.world import PASSWORD, World

_ID = "client-0001"
_WHY = {"why": "x"}
_BODIES: Mapping[str, dict[str, Any]] = {
    "AskHelper": {"agent": "x"},
    "Because": {"reason": "x"},
    "CallBack": {"reached": True},
    "Canned": {"title": "x", "zh": "x"},
    "ChangeAgent": {"capacity": 100},
    "ChangePassword": {"current": "x", "password": PASSWORD},
    "ChangeWebhook": {"disabled": True},
    "CloseIncident": {"summary": "x"},
    "Correct": {"facet": "domain", "value": "发票"},
    "CustomersWord": {"word": "satisfied"},
    "Decide": {"action": "sent"},
    "Decline": {"reason": "x"},
    "EraseCustomer": {"why": "x", "confirm": "x"},
    "Exclude": {"corrections": ["x"]},
    "LinkComplaint": {"first": None},
    "Merge": {"into": "x"},
    "NewAgent": {"login": "x", "name": "x", "role": "admin", "password": PASSWORD},
    "NewDrill": {"title": "x"},
    "NewImprovement": {"text": "x", "owner": "x", "due_at": 2e9},
    "NewNote": {"text": "x"},
    "NewRules": {"content": {}, "why": "x"},
    "NewText": {"text": "x", "why": "x"},
    "NewWebhook": {"url": "https://example.com/"},
    "NewWords": {"words": ["权益包"]},
    "OpenSubtask": {"title": "x", "department": "物流部"},
    "Promote": _WHY,
    "Prove": {"password": "x", "code": "x"},
    "Proof": {"proof": "x"},
    "PublishRules": _WHY,
    "PublishText": {"number": 1},
    "Rating": {"score": 5},
    "Reason": _WHY,
    "RecordFollowUp": {"client_id": _ID, "reached": True},
    "Replay": {"ids": ["x"]},
    "Reply": {"text": "x", "client_id": _ID},
    "Result": {"result": "x"},
    "ReviewComplaint": {"passed": True},
    "ReviewFollowUp": {"reopen": True, "note": "x"},
    "ReviewRules": {"content": {}},
    "RollBackRules": _WHY,
    "Rollback": _WHY,
    "Saw": {"seq": 1},
    "SendComplaint": {"department": "物流部"},
    "SendBack": {"reason": "x"},
    "SetMajor": {"major": True, "why": "x"},
    "Snooze": {"seconds": 3600},
    "Split": {"messages": ["x"]},
    "Wanted": {"text": "物流"},
    "WriteFollowUp": {"client_id": _ID, "conversation": "x", "text": "x"},
}
"""A body that each form takes, where “{}” is none; of the others an empty one will do."""

_QUERIES = {
    "/complaints/ledger": "?month=2027-01",
    "/figures/month": "?month=2027-01",
    "/rules/{number}/diff": "?against=1",
    "/tickets/{ticket}/uploads": "?name=x",
}

_OF_EVERYBODY = frozenset(
    {
        "GET /me", "GET /me/second-factor", "POST /me/second-factor",
        "PUT /me/password", "PUT /me/presence", "PUT /me/shift",
        "POST /login", "POST /logout", "GET /ws", "GET /tokens", "POST /tokens",
        "GET /queue", "GET /queue/ended", "GET /tickets", "GET /board", "GET /agents",
        "GET /glossary", "GET /departments", "GET /canned", "GET /subtasks", "GET /improvements",
        "GET /follow-ups", "GET /incidents", "GET /incidents/{incident}",
        "POST /incidents/{incident}/texts", "POST /search",
    }
)  # fmt: skip
"""What an agent may ask for that is of no one ticket or person."""


def _asked(spec: Spec) -> list[tuple[str, str, dict[str, Any] | None]]:
    """Method, path below the API, and a body, of every operation."""
    found = []
    for path, operations in spec.document["paths"].items():
        for method, operation in operations.items():
            if method == "parameters" or not path.startswith("/api/v1"):
                continue
            content = operation.get("requestBody", {}).get("content", {})
            reference = content.get("application/json", {}).get("schema", {}).get("$ref", "")
            form = reference.rpartition("/")[2]
            body = _BODIES.get(form, {}) if form else None
            found.append((method.upper(), path.removeprefix("/api/v1"), body))
    return found


def _address(path: str, names: Mapping[str, str]) -> str:
    for name, value in names.items():
        path = path.replace(f"{{{name}}}", value)
    return path


async def test_what_is_anothers_or_takes_another_role_is_refused_everywhere(
    house: World, visit: Visit, spec: Spec
) -> None:
    li = await house.person("li")
    await house.person("wang")
    ticket = await house.ticket(html="<p>x</p>")
    await house.give(ticket, li)
    (message,) = (await (await visit("li")).get(f"/tickets/{ticket}")).json["messages"]
    names = {"ticket": ticket, "message": message["id"], "agent": li, "lang": "zh"}
    names |= {
        "text": "progress.late",
        "number": "1",
        "bundle": "b1",
        "other": "b2",
        "word": "权益",
    }
    left = dict.fromkeys(
        ("answer", "attachment", "canned", "conversation", "envelope", "follow_up", "improvement",
         "incident",
         "link", "member", "outbound", "run", "task", "token", "webhook"), "x",
    )  # fmt: skip
    wang, before = await visit("wang"), await house.store.tickets.get(ticket)
    for method, path, body in _asked(spec):
        if f"{method} {path}" in _OF_EVERYBODY:
            continue
        options = {"data": b"x"} if path.endswith("/uploads") else {}
        address = _address(path, names | left) + _QUERIES.get(path, "")
        answer = await wang.call(method, address, body, **options)
        assert answer.status in {403, 404}, f"{method} {path}: {answer.status} {answer.raw!r}"
        if path.startswith("/tickets/"):
            assert message["text"] not in answer.raw.decode()
    assert await house.store.tickets.get(ticket) == before
    assert (await house.store.agents.get(li)).role == Role.AGENT


async def test_nothing_is_told_to_whoever_has_not_signed_in(visit: Visit, spec: Spec) -> None:
    stranger = await visit()
    names = dict.fromkeys(
        ("agent", "answer", "attachment", "bundle", "canned", "conversation", "envelope",
         "follow_up", "improvement", "incident", "lang", "link", "member", "message", "number",
         "other", "outbound", "run", "task", "text", "ticket", "token", "webhook", "word"), "1",
    )  # fmt: skip
    for method, path, body in _asked(spec):
        if path != "/login":
            answer = await stranger.call(method, _address(path, names), body)
            assert answer.status == 401, f"{method} {path}"
