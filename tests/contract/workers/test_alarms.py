"""The alarms that we ship look at metrics, labels and values that /metrics really has."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import yaml
from prometheus_client.parser import text_string_to_metric_families

from models.agent import Presence
from models.message import Lane
from models.store import Store
from models.store.effects.webhooks import WebhookState
from tests.contract.store.makers import waiting
from tests.contract.workers.metrics import metrics
from workers.monitoring.status import LIMITS

RULES = Path(__file__).resolve().parents[3] / "deploy/prometheus.rules.yaml"

_SELECTOR = re.compile(r"(shouli_\w+)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)=~?"([^"]*)"')

VALUES: Mapping[tuple[str, str], set[str]] = {
    ("shouli_waiting_oldest_seconds", "kind"): set(LIMITS) - {"followers"},
    ("shouli_envelopes", "lane"): {*Lane, "parked"},
    ("shouli_answers", "state"): {"queued", "sending", "unknown", "failed"},
    ("shouli_webhook_events", "state"): set(get_args(WebhookState)),
    ("shouli_agents", "presence"): set(Presence),
    ("shouli_tickets_escalated", "level"): {"1", "2", "3"},
    ("shouli_stage_seconds_bucket", "stage"): {"threaded", "classified", "offered", "accepted"},
}
"""What the labels that a rule asks for can be; the source of each is not this file."""


def _rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


async def test_every_rule_asks_for_what_is_there(store: Store) -> None:
    await waiting(store)
    families = list(text_string_to_metric_families("\n".join(await metrics(store)) + "\n"))
    names = {family.name for family in families}
    names |= {f"{family.name}_bucket" for family in families if family.type == "histogram"}
    for rule in _rules():
        asked = _SELECTOR.findall(rule["expr"])
        assert asked, rule["alert"]
        for name, matchers in asked:
            assert name in names, rule["alert"]
            for label, wanted in _MATCHER.findall(matchers):
                assert set(wanted.split("|")) <= VALUES[name, label], rule["alert"]


async def test_every_kind_that_may_wait_too_long_has_an_alarm(store: Store) -> None:
    """And what /metrics tells without anything waiting is 0, not absent: rules compare numbers."""
    told = await metrics(store)
    asked = " ".join(rule["expr"] for rule in _rules())
    watched = set(re.findall(r"\w+", " ".join(re.findall(r'kind=~?"([^"]*)"', asked))))
    for kind in set(LIMITS) - {"followers"}:
        assert kind in watched
        assert f'shouli_waiting_oldest_seconds{{kind="{kind}"}} 0.0' in told
    for role in ("intake", "work", "desk", "clock"):
        assert f'shouli_processes{{role="{role}"}} 0.0' in told
    await store.processes.beat("a", "clock", "host", 7, "0.1.0")
    assert 'shouli_processes{role="clock"} 1.0' in await metrics(store)


def test_every_rule_says_what_it_is_in_both_languages_and_how_grave() -> None:
    rules = _rules()
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["labels"]["severity"] in {"page", "ticket"}
        zh, _, en = rule["annotations"]["summary"].partition(" / ")
        assert re.search("[一-鿿]", zh)
        assert en
