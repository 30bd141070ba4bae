"""How many mails one host on the Internet may bring a minute.

As Postfix counts with ``smtpd_client_message_rate_limit``, and off by default as there: all
customers come through the organisation's own mail server, and one at a public address looks
like any other host. What is over the limit is put off (4xx), so that its sender keeps it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import lru_cache

from channels.email.options import Options
from models.addresses import client_address
from models.errors import Temporary
from models.ports import Clock
from models.rate_limit import Buckets

_log = logging.getLogger(__name__)

_TELL_SECONDS = 10.0
"""Between two times that the number put off is written down: who is put off comes often."""


class Throttle:
    """The buckets of one listening server."""

    def __init__(
        self, options: Options, clock: Clock, tell: Callable[[int], Awaitable[object]]
    ) -> None:
        """``tell`` is given how many were put off since the last time."""
        self._limited = lru_cache(maxsize=1024)(options.limited)
        self._buckets = Buckets(clock, options.messages_per_minute or 1, options.message_burst)
        self._tell = tell
        self._put_off = 0
        self._telling: asyncio.Task[None] | None = None

    def wait(self, peer: str) -> float:
        """Counts a mail and returns 0, or the seconds until its host may bring the next one."""
        if not self._limited(peer):
            return 0.0
        seconds = self._buckets.wait(client_address(peer, (), ()))
        if seconds:
            self._put_off += 1
            if self._telling is None or self._telling.done():
                self._telling = asyncio.create_task(self._told(), name="mails put off")
        return seconds

    async def _told(self) -> None:
        while count := self._put_off:
            self._put_off = 0
            try:
                await self._tell(count)
                _log.warning("mails put off, their host brings too many: %d", count)
            except Temporary:
                self._put_off += count
            await asyncio.sleep(_TELL_SECONDS)

    def close(self) -> None:
        if self._telling is not None:
            self._telling.cancel()
