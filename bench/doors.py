"""The other doors of a running Shouli: a visitor's chat, and an agent's desk."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import aiohttp

from bench.systems import LOGIN, Shouli


class Desk:
    """An agent who is ready, and when each conversation was first seen to be theirs."""

    def __init__(self, system: Shouli) -> None:
        self._system = system
        self._seen: dict[str, float] = {}

    async def listen(self, line: aiohttp.ClientWebSocketResponse) -> None:
        async for frame in line:
            at = time.perf_counter()
            for event in frame.json().get("events", ()):
                if event["kind"] == "ticket.assigned":
                    self._seen.setdefault(event["conversation_id"], at)

    async def seen(self, envelope_id: str, seconds: float) -> float | None:
        """When (``time.perf_counter``) what became of an envelope was on the desk.

        None if it was not within ``seconds``.
        """
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            conversation = self._system.conversation(envelope_id)
            if conversation in self._seen:
                return self._seen[conversation]
            await asyncio.sleep(0.02)
        return None


@asynccontextmanager
async def desk(system: Shouli) -> AsyncIterator[Desk]:
    """Signs the agent in, makes them ready, and listens until the block ends."""
    person = Desk(system)
    jar = aiohttp.CookieJar(unsafe=True)  # cookies of an address without a name
    async with aiohttp.ClientSession(system.desk_url, cookie_jar=jar) as http:
        headers = {"Origin": system.desk_url}
        me = {"login": LOGIN, "password": system.password}
        async with http.post("/api/v1/login", json=me, headers=headers) as answer:
            answer.raise_for_status()
        async with http.ws_connect("/api/v1/ws", headers=headers) as line:
            await line.send_json({"type": "hello", "last_seq": 0})
            listening = asyncio.create_task(person.listen(line))
            ready = {"presence": "ready"}
            async with http.put("/api/v1/me/presence", json=ready, headers=headers) as answer:
                answer.raise_for_status()
            try:
                yield person
            finally:
                listening.cancel()


@asynccontextmanager
async def chatting(system: Shouli) -> AsyncIterator[aiohttp.ClientSession]:
    """What ``chat`` needs."""
    headers = {"Origin": system.chat_url}
    async with aiohttp.ClientSession(system.chat_url, headers=headers) as http:
        yield http


async def chat(http: aiohttp.ClientSession, text: str) -> tuple[str, float, float]:
    """A new visitor writes ``text``: (envelope id, when sent, when acknowledged)."""
    async with http.ws_connect("/webchat/ws") as line:
        await line.send_json({"type": "hello"})
        await line.receive_json()
        sent = time.perf_counter()
        message = {"type": "msg", "client_id": str(uuid4()), "text": text}
        await line.send_json(message)
        while (answer := await line.receive_json())["type"] != "ack":
            pass
        return answer["envelope_id"], sent, time.perf_counter()
