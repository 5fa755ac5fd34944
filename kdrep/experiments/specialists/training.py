"""Generalist, specialists and their controls, trained and asked: the experiments of Hinton et al. 2015, section 5."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from kdrep.data.datasets import Dataset
from kdrep.experiments.specialists import vision
from kdrep.experiments.specialists.combination import active, combine, mean_of_asked
from kdrep.experiments.specialists.dustbin import dustbin_correction, dustbin_labels, half_and_half
from kdrep.learning.distill import DistillationLoss, soft_cross_entropy, soft_targets
from kdrep.learning.training import Recipe
from kdrep.nets import inference
from kdrep.nets.mixture import Mixture, coupling

DUSTBIN, FULL = "dustbin", "full"


def train_generalist(
    dataset: Dataset, recipe: Recipe, *, shape: dict, classes: int, start: dict | None = None,
    epoch_size: int | None = None, teacher_logits: torch.Tensor | None = None, temperature: float = 1.0,
    hard_weight: float = 1.0, pad: int = vision.PAD, keep_train_logits: bool = False, seed: int = 0,
    device: str = "cpu", precision: torch.dtype = torch.float32, checkpoint: Path | None = None,
    label: str = "training",
) -> dict:  # fmt: skip
    """Train a net of all classes, from `start` if given, on labels or by distillation from `teacher_logits` (N, C).

    With `epoch_size`, an epoch is so many images drawn anew instead of all of them, as it is for a specialist. With
    `pad` 0 it sees the images as they are, not crops of them: what a teacher said about them holds for what it sees.
    Returns its weights, its logits on the test images and, if wanted, on all training images (held-out ones included),
    losses and seconds.
    """
    targets = None if teacher_logits is None else teacher_logits.to(device)
    loss = DistillationLoss(
        1, targets, dataset.train_labels.to(device), temperature=temperature, hard_weight=hard_weight
    )
    net = vision.make_net(shape, classes, seed, start).to(device)
    views = vision.views(dataset, device, precision, pad)
    training = vision.fit(
        net, views.train, dataset.train_labels, recipe, loss=loss, seed=seed, checkpoint=checkpoint, label=label,
        examples=random_epochs(vision.fitting(dataset).to(device), epoch_size),
    )  # fmt: skip
    result = {
        "test_logits": vision.predict(net, views.test), "weights": inference.weights_of(net),
        "losses": training.losses, "seconds": training.seconds,
    }  # fmt: skip
    return result | ({"train_logits": vision.predict(net, views.train)} if keep_train_logits else {})


def random_epochs(examples: torch.Tensor, size: int | None) -> Callable[[torch.Generator], torch.Tensor]:
    """A function that draws `size` of the examples for an epoch, some of them again if they are fewer; without a size
    all of them."""
    wanted = size or len(examples)

    def draw(generator: torch.Generator) -> torch.Tensor:
        rounds = -(-wanted // len(examples))
        order = [torch.randperm(len(examples), generator=generator, device=examples.device) for _ in range(rounds)]
        return examples[torch.cat(order)[:wanted]]

    return draw


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
    dataset: Dataset, recipe: Recipe, *, shape: dict, classes: int, generalist: dict, special: Sequence[int],
    epoch_size: int, kind: str = DUSTBIN, generalist_logits: torch.Tensor | None = None, temperature: float = 2.0,
    keep_train_logits: bool = False, seed: int = 0, device: str = "cpu", precision: torch.dtype = torch.float32,
    checkpoint: Path | None = None, label: str = "training",
) -> dict:  # fmt: skip
    """Train one specialist from the generalist's weights, half its own examples and half others in every epoch.

    `kind` dustbin: special classes and a dustbin. full: all classes, with the generalist's soft targets for those that
    are not special. Returns its logits on the test images at the end and, `early_logits`, after the epoch in which the
    held-out images of special classes had the lowest loss; the loss on those images (`held_out_loss`) and the
    conditional accuracy on the test images after every epoch; those of each special class's training images; the
    `correction` of what is not special; if wanted, the logits on all training images; losses and seconds.
    """
    if kind not in (DUSTBIN, FULL):
        raise ValueError(f"kind: must be {DUSTBIN!r} or {FULL!r}, not {kind!r}")
    if kind == FULL and generalist_logits is None:
        raise ValueError("generalist_logits: a full-softmax specialist learns other classes from them")
    if len(generalist["head.bias"]) != classes:
        raise ValueError(f"generalist: it knows {len(generalist['head.bias'])} classes, not {classes}")
    fitting, held, labels = vision.fitting(dataset), vision.held_out(dataset), dataset.train_labels
    own_labels = dustbin_labels(labels, special, classes)
    loss, outputs, start = None, len(special) + 1, specialist_start(generalist, special)
    if kind == FULL:
        loss = OwnLabelsElseSoft(labels.to(device), generalist_logits.to(device), special, temperature)
        outputs, start = classes, generalist

    def draw(generator: torch.Generator) -> torch.Tensor:
        return fitting.to(device)[half_and_half(labels[fitting].to(device), special, epoch_size, generator)]

    def observe(net: nn.Module) -> torch.Tensor:
        return torch.cat([vision.predict(net, views.train, held), vision.predict(net, views.test)])

    net, views = vision.make_net(shape, outputs, seed, start).to(device), vision.views(dataset, device, precision)
    training = vision.fit(
        net, views.train, own_labels, recipe, examples=draw, loss=loss, observe=observe, seed=seed,
        checkpoint=checkpoint, label=label,
    )  # fmt: skip
    on_held, on_test = training.observed.split([len(held), len(dataset.test_labels)], 1)
    held_loss = [conditional_loss(own_logits(z, special), labels[held], special) for z in on_held]
    at = held_loss.index(min(held_loss))
    own = fitting[torch.isin(labels[fitting], torch.tensor(list(special)))]
    fitted = own_logits(vision.predict(net, views.train, own), special)
    result = {
        "test_logits": on_test[-1].clone(), "early_logits": on_test[at].clone(), "held_out_loss": held_loss,
        "test_curve": [conditional_accuracy(own_logits(z, special), dataset.test_labels, special) for z in on_test],
        "train_accuracies": class_accuracies(fitted, labels[own], special),
        "correction": dustbin_correction(labels[fitting], special), "special": list(special),
        "losses": training.losses, "seconds": training.seconds,
    }  # fmt: skip
    return result | ({"train_logits": vision.predict(net, views.train)} if keep_train_logits else {})


def own_logits(logits: torch.Tensor, special: Sequence[int]) -> torch.Tensor:
    """The special classes' logits (N, k), of a dustbin or a full softmax."""
    return logits[:, own_places(logits.shape[1], special)]


def own_places(outputs: int, special: Sequence[int]) -> list[int]:
    """Where a specialist with so many outputs has its special classes: first if it has a dustbin, as all have else."""
    return list(range(len(special)) if outputs == len(special) + 1 else special)


def own_cases(labels: torch.Tensor, special: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Which examples (N,), bool, are of special classes, and the places of those in `special`."""
    places = torch.full((max(int(labels.max()), *special) + 1,), -1)
    places[list(special)] = torch.arange(len(special))
    own = places[labels] >= 0
    return own, places[labels[own]]


def conditional_accuracy(logits: torch.Tensor, labels: torch.Tensor, special: Sequence[int]) -> float:
    """Per cent of the examples of special classes that are right when only these classes may answer.

    logits (N, k), in the order of `special`; labels (N,).
    """
    own, places = own_cases(labels, special)
    return 100 * float((logits[own].argmax(1) == places).double().mean())


def class_accuracies(logits: torch.Tensor, labels: torch.Tensor, special: Sequence[int]) -> list[float]:
    """`conditional_accuracy` of each special class, in the order of `special`."""
    return [conditional_accuracy(logits[of_class], labels[of_class], special) for of_class in map(labels.eq, special)]


def conditional_loss(logits: torch.Tensor, labels: torch.Tensor, special: Sequence[int]) -> float:
    """Mean cross-entropy of the examples of special classes when only these classes may answer."""
    own, places = own_cases(labels, special)
    return float(F.cross_entropy(logits[own].double(), places))


def corrected(specialist: dict, part: str = "test_logits") -> torch.Tensor:
    """Probabilities (N, k + 1) of a dustbin specialist, (N, C) of a full one, with what is not special, the dustbin or
    all other classes, raised by the correction: both saw their special classes too often."""
    logits, special = specialist[part].double(), specialist["special"]
    raised = torch.full((logits.shape[1],), specialist["correction"], dtype=torch.float64)
    raised[own_places(logits.shape[1], special)] = 0
    return torch.softmax(logits + raised, 1)


def together(
    generalist: dict, specialists: Sequence[dict], sets: Sequence[Sequence[int]], *, part: str = "test_logits",
    n: int = 1, early: bool = False, full: bool = False, reverse: bool = False,
) -> torch.Tensor:  # fmt: skip
    """Probabilities (N, C) of the generalist and the specialists that its n most probable classes call for.

    `part` names the logits, `early` takes the specialists as they were when they were stopped early. `full`
    specialists speak about all classes: theirs and the generalist's mean is the minimum of equation 5.
    """
    whole = torch.softmax(generalist[part].double(), 1)
    asked = active(whole, sets, n)
    answers = [corrected(s, "early_logits" if early else part) for s in specialists]
    if full:
        return mean_of_asked(whole, answers, asked, geometric=reverse)
    return combine(whole, answers, sets, asked, reverse=reverse)


def train_mixture(
    dataset: Dataset, recipe: Recipe, *, shape: dict, classes: int, experts: int, generalist: dict, epoch_size: int,
    seed: int = 0, device: str = "cpu", precision: torch.dtype = torch.float32, checkpoint: Path | None = None,
    label: str = "training",
) -> dict:  # fmt: skip
    """Train a mixture of experts with a learnt gate (section 7), every expert started from the generalist.

    Returns its test logits, the gate's shares (N, experts), its number of parameters, and how much one expert's
    gradient depends on another expert (`coupling`).
    """
    net, views = Mixture(shape, classes, experts, seed, generalist).to(device), vision.views(dataset, device, precision)
    training = vision.fit(
        net, views.train, dataset.train_labels, recipe, seed=seed, checkpoint=checkpoint, label=label,
        examples=random_epochs(vision.fitting(dataset).to(device), epoch_size),
    )  # fmt: skip
    index = vision.fitting(dataset)[:500].to(device)
    images, labels = views.train(index).float(), dataset.train_labels.to(device)[index]
    net.eval()
    return {
        "coupling": coupling(lambda: F.cross_entropy(net(images)[0], labels), net.experts[0], net.experts[1]),
        "test_logits": vision.predict(net, views.test),
        "gate": torch.softmax(vision.predict(net.gate, views.test), 1),
        "parameters": sum(p.numel() for p in net.parameters()), "losses": training.losses, "seconds": training.seconds,
    }  # fmt: skip
