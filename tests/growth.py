"""How the time of a function grows with its input: a ratio, which no machine's speed decides."""

import gc
from collections.abc import Callable
from time import process_time

TIMES = 8
"""How much larger the larger input is."""

LINEAR = 3 * TIMES
"""What takes linear time stays below: it grows by ``TIMES``, what is quadratic by its square."""

_RUNS = 3


def growth(work: Callable[[int], object], size: int) -> float:
    """How many times as much of the processor ``work(TIMES * size)`` takes as ``work(size)``.

    Of several runs the least counts, for all that disturbs only adds. So does the garbage
    collector: what it looks through is the heap of all tests so far, whenever enough is made.
    """
    return _least(work, TIMES * size) / max(_least(work, size), 1e-4)


def _least(work: Callable[[int], object], size: int) -> float:
    spent = []
    collecting = gc.isenabled()
    gc.disable()
    try:
        for _ in range(_RUNS):
            started = process_time()
            work(size)
            spent.append(process_time() - started)
            if spent[-1] > 0.2:  # long enough to be no accident
                break
    finally:
        if collecting:
            gc.enable()
    return min(spent)
