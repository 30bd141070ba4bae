"""Giving follow-ups to agents: by the rules of tickets, and after all tickets."""

from dataclasses import replace

import structlog

from models.follow_up import Plan
from models.store import Store
from router.keys import position
from router.policy import assign
from router.roster import Roster
from workers.rules.active_rules import ActiveRules

_log = structlog.stdlib.get_logger(__name__)


class CallingBack:
    """Any number of these may run at once: whoever loses a claim leaves it to the next turn."""

    def __init__(self, store: Store, active_rules: ActiveRules, plan: Plan) -> None:
        self._store = store
        self._active_rules = active_rules
        self._plan = plan

    async def run(self) -> int:
        """Gives away what may be given now; returns how many. Nothing while customers sleep.

        Raises:
            Temporary: the database is out of reach.
        """
        now = await self._store.db.now()
        if self._plan.spare(now) > now:
            return 0
        heads = await self._store.call_backs.heads()
        agents = await self._store.agents.online() if heads else []
        if not any(agent.ready and agent.used < agent.capacity for agent in agents):
            return 0
        rules = self._active_rules.book.general
        placed = [replace(h, relax_step=position(h, now, rules).relax_step) for h in heads]
        given = 0
        for decision in assign(placed, Roster(agents), now, rules):
            given += await self._store.call_backs.claim(decision)
        _log.info("follow-ups assigned", given=given)
        return given
