"""What acoustic models are worth: frame accuracies, word error rates and confusions, for the tables of section 4."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from kdrep.experiments.speech.training import STATES, Task

QUANTITIES = ("frame accuracy", "word error rate", "single-digit error rate")


def frame_accuracy(task: Task, measured: dict) -> list[float]:
    """Per cent of the test frames that each model of `measure` finds."""
    return (100 * (measured["predictions"] == task.test.labels).double().mean(1)).tolist()


def error_rates(task: Task, measured: dict) -> tuple[list[float], list[float]]:
    """Word errors of each model in per cent of the words, on the test strings and on the single recordings."""
    count = sum(map(len, task.single.transcripts))
    return tuple((100 * measured[kind].sum((1, 2)) / count).tolist() for kind in ("words", "single"))


def lines_of(ensemble: dict, students: dict, temperatures: Sequence[float], seeds: int) -> dict[str, dict]:
    """The lines of `table`: what `measure` found for the members, for their arithmetic and geometric mean, and for the
    students: a control without soft targets, then one a temperature, each of so many seeds."""
    lines = {"baseline": ensemble["members"], "ensemble": ensemble["means"]["arithmetic"]}
    lines["ensemble, geometric mean"] = ensemble["means"]["geometric"]
    for i, name in enumerate(["labels alone", *[f"T = {t:g}" for t in temperatures]]):
        mine = slice(i * seeds, (i + 1) * seeds)
        lines[name] = {part: values[mine] for part, values in students["members"].items()}
        lines[name]["penalty"] = float(np.mean(students["penalties"][mine]))
    return lines


def table(task: Task, lines: dict[str, dict]) -> pd.DataFrame:
    """Frame accuracy and error rates in per cent of every one of `lines_of`: means over members or seeds."""
    found = {name: (frame_accuracy(task, line), *error_rates(task, line)) for name, line in lines.items()}
    means = {name: [float(np.mean(values)) for values in three] for name, three in found.items()}
    return pd.DataFrame(means, index=list(QUANTITIES)).T


def phone_confusion(parts: Sequence[tuple[Task, torch.Tensor]]) -> tuple[np.ndarray, list[str]]:
    """Per cent of each phone's frames that are taken for each phone (P, P), and the phones; the diagonal is empty."""
    phones = list(dict.fromkeys(STATES.phones))
    number = torch.tensor([phones.index(phone) for phone in STATES.phones])
    counts = torch.zeros(len(phones), len(phones), dtype=torch.float64)
    for task, predictions in parts:
        pairs = number[task.test.labels] * len(phones) + number[predictions.long()]
        counts += torch.bincount(pairs, minlength=len(phones) ** 2).view_as(counts)
    share = (100 * counts / counts.sum(1, keepdim=True).clamp(min=1)).fill_diagonal_(float("nan"))
    return share.numpy(), phones
