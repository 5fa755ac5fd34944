"""Convnets trained and asked on colour images."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from kdrep.convnets import ResidualNet
from kdrep.crops import Crops
from kdrep.data import Dataset
from kdrep.distill import DistillationLoss
from kdrep.training import Recipe, train

PREDICTION_BATCH = 1000
PAD = 4


def held_out(dataset: Dataset) -> torch.Tensor:
    """Indices of the last tenth of the training images, for every choice; the loader has shuffled them."""
    count = len(dataset.train_labels)
    return torch.arange(count - count // 10, count)


def fitting(dataset: Dataset) -> torch.Tensor:
    """Indices of the other nine tenths."""
    return torch.arange(len(dataset.train_labels) - len(held_out(dataset)))


def inputs(dataset: Dataset, part: str, device: str, precision: torch.dtype, pad: int = 0) -> Crops:
    """The images of the training or the test `part`, normalised as the training images are."""
    images = dataset.train_images
    moments = images.flatten(0, 2).double() / 255
    mean, deviation = moments.mean(0).float(), moments.std(0).float()
    chosen = images if part == "train" else dataset.test_images
    return Crops(chosen.to(device), mean.to(device), deviation.to(device), pad, precision)


def fit(
    dataset: Dataset, recipe: Recipe, *, widths: Sequence[int], classes: int, labels: torch.Tensor | None = None,
    start: dict | None = None, examples: torch.Tensor | Callable | None = None, loss: Callable | None = None,
    observe: Callable | None = None, seed: int = 0, device: str = "cpu", precision: torch.dtype = torch.float32,
    checkpoint: Path | None = None, label: str = "training",
):  # fmt: skip
    """Train one residual net on augmented images: the net and its Training.

    `start` are weights to start from, of a net with a head of any size: a head of another size is drawn anew;
    `labels` (N,) replace the data set's; `examples` are indices or a function that draws them for every epoch;
    `loss` replaces the cross-entropy with the labels.
    """
    net = ResidualNet(tuple(widths), classes, seed).to(device)
    if start is not None:
        load_body(net, start)
    labels = (dataset.train_labels if labels is None else labels).to(device)
    examples = fitting(dataset).to(device) if examples is None else examples
    loss = loss or DistillationLoss(1, None, labels, hard_weight=1.0)
    training = train(
        net, inputs(dataset, "train", device, precision, PAD), loss, recipe, examples=examples, seed=seed,
        precision=precision, observe=observe, checkpoint=checkpoint, label=label,
    )  # fmt: skip
    return net, training


def load_body(net: ResidualNet, weights: dict) -> None:
    """Take all weights but those of a head of another size. Raises ValueError if the body does not fit."""
    own = net.state_dict()
    head = {name for name in own if name.startswith("head.") and own[name].shape != weights[name].shape}
    bad = [name for name in own if name not in head and own[name].shape != weights.get(name, torch.empty(0)).shape]
    if bad:
        raise ValueError(f"start: {bad[0]} does not fit; the net to start from must have the same widths")
    net.load_state_dict({name: own[name] if name in head else weights[name] for name in own})


@torch.no_grad()
def predict(net: ResidualNet, images: Crops, index: torch.Tensor, precision: torch.dtype) -> torch.Tensor:
    """Logits (N, classes) of the images `index`, without augmentation, on the CPU."""
    training = net.training
    net.eval()
    device = next(net.parameters()).device
    parts = []
    for batch in index.to(device).split(PREDICTION_BATCH):
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == torch.bfloat16):
            parts.append(net(images(batch))[0].float().cpu())
    net.train(training)
    return torch.cat(parts)
