"""Temperature, soft targets and the losses of Hinton et al. 2015, for populations."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F


def check_temperature(temperature: torch.Tensor | float) -> None:
    """Raise ValueError unless every temperature is positive and finite."""
    values = torch.as_tensor(temperature, dtype=torch.float64)
    if not bool(((values > 0) & values.isfinite()).all()):
        raise ValueError(f"temperature: must be positive and finite, not {temperature}")


def check_hard_weight(hard_weight: torch.Tensor | float) -> None:
    """Raise ValueError unless every weight of the hard targets lies in [0, 1]."""
    values = torch.as_tensor(hard_weight, dtype=torch.float64)
    if not bool(((values >= 0) & (values <= 1)).all()):
        raise ValueError(f"hard_weight: must lie in [0, 1], not {hard_weight}")


def soft_targets(logits: torch.Tensor, temperature: float = 1.0) -> torch.Tensor:
    """Probabilities q_i = exp(z_i / T) / sum_j exp(z_j / T) over the last axis (section 2, eq. 1)."""
    check_temperature(temperature)
    return F.softmax(logits / temperature, dim=-1)


def soft_cross_entropy(logits: torch.Tensor, targets: torch.Tensor, temperature=1.0) -> torch.Tensor:
    """Cross-entropy (...) of softmax(logits / T) with target probabilities, both (..., classes)."""
    if logits.shape[-1] != targets.shape[-1]:
        raise ValueError(f"targets: {logits.shape[-1]} classes are expected, not {targets.shape[-1]}")
    return -(targets * F.log_softmax(logits / temperature, dim=-1)).sum(-1)


def arithmetic_mean(logits: torch.Tensor, temperature: float = 1.0) -> torch.Tensor:
    """Arithmetic mean (B, classes) of the members' distributions at T; logits (M, B, classes)."""
    return soft_targets(logits, temperature).mean(0)


def geometric_mean(logits: torch.Tensor, temperature: float = 1.0) -> torch.Tensor:
    """Geometric mean (B, classes), normalised, of the members' distributions at T: the softmax of mean logits."""
    return soft_targets(logits.mean(0), temperature)


class DistillationLoss:
    """Weighted sum of the soft and the hard cross-entropy, for each member of a population (section 2).

        (1 - w) T^2 H(softmax(v / T), softmax(z / T)) + w H(y, softmax(z))

    v: the teacher's logits (N, classes) of the transfer set, or (M, N, classes) of each member's own
    teacher; y: labels (N,), needed where w > 0; T and w: one number, or one for each member. `mask`
    (M, N), bool, says which examples are in which member's transfer set: a member's loss is the mean
    over its own examples in the batch. The soft targets are computed once, here.
    """

    def __init__(
        self,
        members: int,
        teacher_logits: torch.Tensor | None,
        labels: torch.Tensor | None,
        *,
        temperature: float | Sequence[float] = 1.0,
        hard_weight: float | Sequence[float] = 0.0,
        mask: torch.Tensor | None = None,
    ):
        check_temperature(temperature)
        check_hard_weight(hard_weight)
        source = teacher_logits if teacher_logits is not None else labels
        if source is None:
            raise ValueError("teacher_logits, labels: at least one of the two is needed")
        device = source.device
        self.temperature = per_member(temperature, members, "temperature", device)
        self.hard_weight = per_member(hard_weight, members, "hard_weight", device)
        if teacher_logits is None and bool((self.hard_weight < 1).any()):
            raise ValueError("teacher_logits: needed where hard_weight is below 1")
        if teacher_logits is not None and bool((self.hard_weight == 1).all()):
            raise ValueError("teacher_logits: nobody learns from them, for hard_weight is 1 everywhere; lower it")
        if teacher_logits is not None and labels is not None and teacher_logits.shape[-2] != len(labels):
            raise ValueError(f"teacher_logits: {len(labels)} examples are expected, not {teacher_logits.shape[-2]}")
        if labels is None and bool((self.hard_weight > 0).any()):
            raise ValueError("labels: needed where hard_weight is above 0")
        if teacher_logits is not None and not bool(teacher_logits.isfinite().all()):
            raise ValueError("teacher_logits: NaN or infinity in the teacher's logits")
        if mask is not None and mask.shape != (
            members,
            source.shape[-2] if teacher_logits is not None else len(source),
        ):
            raise ValueError(f"mask: ({members}, examples) is expected, not {tuple(mask.shape)}")
        self.labels, self.mask = labels, mask
        self.hard = labels is not None and bool((self.hard_weight > 0).any())
        self.soft = teacher_logits is not None and bool((self.hard_weight < 1).any())
        if self.soft:
            self.targets, self.row = soft_target_table(teacher_logits.float(), self.temperature)

    def __call__(self, logits: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        """Losses (M,) of logits (M, B, classes) of the examples `index` (B,)."""
        losses = torch.zeros(logits.shape[:2], device=logits.device)
        if self.soft:
            scale = self.temperature[:, None, None]
            targets = self.targets[:, index][self.row]
            soft = soft_cross_entropy(logits, targets, scale)
            losses = (1 - self.hard_weight)[:, None] * self.temperature[:, None] ** 2 * soft
        if self.hard:
            labels = self.labels[index].expand(len(logits), -1)
            hard = F.cross_entropy(logits.transpose(1, 2), labels, reduction="none")
            losses = losses + self.hard_weight[:, None] * hard
        if self.mask is None:
            return losses.mean(1)
        mask = self.mask[:, index]
        return (losses * mask).sum(1) / mask.sum(1).clamp(min=1)


def per_member(value: float | Sequence[float], members: int, name: str, device) -> torch.Tensor:
    """One value for each of M members as a float32 tensor (M,)."""
    values = torch.as_tensor(value, dtype=torch.float32, device=device)
    if values.dim() and len(values) != members:
        raise ValueError(f"{name}: one number or {members} are needed, not {len(values)}")
    return values.expand(members).clone()


def soft_target_table(logits: torch.Tensor, temperature: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Soft targets (K, N, classes) of the K distinct ones, and the row (M,) that each member uses."""
    if logits.dim() == 3:
        return F.softmax(logits / temperature[:, None, None], -1), torch.arange(len(temperature), device=logits.device)
    distinct, row = temperature.unique(return_inverse=True)
    return torch.stack([F.softmax(logits / t, -1) for t in distinct]), row


def logit_matching_loss(teacher_logits: torch.Tensor):
    """Loss(logits, index) of logit matching (section 2.1): half the mean square of z - v over classes.

    Both are made zero-mean for each example: the softmax does not see the mean, nor must the loss.
    """
    targets = teacher_logits - teacher_logits.mean(-1, keepdim=True)

    def loss(logits: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        centred = logits - logits.mean(-1, keepdim=True)
        return 0.5 * (centred - targets[index]).square().mean((1, 2))

    return loss
