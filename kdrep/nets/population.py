"""Many networks of one shape, trained as one batched program; a single network is a population of one."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from kdrep.nets.mlp import initial_weights

DROPOUT = 1 << 31  # added to a member's seed: its masks must not be the numbers that its first weights were drawn from


class Population(nn.Module):
    """M fully connected ReLU nets of the same layer sizes, their weights stacked.

    Member m is drawn from `seeds[m]` and equals the net that trains alone from that seed on the same
    batches. `dropout` holds the rate of every layer's input; `correction` (M, classes) is added to the
    logits and is not trained (Hinton et al. 2015, section 3, raises one bias so).
    """

    def __init__(self, sizes: tuple[int, ...], seeds: Sequence[int], dropout: Sequence[float] = ()):
        super().__init__()
        if len(sizes) < 2 or min(sizes) < 1:
            raise ValueError(f"sizes: at least two positive layer sizes are needed, not {sizes}")
        if not seeds:
            raise ValueError("seeds: a population needs at least one member")
        if dropout and len(dropout) != len(sizes) - 1:
            raise ValueError(f"dropout: one rate for each of {len(sizes) - 1} layers is needed, not {len(dropout)}")
        if any(not 0 <= rate < 1 for rate in dropout):
            raise ValueError(f"dropout: rates must lie in [0, 1), not {tuple(dropout)}")
        self.sizes = tuple(sizes)
        self.seeds = tuple(seeds)
        self.dropout = tuple(dropout) or (0.0,) * (len(sizes) - 1)
        members = [initial_weights(self.sizes, seed) for seed in self.seeds]
        layers = list(zip(*members, strict=True))
        self.weights = nn.ParameterList(torch.stack([weight for weight, _ in layer]) for layer in layers)
        self.biases = nn.ParameterList(torch.stack([bias for _, bias in layer]) for layer in layers)
        self.register_buffer("correction", torch.zeros(len(self.seeds), self.sizes[-1]))
        self.generators: list[torch.Generator] = []

    def __len__(self) -> int:
        return len(self.seeds)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Logits (M, B, classes) of inputs (B, features) that the members share, or (M, B, features)."""
        if inputs.shape[-1] != self.sizes[0]:
            raise ValueError(f"inputs: {self.sizes[0]} features are expected, the last axis has {inputs.shape[-1]}")
        hidden = inputs
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            if self.training and self.dropout[layer] > 0:
                hidden = self._drop(hidden, self.dropout[layer])
            if layer < len(self.weights) - 1:
                hidden = F.relu(affine(hidden, weight, bias))
        with torch.autocast(inputs.device.type, enabled=False):
            logits = affine(hidden.float(), self.weights[-1], self.biases[-1])
        return logits + self.correction[:, None]

    @torch.no_grad()
    def limit_norms(self, max_norm: float) -> None:
        """Shrink the incoming weights of hidden units whose Euclidean norm exceeds `max_norm`."""
        for weight in self.weights[:-1]:
            norms = torch.linalg.vector_norm(weight, dim=-1, keepdim=True)
            weight.mul_((max_norm / norms).clamp_(max=1))

    def _drop(self, hidden: torch.Tensor, rate: float) -> torch.Tensor:
        """Dropout with every member's own generator."""
        if not self.generators:
            self.generators = [torch.Generator(hidden.device).manual_seed(seed + DROPOUT) for seed in self.seeds]
        shape = hidden.shape[-2:]
        masks = [dropout_mask(shape, rate, hidden.dtype, generator) for generator in self.generators]
        return hidden * (masks[0][None] if len(masks) == 1 else torch.stack(masks))


def dropout_mask(shape: Sequence[int], rate: float, dtype: torch.dtype, generator: torch.Generator) -> torch.Tensor:
    """Mask of zeros, with probability `rate`, and 1 / (1 - rate).

    Random words are compared with the rate in integer arithmetic, and the bits of the one value that is kept
    are switched on or off: on a CPU `bernoulli_` takes eight times as long, longer than the matrix products.
    """
    word = {torch.bfloat16: torch.int16, torch.float32: torch.int32}[dtype]
    bits, count = torch.iinfo(word).bits, math.prod(shape)
    draws = torch.empty(-(-count * bits // 64), dtype=torch.int64, device=generator.device)
    words = draws.random_(-(2**63), None, generator=generator).view(word)[:count]
    words.bitwise_and_(2 ** (bits - 1) - 1).sub_(round((1 - rate) * 2 ** (bits - 1)))
    kept = torch.tensor(1 / (1 - rate), dtype=dtype).view(word).item()
    return words.bitwise_right_shift_(bits - 1).bitwise_and_(kept).view(dtype).view(*shape)


def affine(inputs: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """(M, B, out) from weights (M, out, in), biases (M, out) and inputs (B, in) or (M, B, in).

    Inputs that the members share need one matrix product for all of them.
    """
    members, features = bias.shape
    if inputs.dim() == 2 or members == 1:
        flat = F.linear(inputs.reshape(-1, inputs.shape[-1]), weight.flatten(0, 1), bias.flatten())
        return flat.unflatten(1, (members, features)).transpose(0, 1)
    return torch.baddbmm(bias[:, None], inputs, weight.transpose(1, 2))
