"""What operators are shown on the command line: answers, their attempts, calls."""

import re
from functools import partial
from pathlib import Path

from typer.testing import CliRunner

from models.errors import NotFound
from models.message import SendResult
from models.store import Store
from models.tables import call
from tests.contract.store.makers import replied, tried
from tests.contract.workers.data_folder import within
from workers.commands.app import app


def told(*words: str) -> str:
    done = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


async def answered(store: Store) -> str:
    answer = await replied(store, channel="ingest", account="form")
    await tried(store, answer, SendResult("failed", error="HTTP 410"))
    return answer


def test_answers_are_listed_shown_and_sent_again(data: Path) -> None:
    answer = within(data, answered)
    assert "HTTP 410" in told("deliveries", "list", "--state", "failed")
    assert answer not in told("deliveries", "list", "--channel", "webchat")
    assert re.search(r"1 .*\+08:00 .*failed .*HTTP 410", told("deliveries", "show", answer))
    none = CliRunner().invoke(app, ["deliveries", "show", answer[:8]])
    assert isinstance(none.exception, NotFound)
    assert "Queued" in told("deliveries", "again", answer)
    assert "queued" in told("deliveries", "list")
    within(data, partial(tried, answer=answer, result=SendResult("failed", error="HTTP 404")))
    assert re.search(r"2 .*\+08:00 .*failed .*HTTP 404", told("deliveries", "show", answer))


def test_what_is_not_parked_is_not_replayed(data: Path) -> None:
    within(data, answered)
    none = CliRunner().invoke(app, ["parked", "replay", "e1", "e2"])
    assert isinstance(none.exception, NotFound)
    assert "e1,e2" in str(none.exception)
    assert "0 replayed" in told("parked", "replay", "--all")


def test_calls_are_told_as_a_share(data: Path) -> None:
    async def rung(store: Store) -> None:
        async with store.db.write() as tx:
            for number, rings in enumerate((2, 4, 5, None)):
                at = tx.now - 60
                row = {
                    "id": tx.new_id(), "channel": "ingest", "account": "phone",
                    "external_id": str(number), "first_at": at, "rang_at": at, "rings": rings,
                    "answered_at": at + 9 if rings else None, "missed_at": None if rings else at,
                }  # fmt: skip
                await tx.insert(call, [row])

    within(data, rung)
    assert "50.0%" in told("calls", "rate")
    assert "75.0%" in told("calls", "rate", "--rings", "5")
    assert "–" in told("calls", "rate", "--account", "nobody")
