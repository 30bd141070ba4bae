"""A proxy before a database: it goes on taking what is sent, and from some moment says nothing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Proxy:
    """``mute`` it, and whoever is connected, or connects from then on, hears nothing more."""

    def __init__(self) -> None:
        self.mute = False
        self.port = 0
        self._lines: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, in both directions."""
        task = asyncio.current_task()
        assert task is not None
        self._lines.add(task)
        theirs, ours = await asyncio.open_connection("127.0.0.1", self._to)
        back = asyncio.ensure_future(self._pass(theirs, writer))
        try:
            await self._pass(reader, ours)
        finally:
            back.cancel()
            for line in (writer, ours):
                line.close()
            self._lines.discard(task)

    async def _pass(self, source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while said := await source.read(65536):
                if not self.mute:
                    to.write(said)
                    await to.drain()
        if not self.mute:  # who hangs up is heard to hang up
            to.close()

    @asynccontextmanager
    async def before(self, port: int) -> AsyncIterator["Proxy"]:
        """Stands before what listens on this port of the loopback."""
        self._to = port
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for line in self._lines:
                line.cancel()
            await asyncio.gather(*self._lines, return_exceptions=True)
