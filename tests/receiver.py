"""An outsider's webhook receiver that misbehaves, and keeps what it took."""

import asyncio
import hashlib
import hmac
import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, Self

from aiohttp import web

_WRONG = ("500", "drop", "hang", "late 500", "late drop", "late hang")
_OFTEN = (12, 12, 1, 12, 12, 1)


class Receiver:
    """Checks signatures as docs/webhooks.md says; answers 500, hangs or drops as it is told."""

    def __init__(self, dice: random.Random | None = None, *, trouble: float = 0.0) -> None:
        """``trouble`` is the share of requests that go wrong, half of them after being taken.

        What went wrong after it was taken comes a second time. Few of them hang: each holds its
        sender up for as long as an attempt may take.
        """
        self.secret = ""
        self.taken: list[dict[str, Any]] = []
        self.done: Counter[str] = Counter()
        """How often it did what."""
        self.wrong: list[str] = []
        self.answers: list[str] = []
        """What to do next, before chance decides: “500”, “hang”, “drop”, “redirect” or “ok”."""
        self.url = ""
        self.says = ""
        """The body of its refusals."""
        self.trouble = trouble
        self._dice = dice or random.Random(0)
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/hook", self._receive)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/hook"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def ids(self) -> list[int]:
        return [one["id"] for one in self.taken]

    def doubled(self) -> int:
        """How many events came more than once."""
        return sum(times > 1 for times in Counter(self.ids()).values())

    def changed(self) -> list[int]:
        """Events that were told in two ways under one id."""
        ways = defaultdict(set)
        for one in self.taken:
            ways[one["id"]].add(json.dumps(one, sort_keys=True))
        return [seq for seq, bodies in ways.items() if len(bodies) > 1]

    def out_of_order(self) -> Iterator[str]:
        """Tickets whose events came first in another order than they happened in."""
        firsts: defaultdict[str, dict[int, None]] = defaultdict(dict)
        for one in self.taken:
            if one["ticket"]:
                firsts[one["ticket"]["id"]].setdefault(one["id"])
        for ticket_id, seqs in firsts.items():
            if list(seqs) != sorted(seqs):
                yield ticket_id

    async def _receive(self, request: web.Request) -> web.Response:
        raw = await request.read()
        body = json.loads(raw)
        self._verify(request, raw, body)
        act = self.answers.pop(0) if self.answers else self._chance()
        self.done[act] += 1
        if act.startswith("late ") or act == "ok":
            self.taken.append(body)
        match act.removeprefix("late "):
            case "500":
                return web.Response(status=500, text=self.says)
            case "redirect":
                return web.Response(status=307, headers={"Location": self.url})
            case "hang":
                await asyncio.sleep(30)
            case "drop":
                assert request.transport is not None
                request.transport.abort()
        return web.Response(status=204)

    def _chance(self) -> str:
        if self._dice.random() >= self.trouble:
            return "ok"
        (act,) = self._dice.choices(_WRONG, _OFTEN)
        return act

    def _verify(self, request: web.Request, raw: bytes, body: dict[str, Any]) -> None:
        head = request.headers
        signed = f"{head['Shouli-Timestamp']}.{head['Idempotency-Key']}.".encode() + raw
        mac = hmac.new(self.secret.encode(), signed, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(head["Shouli-Signature"], f"v1={mac}"):
            self.wrong.append("signature")
        is_test, key = body["kind"] == "webhook.test", head["Idempotency-Key"]
        if not key.startswith("test_") if is_test else key != f"evt_{body['id']}":
            self.wrong.append("id")
