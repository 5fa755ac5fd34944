"""Intervals and tests: pure functions on arrays, apart from what is measured."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy import stats

LEVEL = 0.95
DRAWS = 999  # of the bootstrap


@dataclass(frozen=True)
class Interval:
    """A value with the limits of its 95 % interval, and over how many independent values that was taken."""

    value: float
    low: float
    high: float
    units: int = 0

    def map(self, function: Callable[[float], float]) -> "Interval":
        """The interval of an increasing function of the value."""
        return replace(self, value=function(self.value), low=function(self.low), high=function(self.high))

    def within(self, low: float, high: float) -> "Interval":
        """The interval of a quantity that cannot leave these bounds."""
        return self.map(lambda limit: min(max(limit, low), high))


def mean_interval(values: Sequence[float]) -> Interval:
    """Mean of independent values (seeds, speakers, test images) with Student's interval; of one value it is unbounded.

    Raises ValueError if there is no value or one is not finite.
    """
    values = np.asarray(values, dtype=float)
    if values.size == 0 or not np.isfinite(values).all():
        raise ValueError(f"values: finite numbers are needed, not {values.tolist()}")
    mean = float(values.mean())
    if values.size == 1:
        return Interval(mean, -np.inf, np.inf, 1)
    half = float(stats.t.ppf((1 + LEVEL) / 2, values.size - 1) * stats.sem(values))
    return Interval(mean, mean - half, mean + half, values.size)


def by_side(interval: Interval, *, above: str, below: str, neither: str) -> str:
    """What to say of an interval that lies above zero, below it, or on both sides."""
    return above if interval.low > 0 else below if interval.high < 0 else neither


def bootstrapped(statistic: Callable[[np.ndarray], float], count: int) -> Interval:
    """A statistic of `count` independent cases, which it gets as indices (count,), with a basic bootstrap interval."""
    cases = np.arange(count)
    options = dict(vectorized=False, n_resamples=DRAWS, batch=1, method="basic", confidence_level=LEVEL, rng=0)
    found = stats.bootstrap((cases,), statistic, **options).confidence_interval
    return Interval(float(statistic(cases)), float(found.low), float(found.high), count)


def paired(first: Sequence[float], second: Sequence[float]) -> Interval:
    """Mean of first - second, pair by pair, with Student's interval."""
    if len(first) != len(second):
        raise ValueError(f"first, second: pairs are needed, not {len(first)} and {len(second)} values")
    return mean_interval(np.asarray(first, dtype=float) - np.asarray(second, dtype=float))


def ranked(differences: Sequence[float]) -> Interval:
    """Pseudomedian of paired differences (Hodges & Lehmann 1963) with the exact interval of Wilcoxon's signed ranks.

    For units of which some start to learn and others do not, a mean says nothing. The limits are the k-th smallest and
    the k-th largest of all means of two differences, k the largest for which chance alone leaves them out in at most
    5 % of cases; with ties, and zeros among them, it is less. Below six units there are no such limits.
    Raises ValueError if there is no difference or one is not finite.
    """
    values = np.asarray(differences, dtype=float)
    if values.size == 0 or not np.isfinite(values).all():
        raise ValueError(f"differences: finite numbers are needed, not {values.tolist()}")
    first, second = np.triu_indices(values.size)
    means = np.sort((values[first] + values[second]) / 2)
    beyond = int((np.cumsum(signed_rank_chances(values.size)) <= (1 - LEVEL) / 2).sum())  # how many may be left out
    low, high = (means[beyond - 1], means[-beyond]) if beyond else (-np.inf, np.inf)
    return Interval(float(np.median(means)), float(low), float(high), values.size)


def signed_rank_chances(count: int) -> np.ndarray:
    """Chance of every sum 0, 1, … of Wilcoxon's positive ranks of so many differences, each sign equally likely."""
    ways = np.array([1.0])
    for rank in range(1, count + 1):
        ways = np.pad(ways, (0, rank)) + np.pad(ways, (rank, 0))
    return ways / 2.0**count


def geometric_mean(values: Sequence[float]) -> Interval:
    """Geometric mean with Student's interval of the logarithms. Raises ValueError unless all are positive."""
    return mean_interval(logarithms(values)).map(np.exp)


def ratio(first: Sequence[float], second: Sequence[float]) -> Interval:
    """Geometric mean of first / second, pair by pair, with its interval. Raises ValueError unless all are positive."""
    return paired(logarithms(first), logarithms(second)).map(np.exp)


def logarithms(values: Sequence[float]) -> np.ndarray:
    """Natural logarithms. Raises ValueError unless all values are positive and finite."""
    if not (min(values) > 0 and max(values) < math.inf):
        raise ValueError(f"values: a geometric mean needs positive, finite ones, not {list(values)}")
    return np.log(values)


def shares(part: Sequence[float], whole: Sequence[float]) -> Interval:
    """Mean of part / whole, pair by pair, with Student's interval.

    A share of nothing is zero: where a whole is not positive there was nothing to keep.
    """
    part, whole = np.asarray(part, dtype=float), np.asarray(whole, dtype=float)
    return mean_interval(part / np.where(whole > 0, whole, np.inf))


class McNemar(NamedTuple):
    """Cases that only the first, only the second classifier gets wrong, and the two-sided p."""

    first_only: int
    second_only: int
    p: float


def mcnemar(first_wrong: Sequence[bool], second_wrong: Sequence[bool]) -> McNemar:
    """Exact McNemar test between two classifiers on the same test cases."""
    first, second = np.asarray(first_wrong, dtype=bool), np.asarray(second_wrong, dtype=bool)
    if first.shape != second.shape:
        raise ValueError(f"first_wrong, second_wrong: the same cases are needed, not {first.shape} and {second.shape}")
    only_first, only_second = int((first & ~second).sum()), int((~first & second).sum())
    discordant = only_first + only_second
    p = stats.binomtest(only_first, discordant).pvalue if discordant else 1.0
    return McNemar(only_first, only_second, float(p))


def loglog_slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Slope of the straight line through log y over log x."""
    return float(stats.linregress(np.log(x), np.log(y)).slope)


def trend(x: Sequence[float], y: Sequence[float]) -> tuple[Interval, float]:
    """Slope of the straight line through y over x with its interval, and the two-sided p of no slope."""
    fitted = stats.linregress(x, y)
    half = stats.t.ppf((1 + LEVEL) / 2, len(x) - 2) * fitted.stderr
    slope = float(fitted.slope)
    return Interval(slope, float(slope - half), float(slope + half), len(x)), float(fitted.pvalue)


def matched_pairs(first: Sequence[float], second: Sequence[float]) -> tuple[Interval, float]:
    """Mean difference of two systems' errors on the same utterances, its interval, and the two-sided p (paired t).

    The matched-pairs test of speech recognition (Gillick & Cox 1989), an utterance being a segment.
    """
    difference = paired(first, second)
    if np.array_equal(first, second):
        return difference, 1.0
    return difference, float(stats.ttest_rel(first, second).pvalue)
