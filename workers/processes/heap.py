"""The garbage collector in processes that load much once and then make much that soon goes."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_YOUNG = 10_000
"""Containers made and not yet freed before the youngest are looked through; Python's own 700
is a dozen mails. What refers to itself in circles waits that long; the rest is freed at once."""


@contextmanager
def loading() -> Iterator[None]:
    """What is made meanwhile is taken for permanent: this is for the import of modules.

    They stay, and looking through them again and again took a fifth of a start's CPU time.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def settle() -> None:
    """Everything loaded so far is taken for permanent, and never looked through again.

    A bundle is a hundred thousand objects: looking through them took 60 ms each time, and came
    several times a second in a flood. What is freed later is freed all the same, unless in
    circles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG)
