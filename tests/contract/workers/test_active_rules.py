"""The clock puts new rules on those who wait; missing holidays are told to whoever looks."""

from collections.abc import Collection
from datetime import UTC, datetime
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from aiohttp.test_utils import make_mocked_request

from config.sections import Hours
from models.errors import Temporary
from models.routing import Line, Rules
from models.store import Store
from models.store.dialogue.tombstones import leave_files
from models.store.routing.rules import Version
from models.training import Taxonomy
from router.sla import Calendars
from tests.contract.store.makers import ALWAYS, rules_content, waiting
from tests.contract.workers.system import CLOCK
from tests.fakes import FakeClock, FakeDoorbell
from workers.effects.clock import Ticker
from workers.learning.watch_report import Limits, WatchReport
from workers.monitoring import metrics
from workers.monitoring.metrics import metrics_handler
from workers.rules.active_rules import ActiveRules
from workers.rules.hours import gaps


async def target_of(store: Store, ticket_id: str) -> float | None:
    return (await store.tickets.get(ticket_id)).target


async def test_the_clock_places_anew_at_once_and_again_for_laggards(
    store: Store, clock: FakeClock
) -> None:
    first = Rules.model_validate(rules_content(600.0, version="file"))
    active_rules = ActiveRules(store, first, Calendars(ALWAYS))
    bell = FakeDoorbell()
    ticker = Ticker(store, bell, active_rules, CLOCK, {}, ())
    await store.rules.first(rules_content(), "file")
    early = await waiting(store, "a", target=900.0)
    await ticker.tick()
    assert await target_of(store, early) == 300.0
    await store.rules.draft(rules_content(100.0), None, "quicker", 1)
    await store.rules.publish(2, Line(), None, "now")
    clock.pass_(1)
    await ticker.tick()
    assert await target_of(store, early) == 100.0
    assert "dispatch" in bell.rung
    late = await waiting(store, "b", target=900.0)
    """Queued by a worker that had not heard of the new version yet."""
    for _ in range(9):
        clock.pass_(1)
        await ticker.tick()
    assert await target_of(store, late) == 900.0
    clock.pass_(1)
    await ticker.tick()
    assert await target_of(store, late) == 100.0


async def test_files_that_cannot_be_deleted_do_not_stop_the_clock(
    store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_hashes: Collection[str], _grace: float) -> None:
        raise Temporary("the folder is not there")

    active_rules = ActiveRules(store, Rules.model_validate(rules_content()), Calendars(ALWAYS))
    ticker = Ticker(store, FakeDoorbell(), active_rules, CLOCK, {}, ())
    async with store.db.write() as tx:
        await leave_files(tx, ["ab" * 32])
    clock.pass_(901)
    monkeypatch.setattr(store.blobs, "delete", away)
    assert await ticker.tick()
    monkeypatch.undo()
    assert await store.orphaned_blobs.delete() == 1, "it is still noted"


async def test_the_clock_clears_what_was_left_half_written(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []

    async def away(seconds: float) -> int:
        asked.append(seconds)
        raise Temporary("the folder is not there")

    active_rules = ActiveRules(store, Rules.model_validate(rules_content()), Calendars(ALWAYS))
    ticker = Ticker(store, FakeDoorbell(), active_rules, CLOCK, {}, ())
    monkeypatch.setattr(store.blobs, "clear", away)
    assert await ticker.tick()
    assert asked == [900.0]
    monkeypatch.undo()
    assert await store.orphaned_blobs.clear() == 0


async def test_rules_that_could_not_be_read_at_once_are_taken_over_at_the_next_look(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_number: int) -> Version:
        raise Temporary("the database is not available")

    await store.rules.first(rules_content(), "file")
    first = Rules.model_validate(rules_content(600.0, version="file"))
    active_rules = ActiveRules(store, first, Calendars(ALWAYS))
    with monkeypatch.context() as patch:
        patch.setattr(store.rules, "get", away)
        with pytest.raises(Temporary):
            await active_rules.refresh()
    assert await active_rules.refresh()
    assert active_rules.book.general.version == "1"


async def test_a_missing_year_is_a_figure(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    hours = Hours(
        time_zone="Asia/Shanghai", country="CN", periods={}, holidays=(), workdays={},
        makeup_like="monday", teams={},
    )  # fmt: skip
    now = datetime(2099, 12, 2, tzinfo=UTC).timestamp()
    monkeypatch.setattr(metrics, "time", SimpleNamespace(time=lambda: now))
    watch = WatchReport(
        store, Taxonomy(version="t", facets={}), ZoneInfo("UTC"), Limits(0.25, 0.8)
    )
    response = await metrics_handler(store, hours, watch, ())(
        make_mocked_request("GET", "/metrics")
    )
    text = bytes(response.body).decode()  # type: ignore[attr-defined]
    assert len(gaps(hours, now)) == 2
    for gap in gaps(hours, now):
        line = f'shouli_holidays_missing{{country="CN",team="centre",year="{gap.year}"}} 1.0'
        assert line in text
    assert text.count("shouli_holidays_missing{") == len(gaps(hours, now))
