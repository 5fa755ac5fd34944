"""Tables of section 5 on made answers that can be counted by hand."""

import numpy as np
import pytest
import torch

from kdrep.experiments.specialists import scores as specialist_scores
from kdrep.report.statistics import Interval


def test_right_and_gain():
    labels = torch.tensor([0, 1, 1, 0])
    answers = torch.tensor([[2.0, 1.0], [2.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    marks = specialist_scores.right(answers, labels)
    assert marks.tolist() == [100, 0, 100, 0]
    assert specialist_scores.accuracy([marks]).value == 50
    assert specialist_scores.gain([marks, np.full(4, 100.0)], [marks, marks]).value == 25


def test_by_cover_counts_changes_where_specialists_cover():
    labels = torch.arange(5).repeat_interleave(10)
    sets = [[[0, 1, 2], [0, 1]]]  # two specialists for classes 0 and 1, one for 2, none for 3 and 4
    before = np.array(([100.0] * 5 + [0.0] * 5) * 5)
    after = before.copy()
    after[5:9] = after[15:18] = 100  # four more of class 0, three more of class 1
    after[25:26] = 100  # one more of class 2
    table, (slope, _) = specialist_scores.by_cover(sets, labels, before, [after])
    assert table.index.tolist() == [0, 1, 2]
    assert table["classes"].tolist() == [2, 1, 2]
    assert table["test images"].tolist() == [20, 10, 20]
    assert table["change in top-1 correct"].tolist() == [0, 1, 7]
    assert table["relative change, %"].tolist() == [0, 20, 70]
    assert slope.value == pytest.approx(25)  # from 10 points with one specialist to 35 with two


def test_the_gain_by_number_goes_from_none_to_all():
    labels = torch.tensor([0, 1, 2, 3])
    generalist = {
        part: torch.tensor([[0.0, 0.1, -5.0, -5.0]] * 2 + [[-5.0, -5.0, 0.1, 0.0]] * 2)
        for part in ("test_logits", "train_logits")
    }
    sure = torch.tensor([[5.0, -5.0, -5.0], [-5.0, 5.0, -5.0], [-5.0, -5.0, 5.0], [-5.0, -5.0, 5.0]])
    sets = [[0, 1]] * 25
    specialists = [{"test_logits": sure, "train_logits": sure, "special": own, "correction": 0.0} for own in sets]
    found = specialist_scores.by_count(generalist, specialists, sets, labels, 0)
    assert found["counts"][0] == 0
    assert found["counts"][-1] == 25
    assert len(found["counts"]) == len(found["accuracy"]) == specialist_scores.MOST_COUNTS
    assert found["accuracy"][0] == 50
    assert found["accuracy"][-1] == 75
    logits = specialist_scores.training_answers(generalist, specialists, sets)["logits"]
    assert logits.argmax(1).tolist() == [0, 1, 2, 2]


def test_no_change_is_no_trend():
    labels = torch.arange(4).repeat_interleave(5)
    before = np.full(20, 100.0)
    _, (slope, p) = specialist_scores.by_cover([[[0, 1], [0, 2]]], labels, before, [before])
    assert slope == Interval(0, -np.inf, np.inf, 1)
    assert p == 1


def test_reliability_of_a_calibrated_forecast():
    forecast = np.array([0.25] * 4 + [0.95] * 20), np.array([1, 0, 0, 0] + [1] * 19 + [0])
    stated, seen = specialist_scores.reliability(*forecast)
    assert stated[2] == seen[2] == 0.25
    assert stated[9] == pytest.approx(seen[9])
    assert specialist_scores.calibration_error(*(part[None] for part in forecast)) == pytest.approx(0)
    assert np.isnan(stated[0])


def test_the_correction_mends_an_oversampled_dustbin():
    generator = np.random.default_rng(0)
    labels = torch.from_numpy(generator.integers(0, 10, 4000))
    own = (labels < 2).double()
    evidence = 2 * own - 1 + torch.from_numpy(generator.normal(0, 1, 4000))  # log odds 2 x for equal shares
    logits = torch.stack([evidence, -torch.inf + 0 * evidence, -evidence], 1)
    specialist = {"test_logits": logits, "correction": float(np.log(0.8 / 0.2)), "special": [0, 1]}
    forecasts = [specialist_scores.dustbin_forecasts([specialist], labels, correction=c) for c in (True, False)]
    errors = [specialist_scores.calibration_error(*forecast) for forecast in forecasts]
    assert errors[0] < 0.03 < errors[1]


def test_the_calibration_error_is_the_mean_of_its_bins_by_hand():
    stated = np.array([[0.1, 0.15, 0.9, 0.9], [0.5, 0.5, 0.5, 0.5]])
    happened = np.array([[0, 1, 1, 0], [1, 1, 0, 0]])
    first = abs((0.1 + 0.15) / 2 - 0.5) / 2 + abs(0.9 - 0.5) / 2
    assert specialist_scores.calibration_error(stated, happened) == pytest.approx(first / 2)
    some = np.array([0, 0, 2])
    first = 0.1 * 2 / 3 + 0.1 / 3
    assert specialist_scores.calibration_error(stated, happened, some) == pytest.approx((first + 1 / 6) / 2)


def test_conditional_accuracies_are_of_the_own_classes_alone():
    labels = torch.tensor([0, 1, 2, 2, 3])
    answers = torch.tensor(
        [[0.1, 0.2, 0.7, 0], [0.1, 0.6, 0.3, 0], [0.5, 0.1, 0.4, 0], [0.2, 0.3, 0.5, 0], [0.0, 0.0, 0.0, 1]]
    )
    sets = [[0, 1], [0, 2]]
    found = specialist_scores.conditional(specialist_scores.of_one_net(answers, sets), labels, sets)
    assert found[:4].tolist() == [0, 100, 0, 100]
    assert np.isnan(found[4])
    assert specialist_scores.over_covered([found]).value == 50
    assert specialist_scores.over_covered([found], [np.array([0, 100, 0, 0, np.nan])]).value == 25


def test_errors_inside_a_set():
    labels, predicted = torch.tensor([0, 1, 2, 3]), torch.tensor([1, 1, 3, 0])
    assert specialist_scores.confused_inside(predicted, labels, [[0, 1], [1, 2, 3]]).tolist() == [100, 100, 0]


def test_class_means_are_over_the_sets_that_hold_a_class():
    sets, values = [[2, 0], [4, 2], [2, 3]], [[1.0, 5.0], [7.0, 3.0], [8.0, 6.0]]
    assert specialist_scores.class_means(values, sets).tolist() == [5.0, 4.0, 6.0, 7.0]
