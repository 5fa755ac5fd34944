"""Measured gradients of the distillation loss: the T^2 argument and the high-temperature limit (sections 2 and 2.1)."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F

from kdrep.learning.distill import soft_cross_entropy, soft_targets
from kdrep.nets.population import Population


class Sample(NamedTuple):
    """Inputs (B, features), labels (B,) and the teacher's logits (B, classes) of one batch."""

    inputs: torch.Tensor
    labels: torch.Tensor
    teacher_logits: torch.Tensor


def fresh_student(sizes: tuple[int, ...], seed: int) -> Population:
    """One untrained net."""
    return Population(sizes, [seed])


def soft_term(logits: torch.Tensor, sample: Sample, temperature: float) -> torch.Tensor:
    """Mean cross-entropy with the soft targets, both at the temperature, without the factor T^2."""
    return soft_cross_entropy(logits, soft_targets(sample.teacher_logits, temperature), temperature).mean()


def weight_gradient(student: Population, loss: torch.Tensor) -> torch.Tensor:
    """The loss's gradient in all weights and biases, as one vector."""
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(student.parameters()))])


def norm(student: Population, sample: Sample, temperature: float, term: str) -> float:
    """Norm of the weights' gradient of one term: "hard", "soft, without the factor" or "soft, with the factor T²"."""
    logits = student(sample.inputs)[0]
    if term == "hard":
        return float(weight_gradient(student, F.cross_entropy(logits, sample.labels)).norm())
    factor = {"soft, without the factor": 1.0, "soft, with the factor T²": temperature**2}[term]
    return float(weight_gradient(student, factor * soft_term(logits, sample, temperature)).norm())


def cosine_of_forms(student: Population, sample: Sample, temperature: float, hard_weight: float) -> float:
    """Cosine between the gradients of T^2 (1 - w) soft + w hard, and of (1 - w) soft + w hard / T^2."""

    def gradient(soft_factor: float, hard_factor: float) -> torch.Tensor:
        logits = student(sample.inputs)[0]
        soft = soft_factor * (1 - hard_weight) * soft_term(logits, sample, temperature)
        return weight_gradient(student, soft + hard_factor * hard_weight * F.cross_entropy(logits, sample.labels))

    return float(
        F.cosine_similarity(gradient(temperature**2, 1.0).double(), gradient(1.0, temperature**-2).double(), dim=0)
    )


@torch.no_grad()
def against_matching(student: Population, sample: Sample, temperatures: Sequence[float]) -> list[list[float]]:
    """The exact gradient in the logits against (z - v) / (N T^2), at each temperature: ratio of norms, and cosine.

    The logits are made zero-mean for each case, as section 2.1 assumes; in double precision.
    """
    z = student(sample.inputs)[0].double()
    v = sample.teacher_logits.double()
    z, v = z - z.mean(1, keepdim=True), v - v.mean(1, keepdim=True)
    found = []
    for temperature in temperatures:
        with torch.enable_grad():
            logits = z.clone().requires_grad_()
            loss = soft_cross_entropy(logits, soft_targets(v, temperature), temperature).sum()
            (exact,) = torch.autograd.grad(loss, logits)
        matching = (z - v) / (z.shape[1] * temperature**2)
        cosine = F.cosine_similarity(exact.flatten(), matching.flatten(), dim=0)
        found.append([float(exact.norm() / matching.norm()), float(cosine)])
    return torch.tensor(found).T.tolist()
