"""Generalist, specialists and their controls, trained and asked: the experiments of Hinton et al. 2015, section 5."""

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F

from kdrep import vision
from kdrep.data import Dataset
from kdrep.distill import DistillationLoss, soft_cross_entropy, soft_targets
from kdrep.specialists import dustbin_correction, dustbin_labels, half_and_half
from kdrep.training import Recipe

DUSTBIN, FULL = "dustbin", "full"


def answers(net, dataset: Dataset, device: str, precision: torch.dtype) -> dict[str, torch.Tensor]:
    """A net's logits on the held-out and the test images, without augmentation."""
    train, test = (vision.inputs(dataset, part, device, precision) for part in ("train", "test"))
    return {
        "held_out_logits": vision.predict(net, train, vision.held_out(dataset), precision),
        "test_logits": vision.predict(net, test, torch.arange(len(dataset.test_labels)), precision),
    }


def train_generalist(
    dataset: Dataset, recipe: Recipe, *, widths: Sequence[int], classes: int, start: dict | None = None,
    teacher_logits: torch.Tensor | None = None, temperature: float = 1.0, hard_weight: float = 1.0, seed: int = 0,
    device: str = "cpu", precision: torch.dtype = torch.float32, checkpoint: Path | None = None,
    label: str = "training",
) -> dict:  # fmt: skip
    """Train a net of all classes, from `start` if given, on labels or by distillation from `teacher_logits` (N, C).

    Returns its weights, its logits on held-out, test and training images, losses and seconds.
    """
    targets = None if teacher_logits is None else teacher_logits.to(device)
    loss = DistillationLoss(
        1, targets, dataset.train_labels.to(device), temperature=temperature, hard_weight=hard_weight
    )
    net, training = vision.fit(
        dataset, recipe, widths=widths, classes=classes, start=start, loss=loss, seed=seed, device=device,
        precision=precision, checkpoint=checkpoint, label=label,
    )  # fmt: skip
    train = vision.inputs(dataset, "train", device, precision)
    return answers(net, dataset, device, precision) | {
        "train_logits": vision.predict(net, train, torch.arange(len(dataset.train_labels)), precision),
        "weights": {name: value.cpu() for name, value in net.state_dict().items()},
        "losses": training.losses, "seconds": training.seconds,
    }  # fmt: skip


def specialist_start(generalist: dict, special: Sequence[int]) -> dict:
    """The generalist's weights with a head for the special classes and the dustbin.

    The dustbin begins with the mean of the other classes' weights, its bias raised by the log of their number: about
    their summed probability.
    """
    weight, bias = generalist["head.weight"], generalist["head.bias"]
    rest = torch.ones(len(bias), dtype=torch.bool)
    rest[list(special)] = False
    dustbin = bias[rest].mean() + rest.sum().log()
    return generalist | {
        "head.weight": torch.cat([weight[list(special)], weight[rest].mean(0, keepdim=True)]),
        "head.bias": torch.cat([bias[list(special)], dustbin[None]]),
    }


class OwnLabelsElseSoft:
    """Loss of a full-softmax specialist (section 6.1): labels for special classes, the generalist's soft targets else.

    The soft term is multiplied by T^2. labels (N,), logits of the generalist (N, C).
    """

    def __init__(self, labels: torch.Tensor, logits: torch.Tensor, special: Sequence[int], temperature: float):
        self.labels, self.temperature = labels, temperature
        self.own = torch.isin(labels, torch.tensor(list(special), device=labels.device))
        self.targets = soft_targets(logits, temperature)

    def __call__(self, logits: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        """Losses (1,) of logits (1, B, C) of the examples `index` (B,)."""
        hard = F.cross_entropy(logits[0], self.labels[index], reduction="none")
        soft = self.temperature**2 * soft_cross_entropy(logits[0], self.targets[index], self.temperature)
        return torch.where(self.own[index], hard, soft).mean()[None]


def train_specialist(
    dataset: Dataset, recipe: Recipe, *, widths: Sequence[int], classes: int, generalist: dict,
    special: Sequence[int], epoch_size: int, kind: str = DUSTBIN, generalist_logits: torch.Tensor | None = None,
    temperature: float = 2.0, seed: int = 0, device: str = "cpu", precision: torch.dtype = torch.float32,
    checkpoint: Path | None = None, label: str = "training",
) -> dict:  # fmt: skip
    """Train one specialist from the generalist's weights, half its own examples and half others in every epoch.

    `kind` dustbin: special classes and a dustbin. full: all classes, with the generalist's soft targets for those that
    are not special. Returns its logits on held-out and test images as they are, the dustbin's `correction` (0 for a
    full softmax), losses and seconds.
    """
    if kind not in (DUSTBIN, FULL):
        raise ValueError(f"kind: must be {DUSTBIN!r} or {FULL!r}, not {kind!r}")
    fitting, labels = vision.fitting(dataset), dataset.train_labels
    own = dustbin_labels(labels, special, classes)
    loss, outputs, start = None, len(special) + 1, specialist_start(generalist, special)
    if kind == FULL:
        loss = OwnLabelsElseSoft(labels.to(device), generalist_logits.to(device), special, temperature)
        outputs, start = classes, generalist

    def draw(generator: torch.Generator) -> torch.Tensor:
        return fitting.to(device)[half_and_half(labels[fitting].to(device), special, epoch_size, generator)]

    net, training = vision.fit(
        dataset, recipe, widths=widths, classes=outputs, labels=own, start=start, examples=draw, loss=loss, seed=seed,
        device=device, precision=precision, checkpoint=checkpoint, label=label,
    )  # fmt: skip
    correction = dustbin_correction(labels[fitting], special) if kind == DUSTBIN else 0.0
    return answers(net, dataset, device, precision) | {
        "correction": correction, "losses": training.losses, "seconds": training.seconds,
    }  # fmt: skip


def corrected(specialist: dict, part: str = "test_logits") -> torch.Tensor:
    """Probabilities (N, k + 1) of a dustbin specialist, its dustbin raised by the correction."""
    logits = specialist[part].double().clone()
    logits[:, -1] += specialist["correction"]
    return torch.softmax(logits, 1)


def conditional_accuracy(logits: torch.Tensor, labels: torch.Tensor, special: Sequence[int]) -> float:
    """Per cent of the images of special classes that are right when only these classes may answer.

    logits (N, k), in the order of `special`; labels (N,).
    """
    places = torch.full((int(labels.max()) + 1,), -1)
    places[list(special)] = torch.arange(len(special))
    own = places[labels] >= 0
    return 100 * float((logits[own].argmax(1) == places[labels][own]).double().mean())
