"""Requests whose sender is unproven until their last byte is here: what they hold together."""

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from models.addresses import client_address
from models.errors import Temporary
from models.platform_api import TooLarge

if TYPE_CHECKING:
    from aiohttp import web


@dataclass(slots=True, eq=False)
class _Body:
    """One that is on its way."""

    sender: str
    timeout: asyncio.Timeout
    content: bytearray = field(default_factory=bytearray)
    gave_way: bool = False


class Bodies:
    """Holds ``most`` bytes of bodies that are on their way, or a single one whatever its size.

    A signature over a body can be looked at once all of it is here, and until then anybody can
    send one. Where more comes, the address that holds most gives way with its oldest: who sends
    many, or slowly, and not whoever comes next.
    """

    def __init__(self, most: int = 64 * 1024 * 1024) -> None:
        self._most = most
        self._coming: dict[_Body, None] = {}  # the oldest first
        self.held = 0
        """Bytes, of all that is on its way."""

    async def read(self, request: "web.Request", limit: int) -> bytes:
        """All of the request's body.

        Raises:
            TooLarge: it is more than ``limit`` bytes.
            Temporary: it gave way, and nothing of it is kept: it should be sent again.
            BadHttpMessage, RequestPayloadError: it is not what its headers say (aiohttp's).
        """
        try:
            async with asyncio.timeout(None) as timeout:
                body = _Body(client_address(request.remote or "", (), ()), timeout)
                self._coming[body] = None
                try:
                    return await self._all(request, limit, body)
                finally:
                    self._let_go(body)
        except TimeoutError:
            if not body.gave_way:
                raise  # a limit of whoever reads
            raise Temporary("more comes in than is held before it is proven") from None

    async def _all(self, request: "web.Request", limit: int, body: _Body) -> bytes:
        async for chunk in request.content.iter_any():
            if body.gave_way:
                break
            body.content += chunk
            self.held += len(chunk)
            if len(body.content) > limit:
                raise TooLarge
            while self.held > self._most and len(self._coming) > 1:
                self._give_way()
        if body.gave_way:  # before its timeout came to it
            raise TimeoutError
        return bytes(body.content)

    def _give_way(self) -> None:
        holds: dict[str, int] = {}
        for body in self._coming:
            holds[body.sender] = holds.get(body.sender, 0) + len(body.content)
        greediest = max(holds, key=holds.__getitem__)
        oldest = next(body for body in self._coming if body.sender == greediest)
        self._let_go(oldest)
        oldest.gave_way = True
        oldest.timeout.reschedule(asyncio.get_running_loop().time())

    def _let_go(self, body: _Body) -> None:
        if body in self._coming:
            del self._coming[body]
            self.held -= len(body.content)
            body.content = bytearray()
