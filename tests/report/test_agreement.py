"""Agreement with the published run, on made-up rows."""

import math

import pandas as pd
import pytest

from kdrep.report.agreement import AGREES, DIFFERS, UNCERTAIN, agreement, agreement_tally
from kdrep.report.needs import above, below
from kdrep.report.rows import make_row
from kdrep.report.scorecard import scorecard
from kdrep.report.statistics import Interval

AHEAD, FEW = above("a - b", "difference in test errors"), below("a", "test errors", 73.7)
REST = dict(dataset="mnist", profile="quick", device="cpu", seconds=1.0, code="x")


def rows(**found):
    """Rows of H3.1 for the two needs: an interval each, or a plain number."""
    made = []
    for name, need in (("ahead", AHEAD), ("few", FEW)):
        if name in found:
            value = found[name]
            measured = Interval(40.0, *value, 3) if isinstance(value, tuple) else value
            made.append(make_row("H3.1", need.arm, need.quantity, measured, "errors", over="seeds", **REST))
    return pd.DataFrame(made) if made else pd.DataFrame(columns=[*make_row("H3.1", "a", "b", 1.0, "errors", **REST)])


@pytest.mark.parametrize(
    ("mine", "theirs", "said"),
    [
        ((20, 60), (30, 50), AGREES),
        ((20, 60), (60, 80), AGREES),  # ends that touch meet
        ((20, 40), (50, 80), DIFFERS),
        ((-80, -50), (50, 80), DIFFERS),
        ((-5, 60), (30, 50), UNCERTAIN),  # it would agree with the opposite as well
        ((0, 60), (30, 50), UNCERTAIN),
        ((-5, 20), (30, 50), DIFFERS),  # wide, but apart
        ((-math.inf, math.inf), (30, 50), UNCERTAIN),
        ((20, 60), (-math.inf, math.inf), UNCERTAIN),
        (40.0, (30, 50), AGREES),  # a plain number: the same side of zero
        (-40.0, 40.0, DIFFERS),
    ],
)
def test_intervals_that_meet_agree_if_they_say_anything(mine, theirs, said):
    assert agreement([AHEAD], rows(ahead=mine), rows(ahead=theirs)) == said


def test_the_gravest_need_speaks_for_the_line():
    published = rows(ahead=(30, 50), few=(60, 70))
    assert agreement([AHEAD, FEW], rows(ahead=(20, 60), few=(65, 72)), published) == AGREES
    assert agreement([AHEAD, FEW], rows(ahead=(20, 60), few=(65, 80)), published) == UNCERTAIN
    assert agreement([AHEAD, FEW], rows(ahead=(-9, 60), few=(90, 99)), published) == DIFFERS
    assert agreement([AHEAD, FEW], rows(ahead=(20, 60)), published) == AGREES  # what one did not measure says nothing
    assert agreement([AHEAD, FEW], rows(few=(65, 72)), rows(ahead=(20, 60))) == ""


def test_rows_of_other_data_say_nothing():
    other = rows(ahead=(60, 80)).assign(dataset="another")
    assert agreement([AHEAD], rows(ahead=(20, 60)), other) == ""


def made(claim, arm, quantity, low, high):
    """One row."""
    return make_row(claim, arm, quantity, Interval((low + high) / 2, low, high, 3), "errors", over="seeds", **REST)


def test_the_scorecard_has_it_and_the_last_line_counts():
    published = pd.DataFrame(
        [made("H3.2", "baseline", "test errors", 132, 155), made("H3.1", "teacher", "test errors", 65, 73)]
    )
    mine = pd.DataFrame(
        [made("H3.2", "baseline", "test errors", 140, 150), made("H3.1", "teacher", "test errors", 80, 90)]
    )
    card = scorecard(mine, published)
    assert dict(zip(card["claim"], card["agreement"], strict=True)) | {"H3.2": AGREES, "H3.1": DIFFERS} == dict(
        zip(card["claim"], card["agreement"], strict=True)
    )
    assert (card.loc[~card["claim"].isin(["H3.1", "H3.2"]), "agreement"] == "").all()
    counted = "1 agree, 1 differ (H3.1), 0 too uncertain to tell"
    assert agreement_tally(card, "thorough") == f"Lines beside the published run (thorough): {counted}."
    assert agreement_tally(scorecard(mine), "thorough") == ""
