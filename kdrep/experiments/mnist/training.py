"""The MNIST experiments of Hinton et al. 2015, section 3."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch

from kdrep.data.datasets import Dataset, last
from kdrep.learning.augment import Jitter
from kdrep.learning.distill import DistillationLoss, logit_matching_loss
from kdrep.learning.training import Recipe, train
from kdrep.nets import inference
from kdrep.nets.population import Population


def fit(
    dataset: Dataset,
    recipe: Recipe,
    *,
    sizes: tuple[int, ...],
    members: Sequence[int],
    teacher_logits: torch.Tensor | None = None,
    temperature: float | Sequence[float] = 1.0,
    hard_weight: float | Sequence[float] = 1.0,
    match_logits: bool = False,
    examples: torch.Tensor | None = None,
    keep: Sequence[str] = (),
    seed: int = 0,
    device: str = "cpu",
    precision: torch.dtype = torch.float32,
    checkpoint: Path | None = None,
    label: str = "training",
) -> dict:
    """Train a population on MNIST and return its test logits (M, 10000, 10), losses, biases and seconds.

    `members` are the initialisation seeds, `seed` orders the batches that they share; `examples` are the
    training indices that make up the transfer set (all by default); `match_logits` trains by logit
    matching instead of soft targets; `keep` may name "train_logits", "weights" and "curve", the test errors after
    every epoch (epochs, M), to be returned as well.
    """
    images, labels = dataset.train_images.to(device), dataset.train_labels.to(device)
    population = Population(sizes, members, recipe.dropout).to(device)
    targets = None if teacher_logits is None else teacher_logits.to(device)
    if match_logits and targets is None:
        raise ValueError("teacher_logits: logit matching needs them")
    if match_logits:
        loss = logit_matching_loss(targets)
    else:
        loss = DistillationLoss(len(population), targets, labels, temperature=temperature, hard_weight=hard_weight)
    examples = torch.arange(len(images)) if examples is None else examples

    def test_errors(population: Population) -> torch.Tensor:
        return torch.tensor(errors(predict(population, dataset.test_images.to(device)), dataset.test_labels))

    training = train(
        population,
        Jitter(images, recipe.jitter, precision) if recipe.jitter else plain(images, precision),
        loss,
        recipe,
        examples=examples.to(device),
        seed=seed,
        precision=precision,
        observe=test_errors if "curve" in keep else None,
        checkpoint=checkpoint,
        label=label,
    )
    result = {
        "test_logits": predict(population, dataset.test_images.to(device)),
        "output_bias": population.biases[-1].detach().cpu(),
        "losses": training.losses,
        "seconds": training.seconds,
    }
    if "curve" in keep:
        result["curve"] = training.observed
    if "train_logits" in keep:
        result["train_logits"] = predict(population, images)
    if "weights" in keep:
        result["weights"] = inference.weights_of(population)
    return result


def pixels(images: torch.Tensor, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Images (N, H, W) uint8 as inputs (N, H * W) in [0, 1]."""
    return images.flatten(1).to(dtype).div_(255)


def plain(images: torch.Tensor, dtype: torch.dtype):
    """The inputs of `train` without augmentation: converted once, then indexed."""
    flat = pixels(images, dtype)
    return lambda index, generator: flat[index]


def predict(population: Population, images: torch.Tensor) -> torch.Tensor:
    """Logits (M, N, classes) on the CPU, without dropout and in float32, whatever the net was trained in."""
    return inference.predict(population, lambda index: pixels(images[index]), torch.arange(len(images)))


def wrong(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Which test cases are misclassified, (M, N) bool."""
    return logits.argmax(-1) != labels


def errors(logits: torch.Tensor, labels: torch.Tensor) -> list[int]:
    """Number of misclassified cases of every member; logits (M, N, classes)."""
    return wrong(logits, labels).sum(-1).tolist()


def bias_sweep(
    logits: torch.Tensor, labels: torch.Tensor, classes: Sequence[int], shifts: Sequence[float]
) -> torch.Tensor:
    """Errors (S, M) when the biases of `classes` are raised by each of S shifts; logits (M, N, 10)."""
    table = []
    for shift in shifts:
        corrected = logits.clone()
        corrected[..., list(classes)] += shift
        table.append((corrected.argmax(-1) != labels).sum(-1))
    return torch.stack(table)


def best_shift(
    logits: torch.Tensor, labels: torch.Tensor, classes: Sequence[int], shifts: Sequence[float]
) -> list[float]:
    """For every member the shift with the fewest errors; in the middle of them where several are equal."""
    table = bias_sweep(logits, labels, classes, shifts)
    best = table == table.min(0).values
    return [float(torch.tensor(shifts)[column].median()) for column in best.T]


def bias_levelling_shift(output_bias: torch.Tensor, classes: Sequence[int]) -> list[float]:
    """For every member the shift that brings the mean bias of `classes` to that of the others; biases (M, 10).

    It needs no data at all: a class that the transfer set lacks is told from the others by its bias.
    """
    chosen = torch.zeros(output_bias.shape[1], dtype=torch.bool)
    chosen[list(classes)] = True
    return (output_bias[:, ~chosen].mean(1) - output_bias[:, chosen].mean(1)).tolist()


def shifted(logits: torch.Tensor, classes: Sequence[int], shifts: Sequence[float]) -> torch.Tensor:
    """Logits (M, N, 10) with the biases of `classes` raised by one shift a member."""
    corrected = logits.clone()
    corrected[..., list(classes)] += torch.tensor(shifts)[:, None, None]
    return corrected


def next_classes(logits: torch.Tensor, labels: torch.Tensor, temperature: float) -> torch.Tensor:
    """Mean soft targets (10, 10) of the images of every class; logits (N, 10)."""
    probabilities = torch.softmax(logits / temperature, -1)
    return torch.stack([probabilities[labels == label].mean(0) for label in range(logits.shape[-1])])


def lookalikes(
    logits: torch.Tensor, labels: torch.Tensor, *, digit: int, others: Sequence[int], temperature: float, count: int
) -> tuple[torch.Tensor, list[str]]:
    """Indices of the images of `digit` that look most like each of `others`, and a caption for each; logits (N, 10)."""
    probabilities = torch.softmax(logits / temperature, -1)
    indices = (labels == digit).nonzero().flatten()
    picked, captions = [], []
    for other in others:
        best = indices[probabilities[indices, other].argsort(descending=True)[:count]]
        picked.append(best)
        captions += [f"q({other}) = {q:.2f}" for q in probabilities[best, other].tolist()]
    return torch.cat(picked), captions


def held_out(dataset: Dataset) -> torch.Tensor:
    """Indices of the last twelfth of the training images (5,000 of MNIST's), for choices without test images."""
    return last(len(dataset.train_labels), 12)


def transfer_set(dataset: Dataset, classes: Sequence[int], *, keep: bool) -> torch.Tensor:
    """Indices of the training images, held-out ones aside, that are of these classes (`keep`) or of all others."""
    chosen = torch.isin(dataset.train_labels, torch.tensor(list(classes))) == keep
    chosen[held_out(dataset)] = False
    return chosen.nonzero().flatten()


@dataclass(frozen=True)
class Recovery:
    """What shifts of some biases do to M students: test errors (S, M) over S shifts, and by choice of shift."""

    shifts: list[float]
    curve: torch.Tensor
    chosen: dict[str, dict[str, list[float]]]

    def table(self) -> pd.DataFrame:
        """Means over seeds, one line a choice."""
        lines = {
            choice: {name: sum(v) / len(v) for name, v in measured.items()} for choice, measured in self.chosen.items()
        }
        return pd.DataFrame(lines).T.round(1)


def recovery(
    student: dict, dataset: Dataset, teacher_logits: torch.Tensor, classes: Sequence[int], shifts: Sequence[float]
) -> Recovery:
    """Try shifts of the biases of `classes` on a student (the result of `fit`, with training logits).

    Four choices of the shift: none; the paper's, with the fewest test errors; the one that brings these biases
    to the level of the others; the one with the fewest errors on held-out training images, for which the teacher's
    answers are the labels.
    """
    shifts = [float(shift) for shift in shifts]
    test, labels = student["test_logits"], dataset.test_labels
    held = held_out(dataset)
    answers = teacher_logits[held].argmax(-1)
    choices = {
        "no bias correction": [0.0] * len(test),
        "bias chosen on the test set": best_shift(test, labels, classes, shifts),
        "bias levelled with the other classes": bias_levelling_shift(student["output_bias"], classes),
        "bias chosen on held-out images with the teacher's answers": best_shift(
            student["train_logits"][:, held], answers, classes, shifts
        ),
    }
    of_classes = torch.isin(labels, torch.tensor(list(classes)))
    chosen = {}
    for choice, shift in choices.items():
        mistakes = wrong(shifted(test, classes, shift), labels)
        on_classes = mistakes[:, of_classes].sum(1)
        chosen[choice] = {
            "shift": shift,
            "errors": mistakes.sum(1).tolist(),
            "errors on classes": on_classes.tolist(),
            "% of classes right": (100 * (1 - on_classes / of_classes.sum())).tolist(),
        }
    return Recovery(shifts, bias_sweep(test, labels, classes, shifts), chosen)
