"""Digits that the student has never seen, and the bias that brings them back (Hinton et al. 2015, section 3)."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import torch

from kdrep.data.datasets import Dataset, last
from kdrep.experiments.mnist.scores import wrong


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
