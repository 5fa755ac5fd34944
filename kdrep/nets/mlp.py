"""Network shapes, each one readable line of layer sizes, with their counts and initial weights."""

import math

import torch

MNIST_TEACHER = (784, 1200, 1200, 10)
MNIST_STUDENT = (784, 800, 800, 10)


def mlp(width: int, inputs: int = 784, classes: int = 10) -> tuple[int, ...]:
    """Layer sizes of a net with two hidden layers of `width` ReLU units (Hinton et al. 2015, section 3)."""
    return (inputs, width, width, classes)


def parameters(sizes: tuple[int, ...]) -> int:
    """Number of weights and biases of a fully connected net."""
    return sum((fan_in + 1) * fan_out for fan_in, fan_out in zip(sizes, sizes[1:], strict=False))


def multiplications(sizes: tuple[int, ...]) -> int:
    """Number of multiplications of one forward pass on one example."""
    return sum(fan_in * fan_out for fan_in, fan_out in zip(sizes, sizes[1:], strict=False))


def initial_weights(sizes: tuple[int, ...], seed: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Weight (fan_out, fan_in) and bias (fan_out,) of every layer: He-normal weights, zero biases.

    Drawn on the CPU, so that a seed means the same net on every device.
    """
    generator = torch.Generator().manual_seed(seed)
    layers = []
    for fan_in, fan_out in zip(sizes, sizes[1:], strict=False):
        weight = torch.empty(fan_out, fan_in)
        torch.nn.init.normal_(weight, std=math.sqrt(2 / fan_in), generator=generator)
        layers.append((weight, torch.zeros(fan_out)))
    return layers
