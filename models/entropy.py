"""Random bytes of the operating system, fetched by the page.

``os.urandom`` gives the interpreter away at each call. Where another thread computes, it comes
back a millisecond later: a transaction that makes some ids for each of its messages would hold
the write lock for most of that time.
"""

import os
from threading import Lock

_PAGE = 4096


class _Pool:
    """Each byte is given out once."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._left = memoryview(b"")

    def take(self, count: int) -> bytes:
        with self._lock:
            if len(self._left) < count:
                self._left = memoryview(os.urandom(max(_PAGE, count)))
            taken, self._left = bytes(self._left[:count]), self._left[count:]
        return taken

    def forget(self) -> None:
        """In a forked child: what is left is its parent's."""
        self._lock, self._left = Lock(), memoryview(b"")


_pool = _Pool()
os.register_at_fork(after_in_child=_pool.forget)

random_bytes = _pool.take
"""As many bytes as are asked for, fit for keys."""
