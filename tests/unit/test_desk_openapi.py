"""docs/openapi.yaml says what the desk does: no more, no less."""

import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import desk
from desk import bodies, complaint_bodies, queries
from desk.app import DOORS
from tests.contract.desk.spec import Spec

WEB = Path(desk.__file__).parent / "web"

QUERIES = {
    *(
        model
        for _, model in inspect.getmembers(queries, inspect.isclass)
        if model.__module__ == queries.__name__
    ),
    complaint_bodies.LedgerQuery,
}

_PAGES = "".join(page.read_text("utf-8") for page in WEB.glob("*.js"))

BODIES = {
    name: model
    for module in (bodies, complaint_bodies)
    for name, model in inspect.getmembers(module, inspect.isclass)
    if issubclass(model, bodies.Body) and model not in {bodies.Body, bodies.Repeatable, *QUERIES}
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return Spec().document


def test_every_route_is_documented_and_nothing_else(document: dict[str, Any]) -> None:
    app = web.Application()
    for door in DOORS:
        app.add_routes(door.routes())
    live = {
        (
            route.method.lower(),
            re.sub(r"\{(\w+):[^{}]*(\{[^{}]*\})?[^{}]*\}", r"{\1}", r.canonical),
        )
        for r in app.router.resources()
        for route in r
        if route.method != "HEAD"
    }
    documented = {
        (method, path) for path, methods in document["paths"].items() for method in methods
    }
    assert live == documented


@pytest.mark.parametrize("name", sorted(BODIES))
def test_bodies_are_as_documented(document: dict[str, Any], name: str) -> None:
    schema = BODIES[name].model_json_schema()
    documented = document["components"]["schemas"][name]
    assert set(documented["properties"]) == set(schema["properties"])
    assert set(documented.get("required", ())) == set(schema.get("required", ()))
    assert documented["additionalProperties"] is False


def test_queries_are_as_documented(document: dict[str, Any]) -> None:
    def names(path: str) -> set[str]:
        parameters = document["paths"][path]["get"]["parameters"]
        return {p["name"] for p in parameters if p.get("in") == "query"}

    assert names("/api/v1/tickets") == set(queries.TicketFilter.model_fields)
    assert names("/api/v1/incidents") == set(queries.IncidentFilter.model_fields)
    assert names("/api/v1/follow-ups") == set(queries.FollowUpFilter.model_fields)
    assert names("/api/v1/tickets/{ticket}") == set(queries.After.model_fields)
    assert names("/api/v1/complaints/ledger") == set(complaint_bodies.LedgerQuery.model_fields)
    assert names("/api/v1/rules/{number}/diff") == set(queries.Against.model_fields)
    assert names("/api/v1/webhooks/{webhook}/events") == set(queries.WebhookLog.model_fields)
    assert names("/api/v1/parked") == set(queries.ParkedPage.model_fields)
    assert names("/api/v1/deliveries") == set(queries.DeliveryFilter.model_fields)


def test_everything_is_said_in_both_languages(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            summary = operation["summary"]
            assert re.search(r"[一-鿿].* / .*[A-Za-z]", summary), f"{method} {path}: {summary}"


def test_the_pages_give_a_key_to_whatever_takes_one(document: dict[str, Any]) -> None:
    taking = {
        f"schemas/{name}" for name, one in BODIES.items() if issubclass(one, bodies.Repeatable)
    }
    ends = {
        path.removeprefix("/api/v1").rpartition("}")[2].removeprefix("/complaint")
        for path, methods in document["paths"].items()
        if any(ref in str(methods.get("post", {}).get("requestBody")) for ref in taking)
    }
    assert len(ends) == len(taking)
    posted = re.findall(r"\b(call\(\"POST\", |make\()([^,]*)", _PAGES)
    by_make = {place for how, place in posted if how == "make("}
    without = {place for how, place in posted if how != "make("}
    for end in ends - {"/webhooks"}:  # which no page makes
        asked = re.compile(rf"{re.escape(end)}[`\"]|\"{end.strip('/')}\"")
        assert any(map(asked.search, by_make)), end
        assert not any(map(asked.search, without)), end
