"""Convnets trained and asked on colour images."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from kdrep.data.datasets import Dataset, last
from kdrep.learning.augment import Crops
from kdrep.learning.distill import DistillationLoss
from kdrep.learning.training import Recipe, Training, train
from kdrep.nets import inference
from kdrep.nets.residual import ResidualNet, load_weights

PAD = 4


def held_out(dataset: Dataset) -> torch.Tensor:
    """Indices of the last tenth of the training images, for every choice; the loader has shuffled them."""
    return last(len(dataset.train_labels), 10)


def fitting(dataset: Dataset) -> torch.Tensor:
    """Indices of the other nine tenths."""
    return torch.arange(len(dataset.train_labels) - len(held_out(dataset)))


def moments(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation (3,) of the colours of images (N, H, W, 3) uint8, as shares of full scale."""
    total, squares = torch.zeros(2, 3, dtype=torch.float64)
    for part in images.split(2000):  # all at once would take eight bytes for each one
        pixels = part.flatten(0, 2).float() / 255
        total += pixels.sum(0)
        squares += pixels.square().sum(0)
    mean, square = (v / images[..., 0].numel() for v in (total, squares))
    return mean.float(), (square - mean**2).sqrt().float()


class Views(NamedTuple):
    """A data set's images as inputs on a device, normalised as its training images are."""

    train: Crops
    test: Crops


def views(dataset: Dataset, device: str, precision: torch.dtype, pad: int = PAD) -> Views:
    """Training and test images: training images cropped after padding and mirrored with a generator, as they are
    without one or with `pad` 0."""
    mean, deviation = (m.to(device) for m in moments(dataset.train_images))
    return Views(
        Crops(dataset.train_images.to(device), mean, deviation, pad, precision),
        Crops(dataset.test_images.to(device), mean, deviation, 0, precision),
    )


def make_net(shape: dict, classes: int, seed: int, start: dict | None = None) -> ResidualNet:
    """A residual net (`shape` are ResidualNet's widths and pool), with the weights `start` if they are given.

    Raises ValueError if these do not fit.
    """
    net = ResidualNet(**shape, classes=classes, seed=seed)
    if start is not None:
        load_weights(net, start)
    return net


def fit(
    net: nn.Module, images: Crops, labels: torch.Tensor, recipe: Recipe, *, examples: torch.Tensor | Callable,
    loss: Callable | None = None, observe: Callable | None = None, seed: int = 0, checkpoint: Path | None = None,
    label: str = "training",
) -> Training:  # fmt: skip
    """Train one net, where it is, on augmented images, in the precision of their inputs.

    `examples` are indices, or a function that draws them for every epoch; `loss` replaces the cross-entropy with the
    labels (N,).
    """
    loss = loss or DistillationLoss(1, None, labels.to(next(net.parameters()).device), hard_weight=1.0)
    return train(
        net, images, loss, recipe, examples=examples, seed=seed, precision=images.dtype, observe=observe,
        checkpoint=checkpoint, label=label,
    )  # fmt: skip


def predict(net: nn.Module, images: Crops, index: torch.Tensor | None = None) -> torch.Tensor:
    """Logits (N, classes) of the images `index`, all by default, without augmentation, on the CPU."""
    index = torch.arange(len(images.plain)) if index is None else index
    return inference.predict(net, images, index, images.dtype)[0]
