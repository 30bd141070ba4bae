"""A mail session as a coroutine that the bytes themselves drive: no task, no turn of the loop."""

import asyncio
import types
from collections.abc import Coroutine, Generator
from typing import Any


@types.coroutine
def next_input() -> Generator[None, None, None]:
    """Awaited where the session waits for bytes of its client."""
    yield None


class Session:
    """A session that goes on within ``data_received`` itself, not in a task of the loop.

    It does what ``asyncio.Task`` does for coroutines that await futures, and resumes at once
    where a task would wait for another turn of the loop. There is no current task in it, so
    that ``asyncio.timeout`` and its like cannot be used there.
    """

    def __init__(self, work: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop) -> None:
        self.wants_input = False
        self.shielded = False
        """Whether it goes on although it is cancelled: it notices the lost connection later."""

        self._work = work
        self._loop = loop
        self._awaited: asyncio.Future[Any] | None = None
        self._running = False
        self._cancelled = False
        self._over = False

    def resume(self, _future: "asyncio.Future[Any] | None" = None) -> None:
        """Runs it until it waits again."""
        self.wants_input = False
        self._awaited = None
        self._running = True
        try:
            if self._cancelled:
                self._cancelled = False
                awaited = self._work.throw(asyncio.CancelledError())
            else:
                awaited = self._work.send(None)
        except (StopIteration, asyncio.CancelledError):
            self._over = True
            return
        except Exception as error:  # noqa: BLE001 - what a task would do with it
            self._over = True
            context = {"message": "an SMTP session broke", "exception": error}
            self._loop.call_exception_handler(context)
            return
        finally:
            self._running = False
        if awaited is None:
            self.wants_input = True
            if self._cancelled:
                self.resume()
            return
        awaited._asyncio_future_blocking = False
        self._awaited = awaited
        awaited.add_done_callback(self.resume)
        if self._cancelled:
            self.cancel()

    def cancel(self) -> None:
        """Ends it at the place where it waits."""
        if self._over or self.shielded:
            return
        if self._awaited is not None:
            self._cancelled = False
            self._awaited.cancel()
            return
        self._cancelled = True
        if not self._running:
            self.resume()
