"""What the roles with an HTTP door share: health, serving, and waiting to be told to stop."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from models.errors import ShouliError


@asynccontextmanager
async def serving(app: web.Application, host: str, port: int) -> AsyncIterator[None]:
    """Serves ``app`` while the block runs.

    Raises:
        ShouliError: the address cannot be listened on.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        raise ShouliError(
            f"端口 {host}:{port} 无法监听（{error.strerror}）：换一个端口，或停掉占用它的程序。"
            f" / Cannot listen on {host}:{port} ({error.strerror}): choose another port, or stop "
            "the program that has it."
        ) from error
    try:
        yield
    finally:
        await runner.cleanup()


async def until_told() -> None:
    """Returns when SIGTERM or SIGINT asks for an orderly end."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    await told.wait()
