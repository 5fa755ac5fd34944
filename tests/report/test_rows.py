"""Rows, and the tables that are made from them."""

import math

import pandas as pd
import pytest

from kdrep.report import figures
from kdrep.report import scorecard as cards
from kdrep.report.needs import Claim, Figure, above, below
from kdrep.report.papers import CLAIMS
from kdrep.report.rows import COLUMNS, bounds, make_row, number, read_rows, with_interval
from kdrep.report.statistics import Interval
from kdrep.report.verdicts import with_outcomes
from kdrep.run import outdated, profiles

REST = dict(dataset="mnist", profile="quick", device="cpu", seconds=1.0, code="c", over="seeds")


def rows(**rest):
    size = make_row("H3.1", "teacher", "test errors", Interval(90, 80, 100, 3), "errors", **REST | rest)
    gap = make_row(
        "H3.1", "baseline - teacher", "difference in test errors", Interval(6, 2, 9, 3), "errors", **REST | rest
    )
    return pd.DataFrame([size, gap])


def test_a_measured_value_must_be_a_number():
    with pytest.raises(ValueError, match=r"H3\.1, teacher, test errors"):
        make_row("H3.1", "teacher", "test errors", math.nan, "errors", **REST)
    with pytest.raises(ValueError, match="say what the interval is over"):
        make_row("H3.1", "teacher", "test errors", Interval(1, 0, 2, 3), "errors", **REST | {"over": ""})
    with pytest.raises(ValueError, match="claim: must be one of"):
        make_row("H9.9", "teacher", "test errors", 1.0, "errors", **REST)


@pytest.mark.parametrize(
    ("arm", "quantity", "unit", "measured", "cut"),
    [
        ("backprop", "test error, geometric mean", "%", (9.0, 0.2, 499.0), (0.2, 100)),
        ("generalist", "training accuracy", "%", (99.9, 99.7, 100.03), (99.7, 100)),
        ("teacher", "test errors", "errors", (4.0, -3.0, 11.0), (0, 11)),
        ("baseline - teacher", "difference in test errors", "errors", (-4.0, -9.0, 1.0), (-9, 1)),
        ("generalist + specialists", "relative gain in test accuracy", "%", (-1.0, -3.0, 1.0), (-3, 1)),
        ("one seed", "test error", "%", (4.0, -math.inf, math.inf), (-math.inf, math.inf)),
    ],
)
def test_an_interval_ends_where_its_quantity_does(arm, quantity, unit, measured, cut):
    made = make_row("H3.1", arm, quantity, Interval(*measured, 5), unit, **REST)
    assert (made["low"], made["high"]) == cut
    assert made["value"] == measured[0]


def test_published_rows_stay_within_their_bounds():
    for profile in ("thorough", "full"):
        path = outdated.ROOT / "results" / profile / "rows.csv"
        for row in read_rows(path).itertuples() if path.exists() else ():
            low, high = bounds(row.arm, row.quantity, row.unit)
            assert low <= row.value <= high, row
            assert math.isinf(row.low) or low <= row.low <= row.high <= high, row


def test_the_scorecard_has_a_line_for_every_claim_check_and_variant():
    card = cards.scorecard(rows())
    assert list(card["claim"].drop_duplicates()) == [claim.id for claim in CLAIMS]
    line = card.set_index("claim").loc["H3.1"]
    assert (line["verdict"], line["value"], line["published"]) == ("partly", 90, 67)
    assert (line["over"], line["units"], line["evidence"]) == ("seeds", 3, "exploratory")
    text = cards.as_markdown(card)
    assert "| 67 | 90 [80, 100], 3 seeds | partly (size missed: outside the range) |" in text
    assert len(text.splitlines()) == len(card) + 2
    assert {"H2.3 check", "H4.1 variant", "F5 variant"} <= set(cards.as_table(card)["claim"])


def test_what_is_compared_leaves_out_other_data_and_smaller_nets():
    small = make_row("F1", "nets trained", "multiplications as a share of the paper's", 0.06, "share", **REST)
    behind = make_row(
        "F1", "FitNet - teacher", "difference in test accuracy", -0.7, "points", **REST | {"dataset": "cifar10"}
    )
    elsewhere = make_row("H5.4", "generalist", "test accuracy", 49.0, "%", **REST | {"dataset": "cifar100"})
    compared = figures.comparable(pd.concat([pd.DataFrame([small, behind, elsewhere]), rows()]))
    assert list(compared["quantity"]) == ["test errors", "difference in test errors"]
    assert figures.forest(with_outcomes(compared)).axes[0].get_xlim() == (0.38, 2.63)


def test_evidence_is_confirmed_only_where_all_rows_bear_one_declaration():
    made = rows()
    assert cards.evidence(made) == "exploratory"
    assert cards.evidence(made.assign(declared="abc")) == "confirmed"
    assert cards.evidence(made.assign(declared=["abc", ""])) == "exploratory"
    assert cards.evidence(made.assign(declared=["abc", "abd"])) == "exploratory"


def test_a_stand_in_stands_beside_no_published_figure():
    card = cards.scorecard(rows(dataset="mnist-slice")).set_index("claim")
    assert card.loc["H3.1", "verdict"] == "stand-in"
    assert card.loc["H3.1", "published"] is None or math.isnan(card.loc["H3.1", "published"])


def test_rows_survive_the_file(tmp_path):
    made = with_outcomes(rows()).reindex(columns=COLUMNS)
    made.to_csv(tmp_path / "rows.csv", index=False)
    pd.testing.assert_frame_equal(cards.scorecard(read_rows(tmp_path / "rows.csv")), cards.scorecard(made))
    (tmp_path / "rows.csv").write_text("claim,arm\n")
    with pytest.raises(ValueError, match="columns quantity"):
        read_rows(tmp_path / "rows.csv")
    (tmp_path / "rows.csv").write_text("claim,ar")
    with pytest.raises(ValueError, match="is cut off"):
        read_rows(tmp_path / "rows.csv")


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (math.inf, "∞"), (-2.0, "−2"), (0.00031849, "0.0003185"), (123456.0, "123,456")]
)
def test_numbers_for_people(value, text):
    assert number(value) == text


def test_intervals_for_people():
    assert with_interval(Interval(1.25, 1.0, 1.5)) == "1.25 [1, 1.5]"
    assert with_interval(Interval(7, 7, 7)) == "7"
    assert with_interval(Interval(1.00001, 0.99999, 1.00002)) == "1"
    assert with_interval(Interval(7, -math.inf, math.inf)) == "7 (no interval)"


def test_what_a_claim_shares_stands_in_its_line(monkeypatch):
    made = Claim(
        "H3.1", "3", "01_mnist", "made up", (Figure("teacher", "test errors", 67, "errors"),),
        (above("baseline - teacher", "difference in test errors"), below("teacher", "test errors", 95)),
        fixed="one machine",
    )  # fmt: skip
    monkeypatch.setattr(cards, "CLAIMS", (made,))
    assert cards.as_table(cards.scorecard(rows()))["held fixed"].item() == "one machine"
    assert cards.as_table(cards.scorecard(rows().iloc[:0]))["held fixed"].item() == ""


def test_rows_are_stale_by_their_own_settings_alone(monkeypatch):
    before = {name: outdated.notebook_code(name) for name in ("00_distillation", "01_mnist")}
    changed = profiles.SETTINGS["01_mnist"] | {"hard_weight": 0.2}
    monkeypatch.setitem(profiles.SETTINGS, "01_mnist", changed)
    assert outdated.notebook_code("01_mnist") != before["01_mnist"]
    assert outdated.notebook_code("00_distillation") == before["00_distillation"]
