"""Maxout convnets: the teachers and FitNets of Romero et al. 2015, each one readable line of layers."""

import math
from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

LATER_NORM = 1.9365  # bound of the norms of the softmax and of later layers on MNIST, as the authors configured it
PUBLISHED = 0.005  # initial weights are uniform between minus and plus this


class Conv(NamedTuple):
    """A maxout convolution and the pooling after it, `pool` = (size, stride), the last window padded; `norm` bounds its
    kernels' norms where that is not the recipe's."""

    channels: int
    kernel: int = 3
    pad: int = 1
    pool: tuple[int, int] | None = None
    pieces: int = 2
    norm: float | None = None


class Full(NamedTuple):
    """A fully connected maxout layer; `norm` bounds its units' incoming weights."""

    units: int
    pieces: int = 2
    norm: float | None = 1.9


Layers = Sequence[Conv | Full]
Shape = tuple[int, int, int]


def thin(*blocks: Sequence[int]) -> Layers:
    """A FitNet for CIFAR: 3x3 convolutions, pools of 2, 2 and 8 after the blocks, 500 units (appendix A.1)."""
    pools = ((2, 2), (2, 2), (8, 8))
    convolutions = [
        Conv(channels, pool=pool if i == len(block) - 1 else None)
        for block, pool in zip(blocks, pools, strict=True)
        for i, channels in enumerate(block)
    ]
    return (*convolutions, Full(500))


def even(depth: int, budget: int, inputs: Shape = (1, 28, 28), classes: int = 10) -> Layers:
    """So many 3x3 maxout layers of one width, the widest whose weights stay within `budget`. Pools come after the first
    layer, after two thirds, and at the end: so the multiplications differ little between depths as well."""
    ends = {0, round(2 * depth / 3) - 1, depth - 1}

    def of_width(width: int) -> Layers:
        return tuple(Conv(width, pool=(2, 2) if i in ends else None) for i in range(depth))

    width = 1
    while parameters(of_width(width + 1), inputs, classes) <= budget:
        width += 1
    return of_width(width)


MNIST, CIFAR = (1, 28, 28), (3, 32, 32)
MNIST_TEACHER = (
    Conv(48, 8, 0, (4, 2)), Conv(48, 8, 3, (4, 2), norm=LATER_NORM), Conv(24, 5, 3, (2, 2), norm=LATER_NORM)
)  # fmt: skip
MNIST_STUDENT = (
    Conv(16, 5, 0), Conv(16, 3, 0, (4, 2)),
    Conv(16, 5, 3, norm=LATER_NORM), Conv(16, 3, 0, (4, 2), norm=LATER_NORM),
    Conv(12, 3, 3, norm=LATER_NORM), Conv(12, 3, 0, (2, 2), norm=LATER_NORM),
)  # fmt: skip
CIFAR_TEACHER = (Conv(96, 8, 4, (4, 2)), Conv(192, 8, 3, (4, 2)), Conv(192, 5, 3, (2, 2)), Full(500))
FITNETS = {
    1: thin((16, 16, 16), (32, 32, 32), (48, 48, 64)),
    2: thin((16, 32, 32), (48, 64, 80), (96, 96, 128)),
    3: thin((64, 64, 64, 64), (80, 80, 80, 80), (128, 128, 128)),
    4: thin((32, 32, 32, 48, 48), (80,) * 6, (128,) * 6),
}
GUIDED = {1: 6, 2: 6, 3: 8, 4: 11}  # which layer of each FitNet learns from the teacher's second (appendix A.1)


def pooled(size: int, pool: tuple[int, int]) -> int:
    """Size of a map after pooling whose last window may hang over the edge."""
    return math.ceil((size - pool[0]) / pool[1]) + 1


def after(layer: Conv | Full, shape: Shape) -> Shape:
    """Shape (channels, height, width) after a layer. Raises ValueError if the map is too small for it."""
    if isinstance(layer, Full):
        return layer.units, 1, 1
    sizes = [n + 2 * layer.pad - layer.kernel + 1 for n in shape[1:]]
    if layer.pool and min(sizes) >= layer.pool[0]:
        sizes = [pooled(n, layer.pool) for n in sizes]
    elif layer.pool or min(sizes) < 1:
        raise ValueError(f"layers: a map of {shape[1]} x {shape[2]} is too small for {layer}")
    return layer.channels, *sizes


def shapes(layers: Layers, inputs: Shape) -> list[Shape]:
    """Shape (channels, height, width) after every layer."""
    found = []
    for layer in layers:
        found.append(after(layer, found[-1] if found else inputs))
    return found


def costs(layers: Layers, inputs: Shape, classes: int) -> list[tuple[int, int]]:
    """Weights (without biases, as the paper counts) and multiplications of every layer and of the softmax."""
    counted, shape = [], inputs
    for layer in layers:
        if isinstance(layer, Full):
            weights = places = math.prod(shape) * layer.units * layer.pieces
        else:
            weights = shape[0] * layer.kernel**2 * layer.channels * layer.pieces
            places = weights * math.prod(n + 2 * layer.pad - layer.kernel + 1 for n in shape[1:])
        counted.append((weights, places))
        shape = after(layer, shape)
    return [*counted, (math.prod(shape) * classes,) * 2]


def parameters(layers: Layers, inputs: Shape, classes: int) -> int:
    """Number of weights, biases not counted."""
    return sum(weights for weights, _ in costs(layers, inputs, classes))


def multiplications(layers: Layers, inputs: Shape, classes: int) -> int:
    """Number of multiplications for one image."""
    return sum(count for _, count in costs(layers, inputs, classes))


class MaxoutNet(nn.Module):
    """Maxout layers and a softmax; logits (1, B, classes), those of a population of one.

    `bound` draws the initial weights uniformly between -bound and bound (the paper: 0.005); without it they are
    normal with variance 1 / inputs (LeCun). Biases begin at zero.
    """

    def __init__(self, layers: Layers, inputs: Shape, classes: int, seed: int, bound: float | None = None):
        super().__init__()
        self.layers, self.inputs = tuple(layers), tuple(inputs)
        before = [self.inputs, *shapes(layers, inputs)]
        self.linear = nn.ModuleList(linear_part(layer, shape) for layer, shape in zip(layers, before, strict=False))
        self.head = nn.Linear(math.prod(before[-1]), classes)
        generator = torch.Generator().manual_seed(seed)
        for module in (*self.linear, self.head):
            draw(module, generator, bound)
        self.generators: list[torch.Generator] = []
        self.to(memory_format=torch.channels_last)

    def __len__(self) -> int:
        return 1

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (1, B, classes) of images (B, channels, height, width)."""
        return self.head(self.hidden(images, len(self.layers)).flatten(1)).float()[None]

    def hidden(self, images: torch.Tensor, layer: int) -> torch.Tensor:
        """Output of a layer, counted from 1, after its pooling: (B, channels, height, width) or (B, units)."""
        values = images
        for spec, linear in zip(self.layers[:layer], self.linear, strict=False):
            values = maxout(linear(padded(values, spec) if isinstance(spec, Conv) else values.flatten(1)), spec.pieces)
            if isinstance(spec, Conv) and spec.pool:
                values = F.max_pool2d(values, *spec.pool, ceil_mode=True)
        return values

    def limit_norms(self, max_norm: float) -> None:
        """Shrink kernels, and incoming weights of units, whose norm exceeds their layer's bound: `max_norm` where the
        layer has none, 1.9365 in the softmax."""
        for spec, linear in zip(self.layers, self.linear, strict=True):
            limit(linear, spec.norm or max_norm)
        limit(self.head, LATER_NORM)


@torch.no_grad()
def limit(linear: nn.Module, bound: float) -> None:
    """Shrink the kernels or units of a linear part whose weights' norm exceeds a bound."""
    norms = linear.weight.flatten(1).norm(dim=1).view(-1, *[1] * (linear.weight.dim() - 1))
    linear.weight.mul_((bound / norms.clamp(min=1e-12)).clamp(max=1))


def linear_part(layer: Conv | Full, shape: Shape) -> nn.Module:
    """The linear pieces of a layer on inputs of this shape."""
    if isinstance(layer, Full):
        return nn.Linear(math.prod(shape), layer.units * layer.pieces)
    return nn.Conv2d(shape[0], layer.channels * layer.pieces, layer.kernel, padding=layer.pad - extra_pad(layer))


def extra_pad(layer: Conv) -> int:
    """Padding beyond half a kernel, which a convolution on a CPU differentiates three times more slowly than the same
    zeros in its input."""
    return max(0, layer.pad - (layer.kernel - 1) // 2)


def padded(values: torch.Tensor, layer: Conv) -> torch.Tensor:
    """A layer's inputs with the padding that its convolution does not do itself."""
    pad = extra_pad(layer)
    return F.pad(values, [pad] * 4) if pad else values


def maxout(values: torch.Tensor, pieces: int) -> torch.Tensor:
    """The largest of the pieces (B, units, ...) of each unit; values (B, pieces * units, ...), piece by piece."""
    return reduce(Larger.apply if torch.is_grad_enabled() else torch.maximum, values.chunk(pieces, 1))


class Larger(torch.autograd.Function):
    """The larger of two tensors. torch.maximum shares a gradient between equals, in ten slow passes over memory that
    took half of a student's step; here equals are the second one's."""

    @staticmethod
    def forward(ctx, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        """Element by element."""
        larger = torch.maximum(first, second)
        # The pieces are slices of one tensor, which subtraction reads seven times more slowly than a copy.
        ctx.save_for_backward(larger - second.clone())
        return larger

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The gradient goes to the larger one."""
        (ahead,) = ctx.saved_tensors
        to_first = torch.ops.aten.threshold_backward(gradient, ahead, 0)
        return to_first, gradient - to_first


@torch.no_grad()
def draw(module: nn.Module, generator: torch.Generator, bound: float | None) -> None:
    """Initial weights: uniform up to `bound`, or LeCun-normal without it; biases zero."""
    weights = torch.empty(module.weight.shape)
    if bound is None:
        nn.init.normal_(weights, std=weights[0].numel() ** -0.5, generator=generator)
    else:
        nn.init.uniform_(weights, -bound, bound, generator=generator)
    module.weight.copy_(weights)
    module.bias.zero_()
