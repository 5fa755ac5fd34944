"""Intervals and tests against independent computations."""

import math
from dataclasses import astuple
from itertools import product

import numpy as np
import pytest

from kdrep.report import statistics


def test_mean_interval_is_students_interval():
    interval = statistics.mean_interval([140, 146, 152])
    half = 4.302652729911275 * 6 / math.sqrt(3)  # t(0.975, 2 degrees of freedom)
    assert astuple(interval) == pytest.approx((146, 146 - half, 146 + half, 3))


def test_one_seed_has_no_limits():
    assert statistics.mean_interval([5]) == statistics.Interval(5, -math.inf, math.inf, 1)


@pytest.mark.parametrize("values", [[], [1, math.nan], [math.inf]])
def test_mean_interval_refuses_what_is_no_number(values):
    with pytest.raises(ValueError, match="finite numbers"):
        statistics.mean_interval(values)


def test_a_ratio_is_a_geometric_mean():
    found = statistics.ratio([2.0, 8.0], [1.0, 1.0])
    assert found.value == pytest.approx(4)
    assert found.low * found.high == pytest.approx(16)
    assert statistics.ratio([3.0], [1.5]) == statistics.Interval(pytest.approx(2), 0, math.inf, 1)
    with pytest.raises(ValueError, match="positive"):
        statistics.ratio([1.0, 0.0], [1.0, 1.0])
    with pytest.raises(ValueError, match="pairs"):
        statistics.ratio([1.0], [1.0, 2.0])


def test_paired_takes_the_differences():
    assert statistics.paired([3, 5, 7], [1, 2, 3]) == statistics.mean_interval([2, 3, 4])
    with pytest.raises(ValueError, match="pairs"):
        statistics.paired([1], [1, 2])


def test_mcnemar_is_the_sign_test_on_discordant_cases():
    first = np.array([1] * 8 + [0] * 2 + [1] * 5 + [0] * 5, dtype=bool)
    second = np.array([0] * 8 + [1] * 2 + [1] * 5 + [0] * 5, dtype=bool)
    found = statistics.mcnemar(first, second)
    assert found[:2] == (8, 2)
    assert found.p == pytest.approx(2 * sum(math.comb(10, k) for k in range(3)) / 2**10)
    assert statistics.mcnemar(first, first).p == 1
    with pytest.raises(ValueError, match="same cases"):
        statistics.mcnemar(first, second[1:])


def test_loglog_slope():
    x = np.array([1.0, 2, 4, 8])
    assert statistics.loglog_slope(x, 3 * x**-2) == pytest.approx(-2)


def test_a_share_of_nothing_is_nothing():
    assert statistics.shares([1, 3], [2, 4]) == statistics.mean_interval([0.5, 0.75])
    assert statistics.shares([1, 3], [0, 4]) == statistics.mean_interval([0, 0.75])
    assert statistics.shares([-1, 3], [-1, 4]) == statistics.mean_interval([0, 0.75])


def test_the_bootstrap_of_a_mean_is_close_to_students_interval():
    values = np.random.default_rng(0).normal(3, 1, 400)
    found = statistics.bootstrapped(lambda cases: values[cases].mean(), len(values))
    assert astuple(found) == pytest.approx(astuple(statistics.mean_interval(values)), abs=0.02)
    assert found.value == values.mean()


@pytest.mark.parametrize(("limits", "said"), [((1, 0.5, 2), "more"), ((-1, -2, -0.5), "less"), ((1, -1, 3), "open")])
def test_what_is_said_of_an_interval(limits, said):
    assert statistics.by_side(statistics.Interval(*limits), above="more", below="less", neither="open") == said


@pytest.mark.parametrize("count", [1, 2, 5, 6, 9, 12])
def test_chances_of_signed_ranks_are_those_of_all_signs(count):
    ranks = np.arange(1, count + 1)
    sums = [ranks[list(signs)].sum() for signs in product((False, True), repeat=count)]
    expected = np.bincount(sums, minlength=count * (count + 1) // 2 + 1) / 2.0**count
    assert statistics.signed_rank_chances(count) == pytest.approx(expected)


@pytest.mark.parametrize("count", [6, 8, 11])
def test_the_interval_of_ranks_holds_what_wilcoxons_test_does_not_reject(count):
    values = np.random.default_rng(count).normal(0.3, 1, count)
    found = statistics.ranked(values)

    def chance(shift):
        """Two-sided p of Wilcoxon's test that the differences lie around `shift`, by all signs."""
        order = np.abs(values - shift).argsort().argsort() + 1
        seen = order[values > shift].sum()
        sums = np.array([order[list(signs)].sum() for signs in product((False, True), repeat=count)])
        return min(1.0, 2 * min((sums <= seen).mean(), (sums >= seen).mean()))

    for shift in np.linspace(values.min() - 1, values.max() + 1, 60):
        assert (chance(shift) > 0.05) == (found.low < shift < found.high), shift
    means = [(a + b) / 2 for i, a in enumerate(values) for b in values[i:]]
    assert found.value == pytest.approx(np.median(means))
    assert found.units == count


def test_fewer_than_six_differences_have_no_interval_of_ranks():
    assert statistics.ranked([1.0, 2.0, 3.0, 4.0, 5.0]) == statistics.Interval(3.0, -math.inf, math.inf, 5)
    assert statistics.ranked([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]) == statistics.Interval(3.5, 1.0, 6.0, 6)
    with pytest.raises(ValueError, match="finite numbers"):
        statistics.ranked([1.0, math.nan])


def test_an_interval_is_cut_where_its_quantity_ends():
    wide = statistics.Interval(50.0, -20.0, 499.0, 3)
    assert wide.within(0, 100) == statistics.Interval(50.0, 0, 100, 3)
    assert wide.map(lambda v: 2 * v) == statistics.Interval(100.0, -40.0, 998.0, 3)
