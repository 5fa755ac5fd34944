"""Hints (Romero et al. 2015, section 2): a student's layer learns to predict a teacher's, then the whole student."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from kdrep.learning.distill import check_temperature, soft_cross_entropy, soft_targets
from kdrep.nets.maxout import Conv, Layers, MaxoutNet, Shape, after, draw, limit, maxout, shapes

REGRESSOR_BOUND = 0.05
REGRESSOR_SEED = 10_000  # added to the student's seed: the two must not draw the same numbers


def check_layer(layer: int, layers: Layers, name: str) -> None:
    """Raise ValueError unless a net of these layers has this convolution, counted from 1."""
    if not 1 <= layer <= len(layers) or not isinstance(layers[layer - 1], Conv):
        convolutions = sum(isinstance(spec, Conv) for spec in layers)
        raise ValueError(f"{name}: must be one of the {convolutions} convolutions, counted from 1, not {layer}")


def check_table(table: torch.Tensor, rows: int, columns: int, name: str) -> None:
    """Raise ValueError unless a teacher's table has one line of so many finite numbers for each training image."""
    if table.shape != (rows, columns):
        raise ValueError(
            f"{name}: ({rows}, {columns}) is expected, a line per training image, not {tuple(table.shape)}"
        )
    if not all(bool(part.isfinite().all()) for part in table.split(4096)):  # a whole table may be gigabytes
        raise ValueError(f"{name}: NaN or infinity in what the teacher gave; compute it again")


def regressor(guided: Shape, hint: Shape) -> Conv:
    """The maxout convolution, without padding, that brings the guided layer's map to the hint's size (section 2.2).

    Its kernel k satisfies N_guided - k + 1 = N_hint. Raises ValueError if the guided map is the smaller one.
    """
    kernel = guided[1] - hint[1] + 1
    if kernel < 1 or guided[2] - hint[2] + 1 != kernel:
        raise ValueError(
            f"guided: its map of {guided[1]} x {guided[2]} cannot be brought to the hint's {hint[1]} x {hint[2]} by a "
            "convolution; choose an earlier guided layer or a later hint"
        )
    return Conv(hint[0], kernel, 0)


def regressor_weights(guided: Shape, hint: Shape) -> dict[str, int]:
    """Weights of the convolutional regressor and of a fully connected one, with two pieces each (section 2.2)."""
    layer = regressor(guided, hint)
    return {
        "convolutional": guided[0] * layer.kernel**2 * layer.channels * layer.pieces,
        "fully connected": math.prod(guided) * math.prod(hint) * layer.pieces,
    }


class Guided(nn.Module):
    """A student up to its guided layer, and a regressor above it that predicts the hint; trained in stage 1.

    Gives predictions (1, B, features). `student` itself learns, its later layers aside, which get no gradient; the
    regressor is dropped with this module.
    """

    def __init__(self, student: MaxoutNet, layer: int, hint: Shape, seed: int, published: bool = False):
        super().__init__()
        check_layer(layer, student.layers, "guided")
        self.student, self.layer = student, layer
        shape = shapes(student.layers, student.inputs)[layer - 1]
        self.spec = regressor(shape, hint)
        assert after(self.spec, shape) == tuple(hint)
        self.regressor = nn.Conv2d(shape[0], self.spec.channels * self.spec.pieces, self.spec.kernel)
        draw(
            self.regressor, torch.Generator().manual_seed(REGRESSOR_SEED + seed), REGRESSOR_BOUND if published else None
        )
        self.generators: list[torch.Generator] = []
        self.to(memory_format=torch.channels_last)

    def __len__(self) -> int:
        return 1

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Predictions (1, B, features) of the hint."""
        values = self.regressor(self.student.hidden(images, self.layer))
        return maxout(values, self.spec.pieces).flatten(1)[None]

    def limit_norms(self, max_norm: float) -> None:
        """Bound the norms of the student's weights and of the regressor's."""
        self.student.limit_norms(max_norm)
        limit(self.regressor, max_norm)


@torch.no_grad()
def hints_of(teacher: MaxoutNet, images: torch.Tensor, layer: int) -> torch.Tensor:
    """The teacher's hints (N, features) for images (N, C, H, W), in their precision.

    Raises ValueError if the layer is none of the teacher's convolutions, or the teacher is in training mode.
    """
    check_layer(layer, teacher.layers, "hint")
    if teacher.training:
        raise ValueError("teacher: it must be frozen, but is in training mode; call teacher.eval()")
    with torch.autocast(images.device.type, torch.bfloat16, enabled=images.dtype == torch.bfloat16):
        return teacher.hidden(images, layer).flatten(1).to(images.dtype)


class HintLoss:
    """Half the squared distance from the hints, summed over features, mean over the batch (section 2.2, eq. 3)."""

    def __init__(self, hints: torch.Tensor):
        self.hints = hints

    def __call__(self, predictions: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        """Loss (1,) of predictions (1, B, features) for the examples `index` (B,)."""
        return 0.5 * (predictions - self.hints[index].float()).square().sum(-1).mean(1)


class KnowledgeLoss:
    """H(y, P_S) + lambda H(P_T at tau, P_S at tau) (section 2.1, eq. 2); no factor tau^2, as in the authors' code.

    lambda falls linearly from `weights[0]` to `weights[1]` while training goes on: `anneal` is told how far it is.
    Without teacher_logits the first term alone. labels (N,); teacher_logits (N, classes).
    """

    def __init__(
        self, labels: torch.Tensor, teacher_logits: torch.Tensor | None, temperature: float = 3.0,
        weights: Sequence[float] = (4.0, 1.0),
    ):  # fmt: skip
        check_temperature(temperature)
        if len(weights) != 2 or min(weights) < 0:
            raise ValueError(f"weights: lambda at the beginning and the end, not negative, are needed, not {weights}")
        self.labels, self.temperature, self.weights = labels, temperature, tuple(weights)
        self.targets = None if teacher_logits is None else soft_targets(teacher_logits.float(), temperature)
        self.anneal(0.0)

    def anneal(self, progress: float) -> None:
        """Set lambda for the share of the training that is done."""
        first, last = self.weights
        self.weight = first + (last - first) * progress

    def each(self, logits: torch.Tensor, index: torch.Tensor, weight: float | None = None) -> torch.Tensor:
        """Losses (B,) of the examples `index`, at another lambda if `weight` is given; logits (B, classes)."""
        weight = self.weight if weight is None else weight
        losses = F.cross_entropy(logits, self.labels[index], reduction="none")
        if self.targets is not None:
            losses = losses + weight * soft_cross_entropy(logits, self.targets[index], self.temperature)
        return losses

    def __call__(self, logits: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        """Loss (1,) of logits (1, B, classes)."""
        return self.each(logits[0], index).mean()[None]


def entropy(logits: torch.Tensor, temperature: float) -> torch.Tensor:
    """Entropy (N,) of the softmax at a temperature, in nats."""
    return torch.special.entr(soft_targets(logits, temperature)).sum(-1)


def entropy_of_hardest(losses: torch.Tensor, entropies: torch.Tensor, share: float = 0.1) -> float:
    """Mean teacher entropy of the share of examples that carry most loss, as a ratio to that of all (section 2.4)."""
    count = max(1, round(share * len(losses)))
    return float(entropies[losses.topk(count).indices].mean() / entropies.mean())
