"""Group commit: acknowledged after the commit, and one caller's fault is that caller's."""

import asyncio
import shutil
from collections import namedtuple
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest
from structlog.testing import capture_logs

from models.errors import StorageFull, Temporary
from models.message import Envelope, Lane, Receipt
from models.store.intake.envelopes import Envelopes
from tests.fakes import FakeDoorbell
from workers.messages.intake import Intake, disk_watermark


class FakeEnvelopes:
    """Commits when the test lets it, and keeps what each commit held."""

    def __init__(self) -> None:
        self.commits: list[list[str]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.poison = ""

    async def accept(self, envelopes: Sequence[Envelope]) -> list[Receipt]:
        await self.gate.wait()
        if self.error:
            raise self.error
        if any(e.dedupe_key == self.poison for e in envelopes):
            raise TypeError("not JSON")
        self.commits.append([e.dedupe_key for e in envelopes])
        return [Receipt(e.id, "new") for e in envelopes]


def envelope(key: str, lane: Lane = Lane.MAIL) -> Envelope:
    return Envelope(key, "email", "a", key, b"", 0.0, lane)


def no_check() -> None:
    return None


@pytest.fixture
def envelopes() -> FakeEnvelopes:
    return FakeEnvelopes()


@pytest.fixture
def doorbell() -> FakeDoorbell:
    return FakeDoorbell()


def make(envelopes: FakeEnvelopes, doorbell: FakeDoorbell, group: int = 4) -> Intake:
    return Intake(cast("Envelopes", envelopes), doorbell, group=group, check_room=no_check)


async def test_nothing_is_acknowledged_before_its_commit(
    envelopes: FakeEnvelopes, doorbell: FakeDoorbell
) -> None:
    intake = make(envelopes, doorbell)
    envelopes.gate.clear()
    call = asyncio.create_task(intake.accept([envelope("a")]))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not call.done()
    assert doorbell.rung == []
    envelopes.gate.set()
    assert await call == [Receipt("a", "new")]
    assert doorbell.rung == ["drain.mail"]


async def test_callers_share_commits_and_a_doorbell_each(
    envelopes: FakeEnvelopes, doorbell: FakeDoorbell
) -> None:
    intake = make(envelopes, doorbell)
    calls = [intake.accept([envelope(f"{i}a"), envelope(f"{i}b")]) for i in range(4)]
    receipts = await asyncio.gather(*calls)
    assert [[r.envelope_id for r in mine] for mine in receipts] == [
        [f"{i}a", f"{i}b"] for i in range(4)
    ]
    assert [len(commit) for commit in envelopes.commits] == [4, 4]
    assert len(doorbell.rung) == 2


async def test_a_caller_larger_than_the_group_still_commits_at_once(
    envelopes: FakeEnvelopes, doorbell: FakeDoorbell
) -> None:
    await make(envelopes, doorbell, group=1).accept([envelope("a"), envelope("b")])
    assert envelopes.commits == [["a", "b"]]


async def test_each_lane_is_rung(envelopes: FakeEnvelopes, doorbell: FakeDoorbell) -> None:
    await make(envelopes, doorbell).accept([envelope("m"), envelope("c", Lane.LIVE)])
    assert doorbell.rung == ["drain.live", "drain.mail"]


async def test_a_database_that_is_away_is_told_to_everybody_in_the_group(
    envelopes: FakeEnvelopes, doorbell: FakeDoorbell
) -> None:
    intake = make(envelopes, doorbell)
    envelopes.error = Temporary("away")
    with capture_logs() as logs:
        results = await asyncio.gather(
            *(intake.accept([envelope(str(i))]) for i in range(3)), return_exceptions=True
        )
    assert [type(r) for r in results] == [Temporary] * 3
    assert {line["error"] for line in logs} == {"away"}
    assert doorbell.rung == []
    envelopes.error = None
    assert await intake.accept([envelope("later")])


async def test_a_database_that_does_not_answer_is_not_waited_for(
    envelopes: FakeEnvelopes, doorbell: FakeDoorbell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.messages.intake.PATIENCE_SECONDS", 0.0)
    intake = make(envelopes, doorbell)
    envelopes.gate.clear()
    with pytest.raises(Temporary, match="does not answer"):
        await intake.accept([envelope("a")])
    assert doorbell.rung == []


async def test_one_callers_fault_reaches_that_caller_alone(
    envelopes: FakeEnvelopes, doorbell: FakeDoorbell
) -> None:
    intake = make(envelopes, doorbell)
    envelopes.poison = "bad"
    with capture_logs() as logs:
        results = await asyncio.gather(
            *(intake.accept([envelope(key)]) for key in ("good", "bad", "fine")),
            return_exceptions=True,
        )
    assert [line["error"] for line in logs] == ["TypeError"]  # it may quote the message
    assert [type(r) for r in results] == [list, TypeError, list]
    with pytest.raises(TypeError):
        await intake.accept([envelope("bad")])


async def test_a_caller_who_left_does_not_disturb_the_others(
    envelopes: FakeEnvelopes, doorbell: FakeDoorbell
) -> None:
    intake = make(envelopes, doorbell)
    for error in (None, Temporary("away")):
        envelopes.gate.clear()
        envelopes.error = error
        gone = asyncio.create_task(intake.accept([envelope("gone")]))
        stays = asyncio.create_task(intake.accept([envelope("stays")]))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        envelopes.gate.set()
        (result,) = await asyncio.gather(stays, return_exceptions=True)
        assert isinstance(result, list if error is None else Temporary)
    assert envelopes.commits == [["gone", "stays"]]


def test_the_watermark_refuses_before_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    check = disk_watermark(tmp_path, 256)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, 300_000_000))
    check()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, 200_000_000))
    with pytest.raises(StorageFull, match="256 MB"):
        check()
