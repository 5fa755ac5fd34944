"""Convnets trained and asked on colour images."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import nn

from kdrep.convnets import ResidualNet
from kdrep.crops import Crops
from kdrep.data import Dataset
from kdrep.distill import DistillationLoss
from kdrep.training import Recipe, Training, train

PREDICTION_BATCH = 1000
PAD = 4


def held_out(dataset: Dataset) -> torch.Tensor:
    """Indices of the last tenth of the training images, for every choice; the loader has shuffled them."""
    count = len(dataset.train_labels)
    return torch.arange(count - count // 10, count)


def fitting(dataset: Dataset) -> torch.Tensor:
    """Indices of the other nine tenths."""
    return torch.arange(len(dataset.train_labels) - len(held_out(dataset)))


def moments(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation (3,) of the colours of images (N, H, W, 3) uint8, as shares of full scale."""
    counts = torch.stack([torch.bincount(images[..., c].flatten(), minlength=256) for c in range(3)]).double()
    values, shares = torch.arange(256) / 255, counts / counts.sum(1, keepdim=True)
    mean = (shares * values).sum(1)
    return mean.float(), ((shares * values**2).sum(1) - mean**2).sqrt().float()


def inputs(dataset: Dataset, part: str, device: str, precision: torch.dtype, pad: int = 0) -> Crops:
    """The images of the training or the test `part`, normalised as the training images are."""
    mean, deviation = moments(dataset.train_images)
    images = dataset.train_images if part == "train" else dataset.test_images
    return Crops(images.to(device), mean.to(device), deviation.to(device), pad, precision)


def make_net(shape: dict, classes: int, seed: int, start: dict | None = None) -> ResidualNet:
    """A residual net (`shape` are ResidualNet's widths and pool), with the weights `start` if they are given.

    A head of another size than `start` has is drawn anew. Raises ValueError if the rest does not fit.
    """
    net = ResidualNet(**shape, classes=classes, seed=seed)
    if start is not None:
        load_body(net, start)
    return net


def load_body(net: ResidualNet, weights: dict) -> None:
    """Take all weights but those of a head of another size."""
    own = weights_of(net)
    head = {name for name in own if name.startswith("head.") and own[name].shape != weights[name].shape}
    bad = [name for name in own if name not in head and own[name].shape != weights.get(name, torch.empty(0)).shape]
    if bad:
        raise ValueError(f"start: {bad[0]} does not fit; the net to start from must have the same widths")
    net.load_state_dict(net.state_dict() | {name: weights[name] for name in own if name not in head})


def weights_of(net: nn.Module) -> dict[str, torch.Tensor]:
    """A net's weights and running moments on the CPU, to be kept; nothing needs the number of batches."""
    plain = torch.contiguous_format
    return {name: v.cpu().clone(memory_format=plain) for name, v in net.state_dict().items() if v.dim()}


def fit(
    net: nn.Module, dataset: Dataset, recipe: Recipe, *, labels: torch.Tensor | None = None,
    examples: torch.Tensor | Callable | None = None, loss: Callable | None = None, observe: Callable | None = None,
    seed: int = 0, precision: torch.dtype = torch.float32, checkpoint: Path | None = None, label: str = "training",
) -> Training:  # fmt: skip
    """Train one net, where it is, on augmented images.

    `labels` (N,) replace the data set's; `examples` are indices, or a function that draws them for every epoch, instead
    of all that are not held out; `loss` replaces the cross-entropy with the labels.
    """
    device = str(next(net.parameters()).device)
    labels = (dataset.train_labels if labels is None else labels).to(device)
    examples = fitting(dataset).to(device) if examples is None else examples
    loss = loss or DistillationLoss(1, None, labels, hard_weight=1.0)
    return train(
        net, inputs(dataset, "train", device, precision, PAD), loss, recipe, examples=examples, seed=seed,
        precision=precision, observe=observe, checkpoint=checkpoint, label=label,
    )  # fmt: skip


@torch.no_grad()
def predict(net: nn.Module, images: Crops, index: Sequence[int] | torch.Tensor, precision: torch.dtype) -> torch.Tensor:
    """Logits (N, classes) of the images `index`, without augmentation, on the CPU."""
    training = net.training
    net.eval()
    device = next(net.parameters()).device
    parts = []
    for batch in torch.as_tensor(index).to(device).split(PREDICTION_BATCH):
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == torch.bfloat16):
            parts.append(net(images(batch))[0].float().cpu())
    net.train(training)
    return torch.cat(parts)
