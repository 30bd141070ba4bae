"""New rules in a running system: in force without a restart, and taken back as fast."""

import asyncio
import time
from uuid import uuid4

import aiohttp

from tests.flow.clients import Visitor, at_the_desk, texts
from tests.flow.system import System

IN_FORCE_SECONDS = 5.0
SLACK_SECONDS = 10.0
"""What a loaded test machine adds: the chats that ask are routed and answered by it, too."""


async def test_a_version_is_in_force_within_seconds_and_taken_back_as_fast(
    system: System, http: aiohttp.ClientSession
) -> None:
    workers = system.pids("work")
    async with at_the_desk(system, "lilei", "admin") as (lilei, admin):

        async def version_of_a_new_chat() -> str:
            marker = uuid4().hex
            async with Visitor(system, http) as visitor:
                await visitor.say(f"我的包裹物流三天没动了，快递单号 {marker}")
                ticket = await lilei.mine("the chat", lambda t: marker in texts(t))
                await lilei.must("POST", f"tickets/{ticket['ticket']['id']}/resolve")
            return str(ticket["decisions"][-1]["facts"]["rules_version"])

        async def comes_into_force(version: str) -> None:
            began = time.monotonic()
            await asyncio.sleep(IN_FORCE_SECONDS)
            while await version_of_a_new_chat() != version:
                passed = time.monotonic() - began
                assert passed < IN_FORCE_SECONDS + SLACK_SECONDS, f"not in force: {version}"

        assert await version_of_a_new_chat() == "1"
        first = await admin.must("GET", "rules/1")
        content = first["content"] | {"preferred_level": 3}
        draft = await admin.must("POST", "rules", {"content": content, "why": "有经验的先接"})
        line = {"domains": ["物流"]}
        publish = {"why": "物流先行", "line": line, "despite": True}
        await admin.must("POST", f"rules/{draft['number']}/publish", publish)
        await comes_into_force("2")
        await admin.must("POST", "rules/rollback", {"why": "不好", "line": line})
        await comes_into_force("1")
    assert system.pids("work") == workers
