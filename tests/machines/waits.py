"""Standing beside a coroutine wherever it waits: to note the place, or to end it there."""

import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any


@types.coroutine
def at_each_wait(
    work: Coroutine[Any, Any, Any], meanwhile: Callable[[], Awaitable[object] | None]
) -> Generator[Any, Any, Any]:
    """As ``work``; ``meanwhile`` is called whenever it has asked for something and must wait.

    It waits longer where there is something to await in return.
    """
    answer, error = None, None
    while True:
        try:
            waits_for = work.throw(error) if error is not None else work.send(answer)
        except StopIteration as done:
            return done.value
        beside = meanwhile()
        if beside is not None:
            yield from beside.__await__()
        answer, error = None, None
        try:
            answer = yield waits_for
        except BaseException as thrown:  # noqa: BLE001  it is the work's to answer
            error = thrown
