"""What the roles with an HTTP door share: health, serving, and waiting to be told to stop."""

import asyncio
import contextlib
import os
import resource
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage
from aiohttp.typedefs import Handler

from models.errors import ShouliError

_LOOK_SECONDS = 0.2

MOST_FILES = 65536
"""Open files of one process, as in the units of systemd: more than its channels let in."""

_QUIET_SECONDS = 75.0
"""For a whole request, and between two of them: longer than proxies keep a connection (60 s for
nginx and most balancers), and far less than the library's hour, in which whoever opens connections
and says nothing, or a byte a minute, would take all that there are."""


_BODY_SECONDS, _LONGEST_BODY_SECONDS = 60.0, 300.0
_SLOWEST = 20_000
"""Bytes a second, beside the first seconds, in which a body has to come."""

_HUNG_UP = 499
"""As proxies write it down; nobody is there to read it."""


@web.middleware
async def hurry(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Hangs up on whoever sends a body a byte at a time, whichever handler waits for it."""
    if not request.can_read_body:
        return await handler(request)

    def hang_up() -> None:
        if request.transport is not None and not request.content.is_eof():
            request.transport.abort()

    size = request.content_length or _LONGEST_BODY_SECONDS * _SLOWEST
    seconds = min(_BODY_SECONDS + size / _SLOWEST, _LONGEST_BODY_SECONDS)
    timer = asyncio.get_running_loop().call_later(seconds, hang_up)
    try:
        return await handler(request)
    finally:
        timer.cancel()


@web.middleware
async def understood(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A garbled body is the sender's fault, whichever handler reads it, and hanging up nobody's.

    Anybody can do either, and each was an error of ours with its traceback in the log.
    """
    try:
        return await handler(request)
    except (BadHttpMessage, web.RequestPayloadError):
        return web.Response(status=400, text="the body is not what its headers say")
    except (ConnectionError, TimeoutError):
        if request.transport is not None:  # then it is another line that broke
            raise
        return web.Response(status=_HUNG_UP)


@asynccontextmanager
async def serving(app: web.Application, section: str, host: str, port: int) -> AsyncIterator[None]:
    """Serves ``app`` while the block runs; ``section`` of the settings says where.

    Raises:
        ShouliError: the address cannot be listened on.
    """
    app.middlewares[:0] = (hurry, understood)
    runner = web.AppRunner(
        app, access_log=None, shutdown_timeout=2.0, keepalive_timeout=_QUIET_SECONDS
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        raise _deaf(section, host, port, error) from error
    try:
        yield
    finally:
        await runner.cleanup()


def allow_many_files() -> None:
    """Raises this process's soft limit of open files to what the system allows it.

    Shells give 1,024, which is for programs that know no more than select(2); each connection
    is one of them.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def make_sure_of(section: str, host: str, port: int) -> None:
    """Looks whether the address of a ``section`` of the settings can be listened on now.

    Raises:
        ShouliError: it cannot.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in found:
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind(address)
    except OSError as error:
        raise _deaf(section, host, port, error) from error


async def until_open(host: str, port: int) -> None:
    """Returns when somebody listens there."""
    while True:
        with contextlib.suppress(OSError):
            _, line = await asyncio.open_connection(host, port)
            line.close()
            return
        await asyncio.sleep(_LOOK_SECONDS)


def _deaf(section: str, host: str, port: int, error: OSError) -> ShouliError:
    # The event loop words the reason anew, and at length.
    why = os.strerror(error.errno) if error.errno else error.strerror
    variable = f"SHOULI_{section.upper()}__PORT"
    return ShouliError(
        f"端口 {host}:{port} 无法监听（{why}）：请停掉占用它的程序，"
        f"或更改 {section} 的 host 或 port（{variable}）。"
        f" / Cannot listen on {host}:{port} ({why}): stop the program that has it, or change "
        f"host or port of {section} ({variable})."
    )


async def until_told() -> None:
    """Returns when SIGTERM or SIGINT asks for an orderly end."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    await told.wait()
