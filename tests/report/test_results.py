"""Verdicts on made-up rows of every kind, and the tables made from them."""

import math
from dataclasses import replace

import pandas as pd
import pytest

from kdrep.report import papers, results
from kdrep.report.papers import CLAIMS, Claim, Figure, Need
from kdrep.report.statistics import Interval
from kdrep.run import outdated, profiles

REST = dict(seeds=3, dataset="mnist", profile="quick", device="cpu", seconds=1.0, code="c")
TEACHER = Need("near", "teacher", "test errors", 0.1)
GAP = Need("above", "gap", "difference")


@pytest.fixture
def claim(monkeypatch) -> Claim:
    """A claim with a size and a direction, in place of H3.1."""
    made = Claim("H3.1", "3", "01_mnist", "made up", (Figure("teacher", "test errors", 67, "errors"),), (TEACHER, GAP))
    monkeypatch.setitem(papers.BY_ID, "H3.1", made)
    return made


def rows(size=(70, 65, 75), gap=(60, 40, 80), dataset="mnist"):
    rest = REST | dict(dataset=dataset)
    made = [results.make_row("H3.1", "teacher", "test errors", Interval(*size), "errors", **rest)]
    if gap:
        made.append(results.make_row("H3.1", "gap", "difference", Interval(*gap), "errors", **rest))
    return pd.DataFrame(made)


@pytest.mark.parametrize(
    ("made", "verdict"),
    [
        (dict(), "reproduced"),
        (dict(size=(50, 45, 55)), "reproduced"),  # better than published
        (dict(size=(90, 80, 100)), "partly"),
        (dict(size=(90, 80, 100), gap=(5, -10, 20)), "inconclusive"),
        (dict(gap=(5, -10, 20)), "inconclusive"),
        (dict(gap=(-5, -10, -1)), "not reproduced"),
        (dict(gap=None), "not run"),
        (dict(dataset="embedded-digits"), "stand-in"),
        (dict(dataset="mnist-slice"), "stand-in"),
    ],
)
def test_verdicts(claim, made, verdict):
    assert results.judge(claim, rows(**made)).verdict == verdict


def test_without_rows_or_criterion_a_claim_is_not_run(claim):
    empty = pd.DataFrame(columns=results.COLUMNS)
    assert results.judge(claim, empty).verdict == "not run"
    assert results.judge(Claim("H3.1", "3", "01_mnist", "open"), rows()).verdict == "not run"


def test_a_small_experiment_decides_nothing_whatever_it_shows():
    scale = Need("scale", "teacher", "test errors", 80)
    small = Claim("H3.1", "3", "01_mnist", "made up", (), (GAP, scale))
    for gap in ((60, 40, 80), (-5, -10, -1)):
        verdict = results.judge(small, rows(gap=gap))
        assert (verdict.verdict, verdict.why, verdict.shown) == ("inconclusive", "too small to tell", GAP)
        assert verdict.basis.startswith("too small to tell: teacher, test errors")
        assert "difference" in verdict.basis  # what else was found is said as well


def test_a_size_alone_that_is_missed_is_not_reproduced():
    only_size = Claim("H3.1", "3", "01_mnist", "made up", (), (TEACHER,))
    assert results.judge(only_size, rows(size=(90, 80, 100))).verdict == "not reproduced"


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        (dict(), TEACHER),
        (dict(size=(90, 80, 100)), TEACHER),
        (dict(gap=(5, -10, 20)), GAP),
        (dict(size=(90, 80, 100), gap=(-5, -10, -1)), GAP),
        (dict(gap=None), TEACHER),
    ],
)
def test_the_scorecard_shows_what_decided(claim, made, shown):
    assert results.judge(claim, rows(**made)).shown == shown


@pytest.mark.parametrize(
    ("need", "value", "met"),
    [
        (Need("exact", "teacher", "test errors", 0.5), 67.4, "met"),
        (Need("exact", "teacher", "test errors", 0.5), 67.6, "failed"),
        (Need("order", "teacher", "test errors"), 200, "met"),
        (Need("order", "teacher", "test errors"), 220, "failed"),
        (Need("order", "teacher", "test errors"), -67, "failed"),
        (Need("at least", "teacher", "test errors", 60), 60, "met"),
        (Need("at least", "teacher", "test errors", 60), 59, "failed"),
        (Need("at most", "teacher", "test errors", 60), 60, "met"),
        (Need("at most", "teacher", "test errors", 60), 61, "failed"),
        (Need("scale", "teacher", "test errors", 60), 60, "met"),
        (Need("scale", "teacher", "test errors", 60), 59, "too small"),
    ],
)
def test_every_kind_of_need(claim, need, value, met):
    assert results.check(need, rows(size=(value, value, value)))[0] == met


def test_one_seed_without_limits_must_be_near_itself(claim):
    near = Need("near", "teacher", "test errors", 0.10)
    assert results.check(near, rows(size=(73, -math.inf, math.inf)))[0] == "met"
    assert results.check(near, rows(size=(90, -math.inf, math.inf)))[0] == "failed"
    assert results.check(near, rows(size=(90, 70, 110)))[0] == "met"
    assert results.check(near, rows(size=(90, 80, 100)))[0] == "failed"
    assert "(published 67: +34 %, the interval must reach +10 %)" in results.check(near, rows(size=(90, 80, 100)))[1]


def test_an_unknown_need_is_an_error(claim):
    with pytest.raises(ValueError, match="unknown kind 'about'"):
        results.check(Need("about", "teacher", "test errors"), rows())


def test_a_measured_value_must_be_a_number():
    with pytest.raises(ValueError, match=r"H3\.1, teacher, test errors"):
        results.make_row("H3.1", "teacher", "test errors", math.nan, "errors", **REST)
    with pytest.raises(ValueError, match="claim: must be one of"):
        results.make_row("H9.9", "teacher", "test errors", 1.0, "errors", **REST)


def test_the_scorecard_has_one_line_a_claim_and_prints():
    card = results.scorecard(rows())
    assert list(card["claim"]) == [claim.id for claim in CLAIMS]
    line = card.set_index("claim").loc["H3.1"]
    assert (line["value"], line["published"]) == (70, 67)
    text = results.as_markdown(card)
    assert "| 67 | 70 [65, 75] |" in text
    assert len(text.splitlines()) == len(CLAIMS) + 2


def test_the_table_says_what_a_verdict_hangs_on_and_how_the_experiment_departs(claim, monkeypatch):
    monkeypatch.setattr(results, "CLAIMS", [replace(claim, departs="with a larger net")])
    table = results.as_table(results.scorecard(rows(size=(90, 80, 100))))
    assert table["what is measured"].item() == "teacher, test errors (with a larger net)"
    assert table["verdict"].item() == "partly (missed)"
    assert results.as_table(results.scorecard(rows()))["verdict"].item() == "reproduced"


def test_verdicts_are_counted():
    card = pd.DataFrame({"verdict": ["not run", "reproduced", "reproduced"]})
    assert results.tally(card) == "3 claims: 2 reproduced, 1 not run."


def test_rows_survive_the_file(tmp_path):
    made = results.with_verdicts(rows())
    made = made.reindex(columns=results.COLUMNS)
    made.to_csv(tmp_path / "rows.csv", index=False)
    pd.testing.assert_frame_equal(results.scorecard(results.read_rows(tmp_path / "rows.csv")), results.scorecard(made))
    (tmp_path / "rows.csv").write_text("claim,arm\n")
    with pytest.raises(ValueError, match="columns quantity"):
        results.read_rows(tmp_path / "rows.csv")


def test_every_need_with_a_published_figure_has_one():
    for claim in CLAIMS:
        for need in claim.needs:
            if need.kind in ("exact", "near", "order"):
                assert papers.published(claim.id, need.arm, need.quantity) is not None, need


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (math.inf, "∞"), (-2.0, "−2"), (0.00031849, "0.0003185"), (123456.0, "123,456")]
)
def test_numbers_for_people(value, text):
    assert results.number(value) == text


def test_rows_are_stale_by_their_own_settings_alone(monkeypatch):
    before = {name: outdated.notebook_code(name) for name in ("00_distillation", "01_mnist")}
    changed = profiles.SETTINGS["01_mnist"] | {"hard_weight": 0.2}
    monkeypatch.setitem(profiles.SETTINGS, "01_mnist", changed)
    assert outdated.notebook_code("01_mnist") != before["01_mnist"]
    assert outdated.notebook_code("00_distillation") == before["00_distillation"]


def test_a_dry_run_has_full_nets_and_smokes_lengths(monkeypatch):
    monkeypatch.setenv("KDREP_DRY", "1")
    chosen = profiles.settings("02_speech", "full")
    full, smoke = (profiles.resolve(profiles.SETTINGS["02_speech"], column) for column in (2, 0))
    assert chosen.width == full["width"] == 2560
    assert chosen.slice == smoke["slice"]
    assert chosen.member["epochs"] == 1
    assert chosen.member["learning_rate"] == full["member"]["learning_rate"]
    for notebook in profiles.SETTINGS:
        assert getattr(profiles.settings(notebook, "full"), "seeds", 1) == 1  # 06 has none


def test_intervals_for_people():
    assert results.with_interval(1.25, 1.0, 1.5) == "1.25 [1, 1.5]"
    assert results.with_interval(7, 7, 7) == "7"
    assert results.with_interval(1.00001, 0.99999, 1.00002) == "1"
    assert results.with_interval(7, -math.inf, math.inf) == "7 (no interval)"


def test_seeds_replaces_every_number_of_seeds():
    chosen = profiles.settings("05_fitnets", "quick", seeds=2)
    assert (chosen.seeds, chosen.few_seeds, chosen.colour_seeds) == (2, 2, 2)
    assert chosen.depth_seeds == {"published": 2, "modern": 2}
    assert profiles.settings("01_mnist", "quick", seeds=2).sweep_seeds == {30: 2, 100: 2, 300: 2, 800: 2}
