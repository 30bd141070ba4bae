"""A channel that cannot be opened keeps no other one shut, and is tried until it can be."""

import asyncio
from typing import Any, cast

import pytest

from models.errors import Permanent
from models.ports import Channel, Door
from workers.assembly import openings
from workers.assembly.openings import Openings

DOOR = cast(Door, object())


class _Channel:
    """Cannot be opened as often as ``fails`` says."""

    def __init__(self, fails: int = 0) -> None:
        self.fails = fails
        self.opened = asyncio.Event()
        self.closed = 0

    async def open(self, door: Door) -> None:
        assert door is DOOR
        if self.fails:
            self.fails -= 1
            raise Permanent("占了 / taken")
        self.opened.set()

    async def close(self) -> None:
        self.closed += 1


def _openings(**channels: _Channel) -> Openings:
    return Openings(cast(dict[str, Channel], channels), DOOR)


async def test_the_others_open_and_it_opens_by_itself_when_it_can(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(openings, "PAUSES", (0.001,))
    mail, chat = _Channel(fails=3), _Channel()
    doors = _openings(mail=mail, chat=chat)
    assert await doors.open() == ["chat"]
    assert doors.trouble == "mail: 占了 / taken"
    assert mail.closed == 1, "what it had begun is ended before it is tried again"
    await asyncio.wait_for(mail.opened.wait(), 5)
    await asyncio.sleep(0)
    assert doors.trouble is None
    await doors.close()
    assert (mail.closed, chat.closed) == (4, 1)


async def test_one_that_is_open_and_does_not_hear_tells_it_too() -> None:
    class Deaf(_Channel):
        trouble = "读不到 / cannot be read"

    doors = _openings(mail=Deaf(), chat=_Channel())
    assert await doors.open() == ["chat", "mail"]
    assert doors.trouble == "mail: 读不到 / cannot be read"
    await doors.close()


async def test_another_error_at_a_later_try_does_not_end_the_trying(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Broken(_Channel):
        async def open(self, door: Door) -> None:
            if self.fails == 1:
                self.fails = 0
                raise ValueError("odd")
            await super().open(door)

    monkeypatch.setattr(openings, "PAUSES", (0.001,))
    mail = Broken(fails=2)
    doors = _openings(mail=mail)
    assert await doors.open() == []
    await asyncio.wait_for(mail.opened.wait(), 5)
    await asyncio.sleep(0)
    assert doors.trouble is None
    await doors.close()


async def test_closing_tries_no_more() -> None:
    mail = _Channel(fails=1)
    doors = _openings(mail=mail)
    assert await doors.open() == []
    await doors.close()
    assert not mail.opened.is_set()


async def test_a_fault_of_ours_is_not_taken_for_a_taken_port() -> None:
    class Broken(_Channel):
        async def open(self, _door: Any) -> None:
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        await _openings(mail=Broken()).open()


async def test_one_that_does_not_close_keeps_no_other_one_from_it() -> None:
    class Stuck(_Channel):
        async def close(self) -> None:
            await other.ended.wait()
            raise ValueError("odd")

    class Orderly(_Channel):
        ended = asyncio.Event()

        async def close(self) -> None:
            self.ended.set()

    other = Orderly()
    doors = _openings(mail=Stuck(), chat=other)
    await doors.open()
    await asyncio.wait_for(doors.close(), 5)
    assert other.ended.is_set()
