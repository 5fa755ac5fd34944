"""Biases of digits that a student never saw, on logits made by hand."""

import pytest
import torch

from kdrep.data.datasets import Dataset
from kdrep.experiments.mnist import scores, unseen

LABELS = torch.tensor([0, 0, 1, 1, 2, 2])
SHIFTS = [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def logits_that_miss(digit, by):
    """One student that is right by a margin of one, but whose logit of `digit` is too low by so much: (1, 6, 10)."""
    logits = torch.zeros(1, len(LABELS), 10)
    logits[0, range(len(LABELS)), LABELS] = 1.0
    logits[..., digit] -= by
    return logits


def pictures(train_labels):
    """A data set in which the images do not matter."""
    labels = torch.as_tensor(train_labels)
    images = [torch.zeros(len(part), 28, 28, dtype=torch.uint8) for part in (labels, LABELS)]
    return Dataset("made", images[0], labels, images[1], LABELS, real=False, origin="made")


def test_a_sweep_counts_errors_at_every_shift():
    # Of six images, raising the bias of 2 mends its two once it is within the margin, and spoils the others beyond it.
    errors = unseen.bias_sweep(logits_that_miss(2, 2.5), LABELS, [2], SHIFTS)
    assert errors[:, 0].tolist() == [2, 2, 2, 2, 2, 0, 0, 4, 4]


def test_the_best_shift_is_the_middle_of_the_best():
    assert unseen.best_shift(logits_that_miss(2, 2.0), LABELS, [2], SHIFTS) == [2.0]
    both = torch.cat([logits_that_miss(2, 2.0), logits_that_miss(2, -2.0)])
    assert unseen.best_shift(both, LABELS, [2], SHIFTS) == [2.0, -2.0]


def test_levelling_brings_the_mean_biases_together():
    biases = torch.tensor([[1.0] * 10, [0.0] * 10])
    biases[0, 3] = -2.5
    biases[1, 7], biases[1, 8] = 4.0, 6.0
    assert unseen.bias_levelling_shift(biases, [3])[0] == pytest.approx(3.5)
    assert unseen.bias_levelling_shift(biases, [7, 8])[1] == pytest.approx(-5.0)


def test_a_transfer_set_leaves_out_digits_and_held_out_images():
    dataset = pictures(list(range(10)) * 12)
    chosen = unseen.transfer_set(dataset, [3], keep=False)
    held = unseen.held_out(dataset)
    assert len(held) == 10
    assert not set(chosen.tolist()) & set(held.tolist())
    assert 3 not in dataset.train_labels[chosen]
    assert len(chosen) == 110 - 11
    kept = unseen.transfer_set(dataset, [7, 8], keep=True)
    assert set(dataset.train_labels[kept].tolist()) == {7, 8}
    assert len(kept) == 22


def test_recovery_chooses_without_the_test_labels_where_it_says_so():
    dataset = pictures([0, 1, 2] * 12)
    held = unseen.held_out(dataset)
    # On held-out images the student misses the class by 1.5, on test images by 2.5; the teacher is always right.
    train = torch.zeros(1, 36, 10)
    train[0, range(36), dataset.train_labels] = 1.0
    train[..., 2] -= 1.5
    teacher = torch.nn.functional.one_hot(dataset.train_labels, 10).float()
    student = {
        "test_logits": logits_that_miss(2, 2.5), "train_logits": train, "output_bias": torch.full((1, 10), 0.5),
    }  # fmt: skip
    student["output_bias"][0, 2] = -1.5
    found = unseen.recovery(student, dataset, teacher, [2], SHIFTS)
    assert len(held) == 3
    errors = {choice: measured["errors"][0] for choice, measured in found.chosen.items()}
    shifts = {choice: measured["shift"][0] for choice, measured in found.chosen.items()}
    assert errors["no bias correction"] == 2
    assert errors["bias chosen on the test set"] == 0
    assert shifts["bias levelled with the other classes"] == pytest.approx(2.0)
    assert shifts["bias chosen on held-out images with the teacher's answers"] in (1.0, 2.0)
    assert found.chosen["no bias correction"]["% of classes right"] == [0.0]


def test_what_a_teacher_puts_next():
    logits = torch.zeros(4, 10)
    logits[0, 3] = logits[1, 3] = 2.0
    labels = torch.tensor([2, 2, 5, 5])
    table = scores.next_classes(logits, labels, 1.0)
    assert table[2].argmax() == 3
    assert table[5].tolist() == pytest.approx([0.1] * 10)


def test_lookalikes_come_in_order():
    logits = torch.zeros(4, 10)
    logits[:, 7] = torch.tensor([1.0, 3.0, 2.0, 9.0])
    index, captions = scores.lookalikes(
        logits, torch.tensor([2, 2, 2, 4]), digit=2, others=[7], temperature=1.0, count=2
    )
    assert index.tolist() == [1, 2]
    assert captions[0] > captions[1]
