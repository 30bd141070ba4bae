"""What the demo says where a step does not happen."""

from collections.abc import Callable, Mapping
from io import StringIO
from typing import Any, cast

import pytest
from rich.console import Console

from workers.demo.play import Stage, _routed
from workers.demo.staff import DemoError, Staff


class _Nobody:
    """A desk at which nobody takes a ticket."""

    def __init__(self, waits: Mapping[str, Any] | None) -> None:
        self.line = self
        self._waits = waits

    async def until(self, kind: str, _wanted: Callable[[Any], bool]) -> Any:
        raise DemoError(f"The event {kind} did not come")

    async def ticket(self, _ticket_id: str) -> Mapping[str, Any]:
        return {"waits": self._waits}


@pytest.mark.parametrize(
    ("waits", "told"),
    [
        ({"text": {"zh": "韩梅梅满负荷。", "en": "韩梅梅 is full."}}, "韩梅梅 is full"),
        (None, r"ticket\.assigned did not come"),
    ],
)
async def test_a_ticket_that_nobody_takes_is_told_with_the_desks_reason(
    waits: Mapping[str, Any] | None, told: str
) -> None:
    stage = Stage(Console(file=StringIO()))
    with pytest.raises(DemoError, match=told):
        await _routed("t", "张女士", cast(Staff, _Nobody(waits)), stage, 0.0)
