"""What specialists are worth: the tables of Hinton et al. 2015, section 5."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from kdrep.experts import conditional_accuracy, corrected, own_logits, together
from kdrep.statistics import Interval, over_seeds, paired, trend

BINS = 10


def right(answers: torch.Tensor, labels: torch.Tensor) -> np.ndarray:
    """Which images (N,) are classified correctly, in per cent: 100 or 0; answers (N, C), probabilities or logits."""
    return 100.0 * (answers.argmax(1) == labels).numpy()


def accuracy(marks: Sequence[np.ndarray]) -> Interval:
    """Accuracy in per cent, mean over seeds, with an interval over the test images; marks: one `right` a seed."""
    return over_seeds(np.mean(marks, 0))


def gain(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> Interval:
    """Difference of two accuracies in points, mean over seeds, with an interval over the test images."""
    return paired(np.mean(first, 0), np.mean(second, 0))


def conditional(answers: torch.Tensor, labels: torch.Tensor, sets: Sequence[Sequence[int]]) -> np.ndarray:
    """Conditional accuracies (M,) of one net's logits or probabilities (N, C) on every special set."""
    return np.array([conditional_accuracy(answers[:, list(own)], labels, own) for own in sets])


def conditionals(specialists: Sequence[dict], labels: torch.Tensor, sets: Sequence[Sequence[int]]) -> np.ndarray:
    """Conditional test accuracies (M,) of the specialists on their own sets."""
    pairs = zip(specialists, sets, strict=True)
    return np.array([conditional_accuracy(own_logits(s["test_logits"], own), labels, own) for s, own in pairs])


def covers(sets: Sequence[Sequence[int]], labels: torch.Tensor) -> np.ndarray:
    """How many specialists (N,) cover the true class of each image."""
    return np.sum([np.isin(labels.numpy(), own) for own in sets], 0)


def by_cover(
    sets: Sequence[Sequence[Sequence[int]]], labels: torch.Tensor, before: np.ndarray, after: Sequence[np.ndarray]
) -> tuple[pd.DataFrame, tuple[Interval, float]]:
    """The paper's Table 4, means over seeds, and the trend over images: points of accuracy a covering specialist.

    `sets` and `after` are one a seed; before and after: `right` of the generalist and of all together.
    """
    counts = np.array([covers(s, labels) for s in sets])
    changes = (np.array(after) - before) / 100
    lines = {}
    for k in range(int(counts.max()) + 1):
        own = counts == k
        correct = (np.broadcast_to(before / 100, own.shape) * own).sum() / len(own)
        if own.any():
            change = changes[own].sum() / len(own)
            lines[k] = (own.sum() / len(own), change, 100 * change / correct if correct else np.nan)
    table = pd.DataFrame(lines, index=["test images", "change in top-1 correct", "relative change, %"]).T
    table.index.name = "specialists covering"
    return table, trend(counts.mean(0), 100 * changes.mean(0))


def reliability(probabilities: np.ndarray, happened: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Mean probability and frequency (BINS,) in bins of equal width, NaN where empty, and the calibration error."""
    bins = np.clip((probabilities * BINS).astype(int), 0, BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    with np.errstate(invalid="ignore"):
        stated, seen = (np.bincount(bins, v, BINS) / counts for v in (probabilities, happened))
    return stated, seen, float(np.nansum(counts * np.abs(stated - seen)) / counts.sum())


def dustbin_reliability(specialists: Sequence[dict], sets, labels: torch.Tensor, correction: bool):
    """`reliability` of the dustbin's probability on the test images: its bins over all specialists together, and the
    calibration error (M,) of each."""
    used = specialists if correction else [s | {"correction": 0.0} for s in specialists]
    stated = [corrected(s)[:, -1].numpy() for s in used]
    happened = [~np.isin(labels.numpy(), own) for own in sets]
    errors = [reliability(p, h)[2] for p, h in zip(stated, happened, strict=True)]
    return *reliability(np.concatenate(stated), np.concatenate(happened))[:2], np.array(errors)


def by_count(
    generalist: dict, specialists: Sequence[dict], sets: Sequence[Sequence[int]], labels: torch.Tensor, seed: int
) -> np.ndarray:
    """Accuracy (M + 1,) in per cent of the generalist with the first 0, 1, ... M specialists, in a random order."""
    order = np.random.default_rng(seed).permutation(len(sets))
    values = [right(generalist["test_logits"], labels).mean()]
    for count in range(1, len(order) + 1):
        chosen = order[:count]
        q = together(generalist, [specialists[m] for m in chosen], [sets[m] for m in chosen])
        values.append(right(q, labels).mean())
    return np.array(values)


def example_clusters(sets: Sequence[Sequence[int]], clusters: np.ndarray, names: Sequence[str]) -> pd.DataFrame:
    """Class names of each cluster, and of the classes that were added to bring its set to size."""
    lines = []
    for m, own in enumerate(sets):
        core = [c for c in np.flatnonzero(clusters == m) if c in own]
        added = [c for c in own if c not in core]
        lines.append([", ".join(names[c] for c in part) for part in (core, added)])
    return pd.DataFrame(lines, columns=["cluster", "added to the set"])
