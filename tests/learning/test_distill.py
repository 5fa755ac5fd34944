"""Losses against NumPy in double precision and finite differences; the limits of sections 2 and 2.1."""

import numpy as np
import pytest
import torch

from kdrep.experiments.distillation import gradients
from kdrep.learning import distill
from kdrep.learning.distill import DistillationLoss

N, C, M = 12, 10, 3


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def expected_loss(z, v, y, temperature, weight):
    """The weighted sum of section 2, written out in NumPy, for one member; mean over cases."""
    p, q = softmax(v / temperature), softmax(z / temperature)
    soft = -(p * np.log(q)).sum(-1)
    hard = -np.log(softmax(z)[np.arange(len(y)), y])
    return ((1 - weight) * temperature**2 * soft + weight * hard).mean()


@pytest.fixture
def case(generator):
    logits = torch.randn(M, N, C, generator=generator, dtype=torch.float64) * 3
    teacher = torch.randn(40, C, generator=generator, dtype=torch.float64) * 5
    labels = torch.randint(C, (40,), generator=generator)
    index = torch.randperm(40, generator=generator)[:N]
    return logits, teacher, labels, index


def test_loss_equals_numpy_for_every_member(case):
    logits, teacher, labels, index = case
    temperatures, weights = [1.0, 4.0, 20.0], [0.0, 0.3, 1.0]
    loss = DistillationLoss(M, teacher, labels, temperature=temperatures, hard_weight=weights)
    found = loss(logits, index)
    for m in range(M):
        wanted = expected_loss(
            logits[m].numpy(), teacher[index].numpy(), labels[index].numpy(), temperatures[m], weights[m]
        )
        assert float(found[m]) == pytest.approx(wanted, rel=1e-5)


def test_gradient_equals_finite_differences(case):
    logits, teacher, labels, index = case
    loss = DistillationLoss(M, teacher, labels, temperature=5.0, hard_weight=0.2)
    z = logits.clone().requires_grad_()
    loss(z, index).sum().backward()
    step = 1e-4
    for m, n, c in [(0, 0, 0), (1, 5, 3), (2, 11, 9)]:
        y, v = labels[index].numpy(), teacher[index].numpy()
        up, down = logits[m].numpy().copy(), logits[m].numpy().copy()
        up[n, c] += step
        down[n, c] -= step
        difference = (expected_loss(up, v, y, 5.0, 0.2) - expected_loss(down, v, y, 5.0, 0.2)) / (2 * step)
        assert float(z.grad[m, n, c]) == pytest.approx(difference, rel=1e-4, abs=1e-7)


def test_mask_leaves_a_member_its_own_examples(case):
    logits, teacher, labels, index = case
    mask = torch.ones(M, 40, dtype=torch.bool)
    mask[1] = labels != 3
    found = DistillationLoss(M, teacher, labels, temperature=2.0, hard_weight=0.5, mask=mask)(logits, index)
    kept = labels[index] != 3
    alone = DistillationLoss(1, teacher, labels, temperature=2.0, hard_weight=0.5)(logits[1:2][:, kept], index[kept])
    assert float(found[1]) == pytest.approx(float(alone[0]), rel=1e-6)


def test_each_member_may_have_its_own_teacher(case):
    logits, teacher, labels, index = case
    teachers = torch.stack([teacher, teacher.flip(0), teacher * 2])
    found = DistillationLoss(M, teachers, None, temperature=3.0)(logits, index)
    alone = DistillationLoss(1, teachers[2], None, temperature=3.0)(logits[2:], index)
    assert float(found[2]) == pytest.approx(float(alone[0]), rel=1e-6)


def test_soft_loss_is_least_at_the_teachers_logits(case):
    _, teacher, _, index = case
    loss = DistillationLoss(1, teacher, None, temperature=4.0)
    z = teacher[index][None].clone().requires_grad_()
    loss(z, index).sum().backward()
    assert z.grad.abs().max() < 1e-6


def test_exact_gradient_goes_to_the_logit_matching_gradient():
    generator = torch.Generator().manual_seed(3)
    student = gradients.fresh_student((20, 16, C), 0)
    sample = gradients.Sample(
        torch.rand(30, 20, generator=generator),
        torch.zeros(30, dtype=torch.long),
        torch.randn(30, C, generator=generator) * 6,
    )
    ratios, cosines = gradients.against_matching(student, sample, [1.0, 10.0, 1e4])
    assert abs(ratios[2] - 1) < 1e-3 < abs(ratios[0] - 1)
    assert 1 - cosines[2] < 1e-5 < 1 - cosines[0]


def test_logit_matching_gradient(case):
    logits, teacher, _, index = case
    z = logits[:1].clone().requires_grad_()
    distill.logit_matching_loss(teacher)(z, index).sum().backward()
    v = teacher[index]
    wanted = ((z[0] - z[0].mean(-1, keepdim=True)) - (v - v.mean(-1, keepdim=True))) / (C * N)
    assert torch.allclose(z.grad[0], wanted.detach())


def test_means_of_an_ensemble(case):
    logits, *_ = case
    probabilities = np.stack([softmax(z / 2) for z in logits.numpy()])
    geometric = probabilities.prod(0) ** (1 / M)
    geometric /= geometric.sum(-1, keepdims=True)
    assert np.allclose(distill.arithmetic_mean(logits, 2.0), probabilities.mean(0))
    assert np.allclose(distill.geometric_mean(logits, 2.0), geometric)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_temperature_must_be_positive(temperature):
    with pytest.raises(ValueError, match="temperature: must be positive"):
        distill.soft_targets(torch.zeros(3), temperature)


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan")])
def test_hard_weight_must_lie_between_0_and_1(weight):
    with pytest.raises(ValueError, match=r"hard_weight: must lie in \[0, 1\]"):
        DistillationLoss(1, torch.zeros(4, C), torch.zeros(4).long(), hard_weight=weight)


def test_bad_arguments_are_named(case):
    logits, teacher, labels, index = case
    with pytest.raises(ValueError, match="teacher_logits: NaN"):
        DistillationLoss(1, teacher * float("nan"), labels)
    with pytest.raises(ValueError, match="labels: needed"):
        DistillationLoss(1, teacher, None, hard_weight=0.5)
    with pytest.raises(ValueError, match="teacher_logits: needed"):
        DistillationLoss(1, None, labels, hard_weight=0.5)
    with pytest.raises(ValueError, match="teacher_logits: nobody learns"):
        DistillationLoss(1, teacher, labels, hard_weight=1.0)
    with pytest.raises(ValueError, match="teacher_logits: 40 examples are expected, not 39"):
        DistillationLoss(1, teacher[:39], labels, hard_weight=0.5)
    with pytest.raises(ValueError, match="temperature: one number or 3"):
        DistillationLoss(M, teacher, labels, temperature=[1.0, 2.0])
    with pytest.raises(ValueError, match="mask"):
        DistillationLoss(M, teacher, labels, mask=torch.ones(M, 39))
    with pytest.raises(ValueError, match="targets: 10 classes"):
        distill.soft_cross_entropy(logits, torch.zeros(N, 7))
