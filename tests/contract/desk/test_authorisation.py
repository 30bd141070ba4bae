"""Every route of the document, asked for by somebody whose business it is not."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from models.agent import Role
from tests.contract.desk.conftest import Desk, Visit
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
    "/tickets": "?state=waiting",
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


class Operation(NamedTuple):
    """One of the document, with a body that it takes, and who may ask for it, and how."""

    method: str
    path: str
    """Below the API."""
    body: dict[str, Any] | None
    least: Role
    by_token: bool

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


def _asked(spec: Spec) -> list[Operation]:
    found = []
    for path, operations in spec.document["paths"].items():
        for method, operation in operations.items():
            if method == "parameters" or not path.startswith("/api/v1"):
                continue
            content = operation.get("requestBody", {}).get("content", {})
            reference = content.get("application/json", {}).get("schema", {}).get("$ref", "")
            form = reference.rpartition("/")[2]
            body = _BODIES.get(form, {}) if form else None
            by: dict[str, list[str]] = {}
            for way in operation.get("security", spec.document["security"]):
                by |= way
            (roles,) = {tuple(of) for of in by.values()} or {()}
            least = Role(*roles) if roles else Role.AGENT
            below = path.removeprefix("/api/v1")
            found.append(Operation(method.upper(), below, body, least, "token" in by))
    return found


def _address(path: str, names: Mapping[str, str]) -> str:
    """A path with what it names; whatever ``names`` has not is ``x``."""
    return re.sub(r"{(\w+)}", lambda name: names.get(name[1], "x"), path)


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
    wang, before = await visit("wang"), await house.store.tickets.get(ticket)
    for method, path, body, _, _ in _asked(spec):
        if f"{method} {path}" in _OF_EVERYBODY:
            continue
        options = {"data": b"x"} if path.endswith("/uploads") else {}
        address = _address(path, names) + _QUERIES.get(path, "")
        answer = await wang.call(method, address, body, **options)
        assert answer.status in {403, 404}, f"{method} {path}: {answer.status} {answer.raw!r}"
        if path.startswith("/tickets/"):
            assert message["text"] not in answer.raw.decode()
    assert await house.store.tickets.get(ticket) == before
    assert (await house.store.agents.get(li)).role == Role.AGENT


async def test_nothing_is_told_to_whoever_has_not_signed_in(visit: Visit, spec: Spec) -> None:
    stranger = await visit()
    for method, path, body, _, _ in _asked(spec):
        if path != "/login":
            answer = await stranger.call(method, _address(path, {}), body)
            assert answer.status == 401, f"{method} {path}"


_ENDS_THE_VISIT = frozenset({"/login", "/logout", "/ws"})


async def _refused(desk: Desk, spec: Spec, ticket: str, code: str) -> set[str]:
    """The operations that are answered by a refusal of this code."""
    found = set()
    for asked in _visited(spec):
        lines = {"text": "progress.late"} if asked.path.startswith("/texts/") else {}
        names = {"ticket": ticket, "number": "1", "lang": "zh", "word": "权益"} | lines
        path = _address(asked.path, names)
        data = {"data": b"x"} if path.endswith("/uploads") else {"json": asked.body}
        answer = await desk.client.request(
            asked.method,
            f"/api/v1{path}{_QUERIES.get(asked.path, '')}",
            headers=desk.headers,
            **data,
        )
        if answer.status == 403 and (await answer.json())["code"] == code:
            found.add(asked.name)
    return found


def _visited(spec: Spec) -> list[Operation]:
    return [one for one in _asked(spec) if one.path not in _ENDS_THE_VISIT]


@pytest.mark.parametrize("role", [Role.AGENT, Role.SUPERVISOR, Role.ADMIN])
async def test_each_role_is_refused_what_the_document_gives_to_those_above_it_and_nothing_else(
    role: Role, house: World, visit: Visit, spec: Spec
) -> None:
    order = list(Role)
    await house.person("wang", role)
    refused = await _refused(await visit("wang"), spec, await house.ticket(), "forbidden")
    above = [one for one in _visited(spec) if order.index(one.least) > order.index(role)]
    assert refused == {one.name for one in above}


async def _token(desk: Desk, visit: Visit, **options: bool) -> Desk:
    program = await visit()
    made = await desk.post("/tokens", {"name": "n", "role": "admin"} | options)
    program.headers = {"Authorization": f"Bearer {made.json['token']}"}
    return program


async def test_what_a_token_may_not_do_is_what_the_document_gives_to_sessions_alone(
    house: World, visit: Visit, spec: Spec
) -> None:
    await house.person("root", Role.ADMIN)
    program = await _token(await visit("root"), visit)
    refused = await _refused(program, spec, await house.ticket(), "session_needed")
    assert refused == {one.name for one in _visited(spec) if not one.by_token}


async def test_a_token_that_only_reads_changes_nothing(
    house: World, visit: Visit, spec: Spec
) -> None:
    await house.person("root", Role.ADMIN)
    program = await _token(await visit("root"), visit, read_only=True)
    refused = await _refused(program, spec, await house.ticket(), "read_only")
    changing = [one for one in _visited(spec) if one.method != "GET" and one.path != "/search"]
    assert refused == {one.name for one in changing}
