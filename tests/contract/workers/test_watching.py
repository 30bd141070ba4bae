"""What the classifier says is counted by day, and a challenger is compared; labels stay."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from prometheus_client.parser import text_string_to_metric_families

from classifier import bundles
from classifier.examples import Example
from classifier.features import FeatureConfig
from classifier.fitting import TrainConfig
from classifier.predict import Classifier
from classifier.text import Text
from classifier.train import train
from config.settings import load
from models.errors import Temporary
from models.store import Store
from models.store.learning.watching import Cell, date_of, day_of
from tests.contract.store import makers
from tests.contract.workers.watching import (
    KINDS,
    TAXONOMY,
    THINGS,
    ZONE,
    House,
    champion,
    opposite,
    questions,
    stored,
)
from tests.fakes import FakeClock
from workers.learning.watch_report import trained_on
from workers.monitoring.metrics import metrics_handler


@pytest.fixture
async def house(store: Store, tmp_path: Path) -> House:
    made_house = House(store, tmp_path / "cache")
    await store.bundles.promote(await stored(store, champion(), tmp_path / "made"), None)
    await made_house.serving.refresh()
    return made_house


def complaints(count: int) -> list[str]:
    return [KINDS["投诉"].format(THINGS[n % len(THINGS)]) for n in range(count)]


async def test_labels_confidence_and_unknown_words_are_counted_by_day_and_channel(
    house: House, clock: FakeClock
) -> None:
    await house.bring([*questions(3), "ωμέγα αλφα βήτα"])
    await house.bring(complaints(1), start=10, channel="email")
    await house.watching.flush()
    await house.watching.flush()  # nothing twice
    bundle, day = house.serving.bundle or "", day_of(clock.now, ZONE)
    counts = await house.store.watching.counts(bundle, [(day, day)])
    assert counts[Cell(bundle, day, "email", "type", "label", "投诉")] == 1
    webchat = {cell: n for cell, n in counts.items() if cell.channel == "webchat"}
    assert sum(n for cell, n in webchat.items() if cell.measure == "label") == 4
    assert sum(n for cell, n in webchat.items() if cell.measure == "confidence") == 4
    assert webchat[Cell(bundle, day, "webchat", "", "unknown", "9")] == 1
    assert webchat[Cell(bundle, day, "webchat", "", "unknown", "0")] == 3


async def test_without_a_bundle_nothing_is_counted(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    house = House(store, tmp_path / "cache")
    await house.bring(questions(2))
    await house.watching.flush()
    day = day_of(clock.now, ZONE)
    assert await store.watching.counts("", [(day, day)]) == {}


async def test_what_one_bundle_labelled_is_not_counted_as_strange_to_the_next(
    house: House, clock: FakeClock, tmp_path: Path
) -> None:
    await house.bring(questions(3))
    other = await stored(house.store, opposite(), tmp_path / "made")
    await house.store.bundles.promote(other, None)
    await house.serving.refresh()
    assert house.serving.bundle == other
    await house.watching.flush()
    day = day_of(clock.now, ZONE)
    assert await house.store.watching.counts(other, [(day, day)]) == {}


@pytest.mark.parametrize("away", ["now", "add", "shadows"])
async def test_while_the_database_is_away_nothing_is_lost_that_was_seen(
    house: House, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, away: str
) -> None:
    other = await stored(house.store, opposite(), tmp_path / "made")
    await house.work.shadow(other, None)
    await house.shadowing.refresh()
    await house.bring(questions(3))

    async def gone(*_args: object) -> Any:
        raise Temporary("away")

    where, name = {
        "now": (type(house.store.db), "now"),
        "add": (type(house.store.watching), "add"),
        "shadows": (type(house.store.shadows), "add"),
    }[away]
    with monkeypatch.context() as patch:
        patch.setattr(where, name, gone)
        for _ in range(2):
            with pytest.raises(Temporary):
                await house.watching.flush()
    await house.watching.flush()
    bundle, day = house.serving.bundle or "", day_of(clock.now, ZONE)
    counts = await house.store.watching.counts(bundle, [(day, day)])
    assert sum(n for cell, n in counts.items() if cell.measure == "label") == 3
    sitting = await house.store.shadows.sitting()
    assert sitting is not None
    assert sitting.tickets == 3


async def test_a_ticket_is_counted_once_however_often_its_text_grows(
    house: House, clock: FakeClock
) -> None:
    await house.bring(questions(1))
    e = makers.envelope("more", now=clock.now)
    await makers.thread(house.store, e, conversation_key="talk-k0", text="还没人回，我要投诉")
    await house.label()
    await house.watching.flush()
    bundle, day = house.serving.bundle or "", day_of(clock.now, ZONE)
    counts = await house.store.watching.counts(bundle, [(day, day)])
    assert sum(n for cell, n in counts.items() if cell.measure == "label") == 1


async def test_a_challenger_in_shadow_is_compared_and_changes_nothing(
    house: House, tmp_path: Path
) -> None:
    other = await stored(house.store, opposite(), tmp_path / "made")
    await house.work.shadow(other, None)
    await house.shadowing.refresh()
    await house.bring(questions(4))
    await house.watching.flush()
    told = await house.report.shadow()
    assert told is not None
    assert (told["bundle"], told["tickets"]) == (other, 4)
    (facet,) = told["facets"]
    assert (facet["compared"], facet["disagreed"]) == (4, 4)
    assert facet["pairs"] == [{"champion": "咨询", "challenger": "投诉", "count": 4}]
    assert len(told["disagreements"]) == 4
    tickets = await house.store.tickets.page()
    assert {t.labels.facets["type"].value for t in tickets if t.labels} == {"咨询"}
    assert {t.labels.bundle for t in tickets if t.labels} == {house.serving.bundle}
    # People's words say who was right.
    person = await makers.agent(house.store)
    await house.store.tickets.correct(tickets[0].id, person, "type", "投诉")
    told = await house.report.shadow()
    assert told is not None
    assert told["facets"][0]["right"] == {
        "both": 0, "champion": 0, "challenger": 1, "neither": 0,
    }  # fmt: skip


async def test_a_challenger_sees_its_share_and_no_more(
    store: Store, house: House, tmp_path: Path
) -> None:
    some = House(store, tmp_path / "cache", share=0.3, most=8)
    await some.serving.refresh()
    await some.work.shadow(await stored(store, opposite(), tmp_path / "made"), None)
    await some.shadowing.refresh()
    await some.bring(questions(40))
    await some.watching.flush()
    sitting = await store.shadows.sitting()
    assert sitting is not None
    assert 1 <= sitting.tickets <= 30
    some.shadowing._most = sitting.tickets
    await some.shadowing.refresh()
    await some.bring(questions(5), start=50)
    await some.watching.flush()
    assert await store.shadows.sitting() == sitting


async def test_a_challenger_that_breaks_harms_nobody(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.work.shadow(await stored(house.store, opposite(), tmp_path / "made"), None)
    await house.shadowing.refresh()

    asked: list[object] = []

    def fail(items: object) -> Any:
        asked.append(items)
        raise RecursionError

    monkeypatch.setattr(house.shadowing._challenger, "classify", fail)
    for number in range(2):
        await house.bring(questions(1), number)
        await house.watching.flush()
        await house.shadowing.refresh()
    assert len(asked) == 1, "what has broken is not asked again"
    told = await house.report.shadow()
    assert told is not None
    assert told["tickets"] == 0
    assert len(await house.store.tickets.page()) == 2


async def test_drift_alarms_after_the_first_week_and_not_before(
    house: House, clock: FakeClock
) -> None:
    usual = Cell(house.serving.bundle or "", 0, "email", "type", "label", "")
    first = day_of(clock.now, ZONE)
    for day in range(first, first + 7):
        each = usual._replace(day=day)
        await house.store.watching.add(
            {each._replace(bucket="咨询"): 80, each._replace(bucket="投诉"): 20}
        )
    clock.pass_(6 * 86400)
    told = await house.report.report()
    assert told["reference"]["kind"] == "training"
    assert told["alarms"] == []
    clock.pass_(86400)
    today = usual._replace(day=first + 7)
    await house.store.watching.add(
        {today._replace(bucket="咨询"): 20, today._replace(bucket="投诉"): 80}
    )
    told, alarms = await house.report.alarms()
    assert told["reference"]["kind"] == "first_week"
    assert {(a.kind, a.measure, a.facet, a.channel) for a in alarms} == {
        ("drift", "label", "type", "email"),
        ("drift", "label", "type", ""),
    }
    whole = next(each for each in told["series"] if not each["channel"])
    last = whole["points"][-1]
    assert last["day"] == date_of(first + 7).isoformat()
    assert last["shares"] == {"咨询": 0.2, "投诉": 0.8}
    assert last["alarm"]
    assert not any(point["alarm"] for point in whole["points"][:-1])


async def test_corrections_that_pile_up_are_an_alarm_on_metrics(
    house: House, clock: FakeClock
) -> None:
    await house.bring(questions(15))
    await house.watching.flush()
    bundle, today = house.serving.bundle or "", day_of(clock.now, ZONE)
    await house.store.watching.add({Cell(bundle, today, "email", "type", "label", "投诉"): 45})
    person = await makers.agent(house.store)
    tickets = await house.store.tickets.page(limit=15)
    for ticket in tickets[:13]:
        await house.store.tickets.correct(ticket.id, person, "type", "投诉")
    for ticket in tickets[13:]:
        await house.store.tickets.correct(ticket.id, person, "type", "咨询")  # confirmed
    told = await house.report.report()
    ((point,),) = [each["points"] for each in told["agreement"]]
    assert (point["labelled"], point["given"], point["changed"]) == (60, 15, 13)
    assert point["share"] == pytest.approx(1 - 13 / 60, abs=1e-3)
    settings = load(environ={})
    handle = metrics_handler(house.store, settings.hours, house.report, ())
    response: Any = await handle(make_mocked_request("GET", "/metrics"))
    figures = {
        (sample.name, sample.labels.get("kind"), sample.labels.get("facet")): sample.value
        for family in text_string_to_metric_families(response.body.decode())
        for sample in family.samples
    }
    assert figures["shouli_classifier_alarm", "agreement", "type"] == 1
    assert figures["shouli_classifier_limit", "agreement", None] == 0.8
    assert figures["shouli_classifier_agreement", None, "type"] == pytest.approx(0.7833)
    assert ("shouli_classifier_drift", None, "type") in figures


async def test_after_a_promotion_corrections_of_what_the_last_bundle_labelled_alarm_nobody(
    house: House, clock: FakeClock, tmp_path: Path
) -> None:
    await house.bring(questions(15))
    await house.watching.flush()
    old, today = house.serving.bundle or "", day_of(clock.now, ZONE)
    await house.store.watching.add({Cell(old, today, "email", "type", "label", "投诉"): 185})
    await house.store.bundles.promote(
        await stored(house.store, opposite(), tmp_path / "new"), None
    )
    new = await house.store.bundles.champion() or ""
    clock.pass_(86400)
    await house.store.watching.add({Cell(new, today + 1, "email", "type", "label", "投诉"): 60})
    person = await makers.agent(house.store)
    for ticket in await house.store.tickets.page(limit=15):
        await house.store.tickets.correct(ticket.id, person, "type", "投诉")
    told = await house.report.report()
    assert told["kept"] == {"type": pytest.approx(1 - 15 / 260, abs=1e-3)}
    assert told["alarms"] == []


async def test_four_weeks_are_held_against_the_four_before_class_by_class(
    house: House, clock: FakeClock
) -> None:
    person = await makers.agent(house.store)
    store = house.store

    async def month(bundle: str, texts: list[str], start: int, others: int, tenth: str) -> None:
        """Questions that agents all call complaints, and ``others`` that they leave alone."""
        day = day_of(clock.now, ZONE)
        await house.bring(texts, start=start)
        for ticket in (await store.tickets.page(limit=100))[: len(texts)]:
            await store.tickets.correct(ticket.id, person, "type", "投诉")
        cell = Cell(bundle, day, "email", "type", "label", "")
        await store.watching.add(
            {
                cell._replace(bucket="咨询"): others + len(texts),
                cell._replace(bucket="投诉"): 100,
                cell._replace(measure="confidence", bucket=tenth): 50,
                cell._replace(measure="confidence", bucket="9"): 50,
            }
        )

    await month("b1", questions(2), 0, 98, "5")
    clock.pass_(28 * 86400)
    told = await house.report.trend()
    (facet,) = told["facets"]
    assert (facet["before"]["labelled"], facet["now"]["labelled"]) == (200, 0)
    assert not facet["worse"]  # nothing to compare with yet
    clock.pass_(-86400)  # still the last of the four weeks
    assert (await house.report.trend())["facets"][0]["now"]["labelled"] == 200
    clock.pass_(86400)
    await month("b2", questions(24), 50, 76, "4")
    told = await house.report.trend()
    (facet,) = told["facets"]
    assert told["now"] == date_of(day_of(clock.now, ZONE) - 27).isoformat()
    assert facet["before"] == {
        "labelled": 200, "changed": 0.01, "confidence": 0.75, "unsure": 0.0,
    }  # fmt: skip
    assert facet["now"] == {
        "labelled": 200, "changed": 0.12, "confidence": 0.7, "unsure": 0.5,
    }  # fmt: skip
    assert facet["worse"]
    assert [week["labelled"] for week in facet["weeks"]] == [0, 0, 0, 200, 0, 0, 0, 200]
    asked, complained = facet["classes"]
    assert asked == {
        "value": "咨询",
        "before": {"labelled": 100, "wrong": 0.02, "missed": 0.0},
        "now": {"labelled": 100, "wrong": 0.24, "missed": 0.0},
        "worse": ["wrong"],
    }
    assert complained == {
        "value": "投诉",
        "before": {"labelled": 100, "wrong": 0.0, "missed": pytest.approx(2 / 102, abs=1e-4)},
        "now": {"labelled": 100, "wrong": 0.0, "missed": pytest.approx(24 / 124, abs=1e-4)},
        "worse": ["missed"],
    }


async def test_few_labels_are_held_against_nothing(house: House, clock: FakeClock) -> None:
    person = await makers.agent(house.store)
    cell = Cell("b1", day_of(clock.now, ZONE), "email", "type", "label", "咨询")
    await house.store.watching.add({cell: 49})
    clock.pass_(28 * 86400)
    await house.bring(questions(40))
    for ticket in await house.store.tickets.page(limit=40):
        await house.store.tickets.correct(ticket.id, person, "type", "投诉")
    await house.store.watching.add({cell._replace(day=cell.day + 28): 60})
    (facet,) = (await house.report.trend())["facets"]
    assert facet["now"]["changed"] == pytest.approx(40 / 60, abs=1e-3)
    assert not facet["worse"]
    assert [each["worse"] for each in facet["classes"]] == [[], []]


def test_what_a_bundle_was_trained_on_is_on_its_card() -> None:
    known = trained_on({"metrics": champion().card.metrics}, ["email"])
    assert sum(known["label", "type", "email"].values()) == 2 * len(THINGS)
    assert sum(known["confidence", "type", ""].values()) == 2 * len(THINGS)


def test_the_trades_own_words_are_learnt_and_are_part_of_the_bundle(tmp_path: Path) -> None:
    data = [
        Example(Text(f"权益包{thing}{tail}"), {"type": kind})
        for kind, tail in (("咨询", "怎么办理"), ("投诉", "太差了"))
        for thing in THINGS
    ]
    config = TrainConfig(features=FeatureConfig(min_count=1))
    plain = train(data, TAXONOMY, config, now=0.0)
    own = train(data, TAXONOMY.model_copy(update={"words": ("权益包",)}), config, now=0.0)
    assert "权益包" not in plain.vocabulary.terms["word"]
    assert "权益包" in own.vocabulary.terms["word"]
    folders = [bundles.save(each, tmp_path) for each in (plain, own)]
    assert folders[0].name != folders[1].name
    # The champion serves on with its own words, whatever the taxonomy says since.
    loaded = Classifier.load(folders[1], TAXONOMY)
    assert loaded.unknown([Text("权益包")]) == [0.0]
    assert Classifier.load(folders[0], own.taxonomy).unknown([Text("权益包")]) == [0.0]
