"""Clusters on planted confusions, the dustbin's bookkeeping, and the combination against independent solutions."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from kdrep.experiments.specialists import assignment, combination, dustbin


def planted(classes=12, group=3, images=4000, seed=0):
    """Predictions of a net that confuses the classes of each group of `group`."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 0.3, (images, classes))
    label = generator.integers(classes, size=images)
    logits[np.arange(images), label] += 4
    for other in range(group):
        logits[np.arange(images), label // group * group + other] += generator.uniform(0, 4, images)
    return torch.softmax(torch.from_numpy(logits), 1)


@pytest.mark.parametrize("cluster", [partial(assignment.online_kmeans, seed=0), assignment.agglomerative])
def test_planted_groups_are_found(cluster):
    columns = assignment.confusion_columns(assignment.prediction_covariance(planted()))
    found = cluster(columns, 4)
    assert sorted(sorted(np.flatnonzero(found == c).tolist()) for c in range(4)) == [
        [0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11],
    ]  # fmt: skip
    sets = assignment.special_sets(columns, found, 4)
    assert all(len(s) == 4 for s in sets)
    assert all(set(np.flatnonzero(found == c)) < set(s) for c, s in enumerate(sets))


def test_covariance_is_numpys():
    predictions = planted(images=50)
    torch.testing.assert_close(
        assignment.prediction_covariance(predictions), torch.from_numpy(np.cov(predictions.numpy(), rowvar=False))
    )


def test_dustbin_labels_map_every_class():
    labels = torch.arange(6)
    assert dustbin.dustbin_labels(labels, [4, 1], 6).tolist() == [2, 1, 2, 2, 0, 2]


def test_half_and_half_holds_its_proportions_and_uses_everything():
    labels = torch.arange(1000) % 10
    index = dustbin.half_and_half(labels, [3, 7], 1200, torch.Generator().manual_seed(0))
    special = torch.isin(labels[index], torch.tensor([3, 7]))
    assert special.sum() == 600
    counts = torch.bincount(index[special], minlength=1000)
    assert counts[torch.isin(labels, torch.tensor([3, 7]))].tolist() == [3] * 200
    assert len(index[~special].unique()) == 600


def test_the_correction_restores_the_base_rate_of_a_counting_model():
    labels = torch.arange(1000) % 10
    special = [3, 7]
    index = dustbin.half_and_half(labels, special, 1600, torch.Generator().manual_seed(0))
    own = dustbin.dustbin_labels(labels, special, 10)
    logits = torch.bincount(own[index], minlength=3).double().log()
    logits[-1] += dustbin.dustbin_correction(labels, special)
    torch.testing.assert_close(torch.softmax(logits, 0), torch.bincount(own, minlength=3).double() / 1000)


def random_problem(images=4, classes=7, seed=0):
    generator = torch.Generator().manual_seed(seed)
    sets = [[0, 2, 5], [1, 2], [3, 4, 5, 6]]
    generalist = torch.softmax(torch.randn(images, classes, generator=generator).double() * 2, 1)
    predictions = [torch.softmax(torch.randn(images, len(s) + 1, generator=generator).double() * 2, 1) for s in sets]
    return generalist, predictions, sets


@pytest.mark.parametrize("reverse", [False, True])
def test_the_combination_is_what_scipy_finds_image_by_image(reverse):
    generalist, predictions, sets = random_problem()
    asked = torch.tensor([[True, True, True], [True, False, False], [False, True, True], [False, False, False]])
    found = combination.combine(generalist, predictions, sets, asked, reverse=reverse, tolerance=1e-8)

    def objective(z, image):
        q = np.exp(z - z.max())
        q /= q.sum()

        def kl(p, r):
            return float((r * np.log(r / p)).sum() if reverse else (p * np.log(p / r)).sum())

        total = kl(generalist[image].numpy(), q)
        for m, own in enumerate(sets):
            if asked[image, m]:
                total += kl(predictions[m][image].numpy(), np.append(q[own], 1 - q[own].sum()))
        return total

    for image in range(4):
        start = np.log(generalist[image].numpy())
        best = minimize(objective, start, args=(image,), method="BFGS", options={"gtol": 1e-9})
        q = np.exp(best.x - best.x.max())
        assert found[image].numpy() == pytest.approx(q / q.sum(), abs=1e-5)


def test_without_specialists_the_generalist_answers():
    generalist, predictions, sets = random_problem()
    found = combination.combine(generalist, predictions, sets, torch.zeros(4, 3, dtype=torch.bool))
    torch.testing.assert_close(found, generalist, atol=1e-5, rtol=0)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_specialist_for_nearly_everything_gives_the_mean_of_the_two(reverse):
    generator = torch.Generator().manual_seed(2)
    generalist = torch.softmax(torch.randn(3, 5, generator=generator).double(), 1)
    # All classes but the last are special: its dustbin is that class, so that it speaks about all five.
    other = torch.softmax(torch.randn(3, 5, generator=generator).double(), 1)
    asked = torch.ones(3, 1, dtype=torch.bool)
    found = combination.combine(generalist, [other], [[0, 1, 2, 3]], asked, reverse=reverse, tolerance=1e-9)
    mean = torch.softmax((generalist.log() + other.log()) / 2, 1) if reverse else (generalist + other) / 2
    torch.testing.assert_close(found, mean, atol=1e-7, rtol=0)


def test_the_minimum_is_a_fixed_point():
    generalist, predictions, sets = random_problem(seed=5)
    asked = torch.ones(4, 3, dtype=torch.bool)
    q = combination.combine(generalist, predictions, sets, asked, tolerance=1e-9)
    total = generalist.clone()
    for own, p in zip(sets, predictions, strict=True):
        rest = torch.ones(7, dtype=torch.bool)
        rest[own] = False
        spread = torch.zeros_like(q)
        spread[:, own] = p[:, :-1]
        spread[:, rest] = p[:, -1:] * q[:, rest] / q[:, rest].sum(1, keepdim=True)
        total += spread
    torch.testing.assert_close(total / 4, q, atol=1e-7, rtol=0)
    torch.testing.assert_close(combination.fixed_point(generalist, predictions, sets, asked), q, atol=1e-7, rtol=0)


def test_active_specialists_are_those_of_the_top_classes():
    generalist = torch.tensor([[0.6, 0.3, 0.1], [0.1, 0.2, 0.7]])
    sets = [[0], [1, 2]]
    assert combination.active(generalist, sets).tolist() == [[True, False], [False, True]]
    assert combination.active(generalist, sets, n=2).tolist() == [[True, True], [False, True]]


def test_bad_input_is_named():
    columns = np.eye(5)
    with pytest.raises(ValueError, match="cluster 1 is empty"):
        assignment.special_sets(columns, np.array([0, 0, 2, 2, 0]), 2)
    with pytest.raises(ValueError, match="between 1 and 4"):
        assignment.special_sets(columns, np.zeros(5, dtype=int), 5)
    with pytest.raises(ValueError, match="from 0 to 4"):
        dustbin.dustbin_labels(torch.arange(5), [1, 7], 5)
    with pytest.raises(ValueError, match="leave nothing"):
        dustbin.dustbin_labels(torch.arange(5), [0, 1, 2, 3, 4], 5)
    with pytest.raises(ValueError, match="labels: must lie"):
        dustbin.dustbin_labels(torch.tensor([5]), [1], 5)
    with pytest.raises(ValueError, match="no example"):
        dustbin.half_and_half(torch.zeros(10, dtype=torch.long), [1], 4, torch.Generator())
    with pytest.raises(ValueError, match="no correction"):
        dustbin.dustbin_correction(torch.zeros(10, dtype=torch.long), [0])
    generalist, predictions, sets = random_problem()
    asked = torch.ones(4, 3, dtype=torch.bool)
    with pytest.raises(ValueError, match="specialist 1"):
        combination.combine(generalist, [predictions[0], predictions[2], predictions[2]], sets, asked)
    with pytest.raises(ValueError, match="from 0 to 4"):
        combination.combine(generalist[:, :5], predictions, sets, asked)
    with pytest.raises(ValueError, match="finite"):
        assignment.prediction_covariance(torch.full((3, 2), math.nan))
