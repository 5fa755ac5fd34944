"""Tables of section 5 on made answers that can be counted by hand."""

import numpy as np
import pytest
import torch

from kdrep import specialist_scores as scores


def test_right_and_gain():
    labels = torch.tensor([0, 1, 1, 0])
    answers = torch.tensor([[2.0, 1.0], [2.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    marks = scores.right(answers, labels)
    assert marks.tolist() == [100, 0, 100, 0]
    assert scores.accuracy([marks]).value == 50
    assert scores.gain([marks, np.full(4, 100.0)], [marks, marks]).value == 25


def test_by_cover_counts_changes_where_specialists_cover():
    labels = torch.tensor([0] * 10 + [1] * 10 + [2] * 10)
    sets = [[[0], [0, 1]]]
    before = np.array([100.0] * 5 + [0.0] * 5 + [100.0] * 5 + [0.0] * 5 + [100.0] * 5 + [0.0] * 5)
    after = before.copy()
    after[5:9] = 100  # four more of class 0, which two specialists cover
    after[15:16] = 100  # one more of class 1, which one covers
    table, (slope, p) = scores.by_cover(sets, labels, before, [after])
    assert table.index.tolist() == [0, 1, 2]
    assert table["test images"].tolist() == [10, 10, 10]
    assert table["change in top-1 correct"].tolist() == [0, 1, 4]
    assert table["relative change, %"].tolist() == [0, 20, 80]
    assert slope.value == pytest.approx(20)
    assert slope.low > 0
    assert p < 0.05


def test_reliability_of_a_calibrated_forecast():
    stated, seen, error = scores.reliability(
        np.array([0.25] * 4 + [0.95] * 20), np.array([1, 0, 0, 0] + [1] * 19 + [0])
    )
    assert stated[2] == seen[2] == 0.25
    assert stated[9] == pytest.approx(seen[9])
    assert error == pytest.approx(0)
    assert np.isnan(stated[0])


def test_the_correction_mends_an_oversampled_dustbin():
    generator = np.random.default_rng(0)
    labels = torch.from_numpy(generator.integers(0, 10, 4000))
    own = (labels < 2).double()
    evidence = 2 * own - 1 + torch.from_numpy(generator.normal(0, 1, 4000))  # log odds 2 x for equal shares
    logits = torch.stack([evidence, -torch.inf + 0 * evidence, -evidence], 1)
    specialist = {"test_logits": logits, "correction": float(np.log(0.8 / 0.2))}
    errors = [scores.dustbin_reliability([specialist], [[0, 1]], labels, c)[2] for c in (True, False)]
    assert errors[0] < 0.03 < errors[1]


def test_conditional_accuracies_are_of_the_own_classes_alone():
    labels = torch.tensor([0, 1, 2, 2])
    answers = torch.tensor([[0.1, 0.2, 0.7], [0.1, 0.6, 0.3], [0.5, 0.1, 0.4], [0.2, 0.3, 0.5]])
    assert scores.conditional(answers, labels, [[0, 1], [0, 2]]).tolist() == [50, pytest.approx(100 / 3)]
