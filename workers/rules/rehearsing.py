"""Rehearsals that people at the desk wait for: in a child process that may be killed.

The plan goes to the child as a pickle, which it takes from nobody else; the report comes back as
JSON. The policy is played, and a linear program solved, in pure computation for some seconds:
nothing of that may hold up the agents whom the same process serves.
"""

import asyncio
import json
import os
import pickle
import sys
from pathlib import Path
from typing import Any

import structlog
from pydantic import ValidationError

from models.errors import Rejected
from models.routing import Line, Rulebook
from models.store import Store
from router.sla import Calendars
from workers.processes import tether
from workers.processes.environ import without_settings
from workers.rules.active_rules import ActiveRules, rules_of
from workers.rules.rehearsal import with_draft
from workers.rules.traffic import Traffic, recorded

_log = structlog.stdlib.get_logger(__name__)

SECONDS = 60.0
"""How long a rehearsal may take: proxies give up at about that time."""

DAYS = 31.0
"""How far back the last tickets may lie: presence is known for 14 days of that."""


class Unplayed(Rejected):
    """There is no rehearsal to show; its text says why, as “zh / en”."""

    code = "unplayed"


class Rehearsing:
    """One at a time, on the last tickets that came."""

    def __init__(self, store: Store, active_rules: ActiveRules, seconds: float = SECONDS) -> None:
        self._store = store
        self._active_rules = active_rules
        self._seconds = seconds
        self._turn = asyncio.Semaphore(1)

    async def __call__(self, number: int, line: Line, tickets: int) -> dict[str, Any]:
        """The report for a version as if it were published to ``line``, beside the rules in force.

        Whoever cancels this kills the child.

        Raises:
            NotFound: there is no such version.
            Unplayed: no ticket came, another rehearsal is on its way, or this one did not end.
        """
        version = await self._store.rules.get(number)
        try:
            rules = rules_of(version.content)
        except ValidationError as error:
            raise Unplayed(
                "这一版程序读不懂这一版规则，不能演练。"
                " / This release cannot read that version; it cannot be rehearsed."
            ) from error
        if self._turn.locked():
            raise Unplayed(
                "另一次演练正在进行，请稍后再试。"
                " / Another rehearsal is on its way; try again when it is over."
            )
        async with self._turn:
            await self._active_rules.refresh()
            live, hours = self._active_rules.book, self._active_rules.calendars
            until = await self._store.db.now()
            traffic = await recorded(
                self._store, until - DAYS * 86400.0, until, hours.general, tickets
            )
            if not traffic.arrivals:
                raise Unplayed(
                    "最近 31 天没有工单可以演练；描述的来量可在命令行演练（shouli simulate）。"
                    " / No ticket came in the last 31 days; shouli simulate plays described ones"
                    " at the command line."
                )
            report = await self._played(traffic, live, with_draft(live, rules, line), hours)
        return report | {"line": line.model_dump(mode="json"), "rehearsed_at": until}

    async def _played(
        self, traffic: Traffic, live: Rulebook, draft: Rulebook, hours: Calendars
    ) -> dict[str, Any]:
        plan = await asyncio.to_thread(pickle.dumps, (traffic, live, draft, hours))
        child = await _child()
        try:
            async with asyncio.timeout(self._seconds):
                answer, _ = await child.communicate(plan)
        except TimeoutError as error:
            raise Unplayed(
                f"演练超过 {self._seconds:g} 秒，已停止；请少选些工单，或在命令行演练。"
                f" / It took more than {self._seconds:g} s and was stopped; take fewer tickets, or"
                " rehearse at the command line."
            ) from error
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        if child.returncode:
            _log.error("rehearsal failed", code=child.returncode)
            raise Unplayed("演练出错，详见日志。 / The rehearsal failed; the log says why.")
        return dict(json.loads(answer))


async def _child() -> asyncio.subprocess.Process:
    """The process that plays, which the kernel kills when this one dies."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", tether.__file__, str(os.getpid())),
        *(sys.executable, "-m", "workers.rules.rehearsal_child"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        # One core at most: BLAS would take all of them.
        env={**without_settings(), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    )
