"""What ``/metrics`` tells of a store."""

from zoneinfo import ZoneInfo

from aiohttp.test_utils import make_mocked_request

from config.sections import Hours
from models.store import Store
from models.store.figures.measures import STAGES
from models.training import Taxonomy
from workers.learning.watch_report import Limits, WatchReport
from workers.monitoring.metrics import metrics_handler

HOURS = Hours(
    time_zone="UTC", country="", periods={}, holidays=(), workdays={}, makeup_like="monday",
    teams={},
)  # fmt: skip
NOTHING = Taxonomy(version="t", facets={})


async def metrics(store: Store) -> list[str]:
    watch = WatchReport(store, NOTHING, ZoneInfo("UTC"), Limits(0.25, 0.8))
    handle = metrics_handler(store, HOURS, watch, [STAGES.name])
    response = await handle(make_mocked_request("GET", "/metrics"))
    return bytes(response.body).decode().splitlines()  # type: ignore[attr-defined]
