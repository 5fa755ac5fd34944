"""Needs and verdicts on made-up rows: the rule, and the properties that a sceptic would ask for."""

import math
from itertools import product

import numpy as np
import pandas as pd
import pytest

from kdrep.report import verdicts
from kdrep.report.needs import Claim, Need, Variant, above, around, below, no_more_errors, same_effect
from kdrep.report.papers import CLAIMS
from kdrep.report.rows import COLUMNS, EXACT, make_row
from kdrep.report.scorecard import CHECK, EFFECT, scorecard, tally
from kdrep.report.statistics import Interval, mean_interval, ranked
from kdrep.report.verdicts import MET, MISSED, OPEN, find, judge, of_check, of_claim, of_question

REST = dict(dataset="mnist", profile="quick", device="cpu", seconds=1.0, code="c")
SIZE, GAP = Need("teacher", "test errors", -math.inf, 73.7), Need("gap", "difference", 0, math.inf)
RANGES = [(0, math.inf), (1, math.inf), (-math.inf, 2.0), (-1.0, 2.0), (0.5, math.inf)]
INTERVALS = [(v, v - w, v + w) for v in (-3.0, -0.5, 0.0, 0.7, 1.5, 2.0, 5.0) for w in (0.0, 0.1, 0.6, 2.0, 9.0)]


def row(arm, quantity, value, low, high, units=5, over="seeds", dataset="mnist"):
    measured = Interval(value, low, high, units)
    return make_row("H3.1", arm, quantity, measured, "errors", over=over, **REST | dict(dataset=dataset))


def table(*rows):
    return pd.DataFrame(rows, columns=COLUMNS)


def outcome(need, interval, **kind):
    return find(need, table(row(need.arm, need.quantity, *interval, **kind))).outcome


def claim(*needs, **rest):
    return Claim("H3.1", "3", "01_mnist", "made up", (), needs, **rest)


def rows(size=(70, 68, 72), gap=(60, 40, 80), **kind):
    return table(
        row("teacher", "test errors", *size, **kind), *([row("gap", "difference", *gap, **kind)] if gap else ())
    )


@pytest.mark.parametrize(
    ("interval", "said"),
    [
        ((1.0, 0.1, 1.9), MET),
        ((1.0, 0.0, 1.9), OPEN),  # it touches the end
        ((1.0, -0.1, 1.9), OPEN),
        ((1.0, 0.1, 2.1), OPEN),
        ((3.0, 2.1, 3.9), MISSED),
        ((2.5, 2.0, 3.0), MISSED),
        ((-1.0, -2.0, -0.1), MISSED),
        ((1.0, -math.inf, math.inf), OPEN),
    ],
)
def test_a_need_is_met_inside_missed_outside_and_else_not_settled(interval, said):
    assert outcome(Need("a", "b", 0, 2), interval) == said


@pytest.mark.parametrize(("over", "units"), [("seeds", 2), ("seeds", 1), ("test images", 10_000), ("strings", 900)])
def test_too_few_units_or_units_of_another_kind_settle_nothing(over, units):
    for interval in ((1.0, 0.9, 1.1), (-1.0, -1.1, -0.9)):
        assert outcome(Need("a", "b", 0, 2), interval, over=over, units=units) == OPEN


def test_what_is_counted_needs_no_units_and_settles_checks_alone():
    exact = make_row("H3.1", "a", "b", 1.0, "ratio", **REST)
    assert (exact["over"], exact["units"]) == (EXACT, 0)
    assert find(Need("a", "b", 0.5, 1.5), table(exact), check=True).outcome == MET
    assert find(Need("a", "b", 1.5, 2.5), table(exact), check=True).outcome == MISSED
    for ends in RANGES:
        assert find(Need("a", "b", *ends), table(exact)).outcome == OPEN


def test_what_was_not_measured_is_not_settled():
    found = find(GAP, table(row("teacher", "test errors", 70, 68, 72)))
    assert (found.outcome, found.why) == (OPEN, "not measured")


@pytest.mark.parametrize("ends", RANGES)
def test_a_need_that_is_met_stays_met_when_its_interval_shrinks(ends):
    need = Need("a", "b", *ends)
    for value, low, high in INTERVALS:
        if outcome(need, (value, low, high)) == MET:
            for share in (0.9, 0.5, 0.1, 0.0):
                shrunk = (value, value - share * (value - low), value + share * (high - value))
                assert outcome(need, shrunk) == MET


@pytest.mark.parametrize("ends", RANGES)
def test_a_wider_interval_never_makes_a_need_met(ends):
    need = Need("a", "b", *ends)
    for value, low, high in INTERVALS:
        if outcome(need, (value, low, high)) != MET:
            for more in (0.01, 0.5, 3.0, math.inf):
                assert outcome(need, (value, low - more, high + more)) != MET


@pytest.mark.parametrize("units", [0, 1, 2])
@pytest.mark.parametrize("over", [*verdicts.UNITS, "test images"])
def test_fewer_than_three_units_are_never_met(units, over):
    for ends, interval in product(RANGES, INTERVALS):
        assert outcome(Need("a", "b", *ends), interval, units=units, over=over) == OPEN


@pytest.mark.parametrize("number", [1, 2, 7])
@pytest.mark.parametrize("direction", [True, False])
def test_one_missed_need_outweighs_any_number_that_are_not_settled(number, direction):
    for open_direction in (True, False):
        outcomes = [(open_direction, OPEN)] * number
        assert of_claim([*outcomes, (direction, MISSED)]) in ("partly", "not reproduced")
        assert of_check([*outcomes, (direction, MISSED)]) == "check failed"
        assert of_question([*outcomes, (direction, MISSED)]) == "answered: no"


@pytest.mark.parametrize(
    ("directions", "sizes", "verdict"),
    [
        ([MET], [MET], "reproduced"),
        ([MET, MET], [], "reproduced"),
        ([], [MET], "reproduced"),
        ([MET], [MISSED], "partly"),
        ([MET], [OPEN], "partly"),
        ([MET], [MISSED, OPEN], "partly"),
        ([MISSED, MET], [MET], "not reproduced"),
        ([MISSED, OPEN], [OPEN], "not reproduced"),
        ([], [MISSED], "not reproduced"),
        ([OPEN], [MISSED], "not reproduced"),
        ([OPEN, MET], [MET], "not settled"),
        ([OPEN], [OPEN], "not settled"),
        ([], [OPEN], "not settled"),
        ([], [OPEN, MET], "not settled"),
    ],
)
def test_the_table_of_verdicts(directions, sizes, verdict):
    assert of_claim([(True, o) for o in directions] + [(False, o) for o in sizes]) == verdict


@pytest.mark.parametrize("units", [3, 5, 10, 20])
def test_a_value_outside_the_range_passes_in_at_most_a_fortieth_of_draws(units):
    draws = 4000
    generator = np.random.default_rng(units)
    allowed = 0.025 + 3 * math.sqrt(0.025 * 0.975 / draws)  # three standard errors of the simulation
    for need, truth in ((Need("a", "b", 0, math.inf), 0.0), (Need("a", "b", -2.0, 2.0), 2.0)):
        values = generator.normal(truth, 1.0, (draws, units))
        passed = 0
        for drawn in values:
            found = mean_interval(drawn)
            passed += verdicts.outcome(need, found.low, found.high) == MET
        assert passed / draws <= allowed


@pytest.mark.parametrize("units", [6, 10, 20])
@pytest.mark.parametrize("decimals", [None, 0])
def test_so_do_ranks_with_ties_and_without(units, decimals):
    draws = 2000
    generator = np.random.default_rng(units)
    passed = 0
    for drawn in generator.normal(0.0, 1.0, (draws, units)):
        found = ranked(drawn if decimals is None else np.round(drawn))
        passed += verdicts.outcome(above("a", "b"), found.low, found.high) == MET
    assert passed / draws <= 0.025 + 3 * math.sqrt(0.025 * 0.975 / draws)


def test_directions_are_told_by_their_range():
    assert above("a", "b").direction
    assert above("a", "b", 1).direction
    assert not above("a", "b", 0.5).direction
    assert not below("a", "b", 0).direction
    assert not around("a", "b", 0, 1).direction
    assert no_more_errors("a", "b", 100).high == pytest.approx(110)
    assert (same_effect("a", "b", 4).low, same_effect("a", "b", 4).high) == (2, 8)


@pytest.mark.parametrize(
    ("made", "verdict", "decided"),
    [
        (dict(), "reproduced", GAP),
        (dict(size=(50, 45, 55)), "reproduced", GAP),  # better than published
        (dict(size=(90, 80, 100)), "partly", SIZE),
        (dict(size=(70, 60, 80)), "partly", SIZE),
        (dict(size=(70, 60, 80), gap=(5, -10, 20)), "not settled", GAP),
        (dict(size=(90, 80, 100), gap=(5, -10, 20)), "not reproduced", SIZE),
        (dict(gap=(-5, -10, -1)), "not reproduced", GAP),
        (dict(gap=None), "not settled", GAP),
        (dict(over="test images"), "not settled", GAP),
        (dict(dataset="embedded-digits"), "stand-in", GAP),
        (dict(dataset="mnist-slice"), "stand-in", GAP),
    ],
)
def test_the_line_shows_the_need_that_decided_never_a_friendlier_one(made, verdict, decided):
    found = judge(claim(GAP, SIZE), rows(**made))
    assert (found.verdict, found.decided) == (verdict, decided)


def test_the_reason_names_the_kind_of_need_and_what_is_wrong():
    assert judge(claim(GAP, SIZE), rows()).why == ""
    assert judge(claim(GAP, SIZE), rows(size=(90, 80, 100))).why == "size missed: outside the range"
    assert judge(claim(GAP, SIZE), rows(gap=None)).why == "direction not settled: not measured"
    why = judge(claim(GAP, SIZE), rows(over="strings")).why
    assert why == "direction not settled: strings are no units of a verdict"


def test_without_rows_a_claim_is_not_run():
    assert judge(claim(GAP), pd.DataFrame(columns=COLUMNS)).verdict == "not run"


def test_nets_smaller_than_the_papers_are_not_judged_whatever_they_show():
    full_size = above("nets", "share", 0.99)
    for gap in ((60, 40, 80), (-5, -10, -1)):
        made = pd.concat([rows(gap=gap), table(make_row("H3.1", "nets", "share", 0.06, "share", **REST))])
        assert judge(claim(GAP, SIZE, full_size=full_size), made).verdict == "reduced"
    assert (
        judge(claim(GAP, SIZE, full_size=full_size), rows()).verdict == "reproduced"
    )  # nothing says that they are small
    whole = pd.concat([rows(), table(make_row("H3.1", "nets", "share", 1.0, "share", **REST))])
    assert judge(claim(GAP, SIZE, full_size=full_size), whole).verdict == "reproduced"


def test_rows_of_reduced_nets_have_no_outcome_of_their_need():
    gap = make_row(
        "F1", "FitNet - teacher", "difference in test accuracy", Interval(-5, -6, -4, 5), "points", over="seeds", **REST
    )
    for share, outcome_ in ((0.06, ""), (1.0, MISSED)):
        size = make_row("F1", "nets trained", "multiplications as a share of the paper's", share, "share", **REST)
        assert verdicts.with_outcomes(table(gap, size))["need"].iloc[0] == outcome_


def test_a_question_is_answered_and_a_check_is_checked():
    assert judge(claim(GAP, question=True), rows()).verdict == "answered: yes"
    assert judge(claim(GAP, question=True), rows(gap=(-5, -10, -1))).verdict == "answered: no"
    assert judge(claim(GAP, question=True), rows(gap=(5, -10, 20))).verdict == "answered: not settled"
    assert judge(claim(checks=(SIZE,)), rows()).verdict == "checked"
    assert judge(claim(checks=(SIZE,)), rows(over="rounds of timing")).verdict == "checked"
    assert judge(claim(checks=(SIZE,)), rows(size=(90, 80, 100))).verdict == "check failed"
    assert judge(claim(checks=(SIZE,)), rows(size=(70, 60, 80))).verdict == "not settled"


def test_a_checked_claim_is_never_in_the_tally_of_claims_reproduced(monkeypatch):
    made = (
        claim(checks=(SIZE,)),
        claim(GAP, question=True),
        claim(GAP, checks=(SIZE,), variants=(Variant("v", (GAP,)),)),
    )
    monkeypatch.setattr("kdrep.report.scorecard.CLAIMS", made)
    card = scorecard(rows())
    assert list(card["verdict"]) == ["checked", "answered: yes", "reproduced", "checked", "reproduced"]
    assert tally(card) == (
        "1 claim of effects: 1 reproduced, 0 partly, 0 not reproduced, 0 not settled; "
        "1 check: 1 checked, 0 check failed, 0 not settled; "
        "1 question: 1 answered yes, 0 answered no, 0 answered not settled."
    )


def test_each_row_has_the_outcome_of_its_own_need():
    made = pd.DataFrame(
        [
            make_row("H3.1", "teacher", "test errors", Interval(90, 80, 100, 5), "errors", over="seeds", **REST),
            make_row(
                "H3.1",
                "baseline - teacher",
                "difference in test errors",
                Interval(60, 40, 80, 5),
                "errors",
                over="seeds",
                **REST,
            ),
            make_row("H3.1", "teacher", "seconds of training", Interval(1, 1, 1, 5), "s", over="seeds", **REST),
        ]
    )
    assert list(verdicts.with_outcomes(made)["need"]) == [MISSED, MET, ""]
    slices = made.assign(dataset="mnist-slice")
    assert list(verdicts.with_outcomes(slices)["need"]) == ["", "", ""]


def test_every_claim_has_something_that_is_judged_and_every_range_is_one():
    for each in CLAIMS:
        assert each.needs or each.checks
        for need in each.every_need:
            assert need.low < need.high, (each.id, need)
        assert not each.question or not each.checks


def test_the_verdicts_of_checks_and_effects_differ():
    checks = [each.id for each in CLAIMS if not each.needs]
    assert checks == ["H2.1", "H2.2", "H5.3", "H5.6", "H7.1", "F6"]
    card = scorecard(pd.DataFrame(columns=COLUMNS))
    assert set(card.loc[card["claim"].isin(checks), "kind"]) == {CHECK}
    assert (card["kind"] == EFFECT).sum() == len(CLAIMS) - len(checks) - sum(each.question for each in CLAIMS)
