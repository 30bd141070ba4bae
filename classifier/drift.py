"""How far the messages of a day are from those of a reference: the population stability index."""

import math
from collections.abc import Mapping
from typing import NamedTuple

_LEAST_SHARE = 1e-4
"""Of a bucket that is empty on one side: a logarithm needs something."""

_TENTHS = 10


class Drift(NamedTuple):
    """The index, and what it would stay below by chance alone in 999 of 1,000 days."""

    psi: float
    chance: float
    cases: int

    def beyond(self, threshold: float) -> bool:
        """Whether it is more than ``threshold`` and more than chance explains."""
        return self.psi > max(threshold, self.chance)


def drift(reference: Mapping[str, int], now: Mapping[str, int]) -> Drift | None:
    """The drift from one count by bucket to another; None where one of them is empty.

    PSI = Σ (p − q) · ln(p / q) over the buckets. By convention below 0.1 is none and above 0.25
    is much. Of samples of n and m cases from one population with k buckets it is distributed
    as (1/n + 1/m) · χ² with k − 1 degrees of freedom (Yurdakul and Naranjo, 2020).
    """
    before, after = sum(reference.values()), sum(now.values())
    if not before or not after:
        return None
    buckets = {*reference, *now}
    psi = 0.0
    for bucket in buckets:
        p = max(now.get(bucket, 0) / after, _LEAST_SHARE)
        q = max(reference.get(bucket, 0) / before, _LEAST_SHARE)
        psi += (p - q) * math.log(p / q)
    chance = (1 / before + 1 / after) * _rare_chi_square(max(1, len(buckets) - 1))
    return Drift(psi, chance, after)


_RARE = 3.0902
"""The quantile of the normal distribution that one value in 1,000 exceeds."""


def _rare_chi_square(degrees: int) -> float:
    """The same quantile of χ², by Wilson and Hilferty (1931)."""
    part = 2 / (9 * degrees)
    return float(degrees * (1 - part + _RARE * math.sqrt(part)) ** 3)


def risen(before: tuple[int, int], now: tuple[int, int]) -> bool:
    """Whether a share, (part, whole), is more than chance lets it rise in 999 of 1,000 cases.

    The one-sided z-test of two proportions, pooled.
    """
    (part, whole), (part_now, whole_now) = before, now
    if not whole or not whole_now:
        return False
    pooled = (part + part_now) / (whole + whole_now)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / whole + 1 / whole_now))
    return part_now / whole_now - part / whole > _RARE * spread


def tenth(share: float) -> str:
    """The tenth, 0 to 9, that a share lies in."""
    return str(min(int(share * _TENTHS), _TENTHS - 1))


def mean_of_tenths(counts: Mapping[str, int]) -> float | None:
    """The mean of shares that were counted by their tenth, each taken as its middle."""
    cases = sum(counts.values())
    if not cases:
        return None
    return sum((int(bucket) + 0.5) / _TENTHS * n for bucket, n in counts.items()) / cases
