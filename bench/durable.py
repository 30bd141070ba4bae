"""What one durable write costs here and now: every durable figure has it printed beside."""

import os
import time
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple

_WRITES = 200
_BYTES = 4096


class Sync(NamedTuple):
    """Milliseconds of an fdatasync after a write of 4 KB."""

    p50: float
    p99: float

    def __str__(self) -> str:
        return f"fdatasync p50 {self.p50:.2f} ms, p99 {self.p99:.2f} ms"


def fdatasync(folder: Path) -> Sync:
    """Measures it on the disk of ``folder``."""
    path = folder / "fdatasync"
    took = []
    with path.open("wb", buffering=0) as file:
        for _ in range(_WRITES):
            file.write(os.urandom(_BYTES))
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - started) * 1000)
    path.unlink()
    cuts = quantiles(took, n=100)
    return Sync(cuts[49], cuts[98])
