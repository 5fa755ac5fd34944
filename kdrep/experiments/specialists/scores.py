"""What specialists are worth: the tables of Hinton et al. 2015, section 5."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from kdrep.experiments.specialists.training import class_accuracies, corrected, own_logits, together
from kdrep.report.statistics import Interval, mean_interval, paired, trend

BINS = 10
COVER_COLUMNS = (
    "classes", "test images", "change in top-1 correct", "generalist's accuracy, %", "relative change, %", "low",
    "high", "classes in the interval",
)  # fmt: skip
LEAST = 1e-12  # probability
MOST_COVER = 10  # the paper's Table 4 takes ten and more specialists together
MOST_COUNTS = 11  # numbers of specialists that are tried


def right(answers: torch.Tensor, labels: torch.Tensor) -> np.ndarray:
    """Which images (N,) are classified correctly, in per cent: 100 or 0; answers (N, C), probabilities or logits."""
    return 100.0 * (answers.argmax(1) == labels).numpy()


def accuracy(marks: Sequence[np.ndarray]) -> Interval:
    """Accuracy in per cent, mean over seeds, with an interval over the test images; marks: one `right` a seed."""
    return mean_interval(np.mean(marks, 0))


def gain(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> Interval:
    """Difference of two accuracies in points, mean over seeds, with an interval over the test images."""
    return paired(np.mean(first, 0), np.mean(second, 0))


def conditional(answers: Sequence[torch.Tensor], labels: torch.Tensor, sets: Sequence[Sequence[int]]) -> np.ndarray:
    """Conditional accuracy of each image (N,) in per cent: mean over the special sets that hold its class, NaN where
    none does. `answers` are what each set's net says about its own classes, M of (N, k)."""
    total, asked = np.zeros(len(labels)), np.zeros(len(labels))
    for said, own in zip(answers, sets, strict=True):
        marks = np.isin(labels.numpy(), own)
        total[marks] += np.array(own)[said[marks].argmax(1)] == labels.numpy()[marks]
        asked += marks
    with np.errstate(invalid="ignore"):
        return 100 * total / asked


def of_one_net(logits: torch.Tensor, sets: Sequence[Sequence[int]]) -> list[torch.Tensor]:
    """What one net of all classes says about the classes of each set."""
    return [logits[:, list(own)] for own in sets]


def of_specialists(specialists: Sequence[dict], sets: Sequence[Sequence[int]]) -> list[torch.Tensor]:
    """What each specialist says about its own classes."""
    return [own_logits(s["test_logits"], own) for s, own in zip(specialists, sets, strict=True)]


def over_covered(first: Sequence[np.ndarray], second: Sequence[np.ndarray] | None = None) -> Interval:
    """Mean of conditional accuracies, or of their differences, over seeds, with an interval over the images that a set
    covers in every seed; first, second: one `conditional` a seed."""
    values = np.mean(first, 0) - (0 if second is None else np.mean(second, 0))
    return mean_interval(values[np.isfinite(values)])


def own_accuracies(specialists: Sequence[dict], labels: torch.Tensor) -> list[list[float]]:
    """Conditional test accuracies in per cent of each specialist's own classes."""
    pairs = [(s["test_logits"], s["special"]) for s in specialists]
    return [class_accuracies(own_logits(logits, own), labels, own) for logits, own in pairs]


def class_means(values: Sequence[Sequence[float]], sets: Sequence[Sequence[int]]) -> np.ndarray:
    """Mean of each class's values over the sets that hold it, for all classes that one holds, in their order; `values`
    are one a class of each set. Sets overlap, so that classes are what may be taken for independent."""
    return pd.Series(np.concatenate(values)).groupby(np.concatenate(sets)).mean().to_numpy()


def confused_inside(predictions: torch.Tensor, labels: torch.Tensor, sets: Sequence[Sequence[int]]) -> np.ndarray:
    """For each wrong prediction, 100 if one of the sets holds both the true and the predicted class, else 0."""
    wrong = predictions != labels
    pairs = zip(labels[wrong].tolist(), predictions[wrong].tolist(), strict=True)
    held = [set(own) for own in sets]
    return np.array([100.0 * any({a, b} <= own for own in held) for a, b in pairs])


def covers(sets: Sequence[Sequence[int]], labels: torch.Tensor) -> np.ndarray:
    """How many specialists (N,) cover the true class of each image."""
    return np.sum([np.isin(labels.numpy(), own) for own in sets], 0)


def by_cover(
    sets: Sequence[Sequence[Sequence[int]]], labels: torch.Tensor, before: np.ndarray, after: Sequence[np.ndarray]
) -> tuple[pd.DataFrame, tuple[Interval, float]]:
    """The paper's Table 4, means over seeds, and the trend: points of accuracy a covering specialist.

    `sets` and `after` are one a seed; before and after: `right` of the generalist and of all together. The units of
    the intervals and of the trend are the classes (a class that as many specialists cover under several seeds' sets
    counts once), and the trend is over those that have a specialist: a class that none covers can hardly lose. The last
    line of the table is of ten specialists or more.
    """
    classes = np.arange(int(labels.max()) + 1)
    mine = [labels.numpy() == c for c in classes]
    correct = np.array([before[m].sum() for m in mine]) / 100
    counts = np.array([[sum(c in own for own in s) for c in classes] for s in sets])
    changes = np.array([[(a - before)[m].sum() for m in mine] for a in after]) / 100
    lines = {}
    images = np.array([m.sum() for m in mine])
    for k in range(min(int(counts.max()), MOST_COVER) + 1):
        own = np.minimum(counts, MOST_COVER) == k
        there = own.any(0)  # under one seed's sets at least
        if there.any():
            base = correct[there].mean()
            change = mean_of_few([changes[own[:, c], c].mean() for c in classes[there]])
            relative = [100 * v / base if base else np.nan for v in (change.value, change.low, change.high)]
            of_seeds = (own.sum(), (own * images).sum(), changes[own].sum())
            lines[k] = (
                *(v / len(sets) for v in of_seeds),
                100 * correct[there].sum() / images[there].sum(),
                *relative,
                change.units,
            )
    table = pd.DataFrame(lines, index=COVER_COLUMNS).T
    table.index.name = "specialists covering"
    covered = counts.min(0) > 0
    points = 100 * changes.mean(0) / images
    cover, change = counts.mean(0)[covered], points[covered]
    if len(cover) < 3 or np.ptp(cover) == 0 or np.ptp(change) == 0:  # nothing is known about a trend
        slope, p = Interval(0.0, -np.inf, np.inf, 1), 1.0
    else:
        slope, p = trend(cover, change)
    return table, (slope, p)


def mean_of_few(values: Sequence[float]) -> Interval:
    """Mean of independent values, without an interval where there are fewer than three."""
    return mean_interval(values) if len(values) > 2 else Interval(float(np.mean(values)), -np.inf, np.inf, len(values))


def dustbin_forecasts(
    specialists: Sequence[dict], labels: torch.Tensor, *, correction: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Each dustbin's probability on every test image, and whether that is of no special class; (M, N) both."""
    used = specialists if correction else [s | {"correction": 0.0} for s in specialists]
    stated = [corrected(s)[:, -1].numpy() for s in used]
    return np.array(stated), np.array([~np.isin(labels.numpy(), s["special"]) for s in used])


def bins_of(probabilities: np.ndarray) -> np.ndarray:
    """Which of BINS bins of equal width each probability lies in."""
    return np.clip((probabilities * BINS).astype(int), 0, BINS - 1)


def reliability(stated: np.ndarray, happened: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean probability and frequency (BINS,) in each bin, NaN where it is empty."""
    bins = bins_of(stated).ravel()
    counts = np.bincount(bins, minlength=BINS)
    with np.errstate(invalid="ignore"):
        return tuple(np.bincount(bins, values.ravel(), BINS) / counts for values in (stated, happened))


def calibration_error(stated: np.ndarray, happened: np.ndarray, cases: np.ndarray | slice = slice(None)) -> float:
    """Expected calibration error of M forecasts of the same cases (M, N), mean over forecasts, on some of the cases."""
    excess = (stated - happened)[:, cases]
    places = bins_of(stated[:, cases]) + BINS * np.arange(len(stated))[:, None]
    return float(np.abs(np.bincount(places.ravel(), excess.ravel())).sum() / excess.size)


def by_count(
    generalist: dict, specialists: Sequence[dict], sets: Sequence[Sequence[int]], labels: torch.Tensor, seed: int
) -> dict:
    """`accuracy` in per cent of the generalist with the first `counts` specialists, from none to all, in a random
    order."""
    order = np.random.default_rng(seed).permutation(len(sets))
    counts = np.unique(np.linspace(0, len(sets), MOST_COUNTS).round().astype(int))
    values = [right(generalist["test_logits"], labels).mean()]
    for count in counts[1:]:
        chosen = order[:count]
        q = together(generalist, [specialists[m] for m in chosen], [sets[m] for m in chosen])
        values.append(right(q, labels).mean())
    return {"counts": counts.tolist(), "accuracy": [float(value) for value in values]}


def training_answers(generalist: dict, specialists: Sequence[dict], sets: Sequence[Sequence[int]]) -> dict:
    """What generalist and specialists together say about the training images, as `logits` (N, C)."""
    q = together(generalist, specialists, sets, part="train_logits")
    return {"logits": torch.log(q.clamp(min=LEAST)).float()}


def example_clusters(sets: Sequence[Sequence[int]], clusters: np.ndarray, names: Sequence[str]) -> pd.DataFrame:
    """Class names of each set: those of its cluster, those added to bring it to size, and those left out of it."""
    lines = []
    for m, own in enumerate(sets):
        cluster = set(np.flatnonzero(clusters == m).tolist())
        parts = sorted(cluster & set(own)), sorted(set(own) - cluster), sorted(cluster - set(own))
        lines.append([", ".join(names[c] for c in part) for part in parts])
    return pd.DataFrame(lines, columns=["cluster", "added", "left out"])
