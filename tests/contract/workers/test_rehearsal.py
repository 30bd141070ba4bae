"""Rehearsals of odd centres: nobody there, nobody with room, one agent, everything at once."""

from zoneinfo import ZoneInfo

import pytest

from config.settings import load, load_rules
from models.routing import Rulebook
from models.ticket import Label, Labels
from router.simulate import Shift
from router.sla import WEEKDAYS, Calendar, Calendars
from workers.commands.rehearsing import tell
from workers.rules.picture import picture
from workers.rules.rehearsal import Side, rehearse
from workers.rules.traffic import Arrival, Traffic

BOOK = Rulebook(load_rules(load(None, environ={})))
ALWAYS = Calendars(Calendar.of("UTC", {day: ["00:00-24:00"] for day in WEEKDAYS}))
DAY = 1_795_651_200.0


def arrival(number: int, at: float) -> Arrival:
    facets = {"domain": "物流", "type": "求助", "urgency": "一般"}
    labels = {k: Label(value=v, confidence=1.0, accepted=True) for k, v in facets.items()}
    return Arrival(
        str(number), Labels(facets=labels, bundle=""), "zh", "webchat", "", "live", "", at, 300.0
    )


def shift(name: str, capacity: int) -> Shift:
    return Shift(name, {"domain:物流": 3}, capacity, DAY, DAY + 7200.0)


@pytest.mark.parametrize(
    ("shifts", "tickets", "unserved"),
    [
        ([], 2, 2),
        ([shift("li", 0)], 2, 2),
        ([shift("li", 0), shift("wu", 6)], 2, 0),
        ([shift("li", 2)], 1, 0),
        ([shift("li", 2)], 0, 0),
    ],
)
def test_an_odd_centre_is_reported_not_tripped_over(
    shifts: list[Shift], tickets: int, unserved: int, capsys: pytest.CaptureFixture[str]
) -> None:
    came = [arrival(n, DAY + 60.0) for n in range(tickets)]
    traffic = Traffic(came, shifts, "described", ZoneInfo("UTC"))
    report = rehearse(traffic, Side(BOOK, shifts), Side(BOOK, shifts), ALWAYS)
    assert report["draft"]["unserved"] == unserved
    tell(report, as_json=False, file=None)
    assert f"never given {unserved}" in capsys.readouterr().out
    assert picture(report).endswith("</svg>\n")
