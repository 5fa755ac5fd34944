"""What acoustic models are worth: frame accuracies, word error rates and confusions, for the tables of section 4."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from kdrep.acoustic import STATES, Task

QUANTITIES = ("frame accuracy", "word error rate", "single-digit error rate")


def frame_accuracy(task: Task, measured: dict) -> list[float]:
    """Per cent of the test frames that each model of `measure` finds."""
    return (100 * (measured["predictions"] == task.test.labels).double().mean(1)).tolist()


def error_rates(task: Task, measured: dict) -> tuple[list[float], list[float]]:
    """Word errors of each model in per cent of the words, on the test strings and on the single recordings."""
    count = sum(map(len, task.single.transcripts))
    return tuple((100 * measured[kind].sum((1, 2)) / count).tolist() for kind in ("words", "single"))


def table(task: Task, ensemble: dict, students: dict, temperatures: Sequence[float], seeds: int) -> pd.DataFrame:
    """Frame accuracy and error rates in per cent: the members' mean, the ensembles, and students, means over seeds."""
    lines = {name: figures_of(task, found, slice(None)) for name, found in members_lines(ensemble).items()}
    for i, name in enumerate(student_names(temperatures)):
        lines[name] = figures_of(task, students["members"], slice(i * seeds, (i + 1) * seeds))
    return pd.DataFrame(lines, index=list(QUANTITIES)).T


def members_lines(ensemble: dict) -> dict[str, dict]:
    """The lines in `table` of the members and their means: what `measure` found."""
    arithmetic, geometric = (ensemble["means"][mean] for mean in ("arithmetic", "geometric"))
    return {"baseline": ensemble["members"], "ensemble": arithmetic, "ensemble, geometric mean": geometric}


def student_names(temperatures: Sequence[float]) -> list[str]:
    """The students' lines in `table`: a control without soft targets, then one a temperature."""
    return ["labels alone", *[f"T = {t:g}" for t in temperatures]]


def figures_of(task: Task, measured: dict, models: slice) -> list[float]:
    """Means over some of the models of `measure`: frame accuracy, word error rate, single-digit error rate, in %."""
    return [float(np.mean(values[models])) for values in (frame_accuracy(task, measured), *error_rates(task, measured))]


def words_of(ensemble: dict, students: dict, line: str, temperatures: Sequence[float], seeds: int) -> torch.Tensor:
    """Substitutions, deletions and insertions in every test string (U, 3) of a line of `table`: means over models."""
    of_members = members_lines(ensemble)
    if line in of_members:
        return of_members[line]["words"].double().mean(0)
    i = student_names(temperatures).index(line)
    return students["members"]["words"][i * seeds : (i + 1) * seeds].double().mean(0)


def penalties(ensemble: dict, students: dict, line: str, temperatures: Sequence[float], seeds: int) -> float:
    """The insertion penalty that a line of `table` is decoded with, mean over its models."""
    of_members = members_lines(ensemble)
    if line in of_members:
        return of_members[line]["penalty"]
    i = student_names(temperatures).index(line)
    return float(np.mean(students["penalties"][i * seeds : (i + 1) * seeds]))


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
