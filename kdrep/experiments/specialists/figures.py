"""Figures of the notebook on specialists."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from kdrep.report.figures import LINES, MARKERS, PAPER, SHADES, bands
from kdrep.report.papers import TABLE_4
from kdrep.report.statistics import Interval


def covariance(matrix: np.ndarray, clusters: np.ndarray) -> plt.Figure:
    """The predictions' correlation, classes in their own order and in the clusters' order, with the clusters' edges."""
    scale = np.sqrt(np.diag(matrix))
    correlation = matrix / np.outer(scale, scale)
    order = np.argsort(clusters, kind="stable")
    figure, axes = plt.subplots(1, 2, figsize=(8.6, 4))
    limit = np.quantile(correlation[~np.eye(len(order), dtype=bool)], 0.995)
    for axis, rows, title in ((axes[0], np.arange(len(order)), "alphabetical order"), (axes[1], order, "by cluster")):
        image = axis.imshow(correlation[np.ix_(rows, rows)], cmap="gray_r", vmin=0, vmax=limit, interpolation="nearest")
        axis.set(title=title, xlabel="class", ylabel="class")
    for edge in np.cumsum(np.bincount(clusters))[:-1] - 0.5:
        axes[1].axhline(edge, color=SHADES[1], linewidth=0.7)
        axes[1].axvline(edge, color=SHADES[1], linewidth=0.7)
    figure.colorbar(image, ax=axes, label="correlation of the predictions", extend="both", shrink=0.85)
    return figure


def calibration(curves: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> plt.Figure:
    """How often an image is of no special class, over the dustbin's probability."""
    figure, axis = plt.subplots(figsize=(5.2, 4.2))
    axis.plot([0, 1], [0, 1], label="calibrated", **PAPER)
    for i, (name, (stated, seen)) in enumerate(curves.items()):
        axis.plot(stated, seen, color=SHADES[i], marker=MARKERS[i], linestyle=LINES[i], label=name)
    axis.set(xlabel="probability of the dustbin", ylabel="share of images of no special class")
    axis.legend()
    return figure


def gains(values: Mapping[str, Interval], label: str, published: float | None = None) -> plt.Figure:
    """A difference with its interval for every arm, and zero; the paper's as a dotted line."""
    figure, axis = plt.subplots(figsize=(7.5, 0.9 + 0.42 * len(values)))
    axis.axvline(0, color="0.8", linewidth=1)
    for i, interval in enumerate(values.values()):
        axis.plot([interval.low, interval.high], [i, i], color=SHADES[0], linewidth=2)
        axis.plot(interval.value, i, "s", color=SHADES[0], markersize=7)
        axis.annotate(f"{interval.value:+.2f}", (interval.value, i), xytext=(0, 7), textcoords="offset points",
                      ha="center", fontsize=8)  # fmt: skip
    if published is not None and np.isfinite(published):
        label_ = "the paper's relative gain, at this generalist's accuracy"
        axis.plot([published] * 2, [-0.45, 0.45], label=label_, **PAPER)
        figure.legend(loc="outside upper right", fontsize=8)
    axis.set_yticks(range(len(values)), list(values))
    axis.set_ylim(len(values) - 0.5, -0.7)
    axis.set_xlabel(label)
    return figure


def by_cover(table: pd.DataFrame) -> plt.Figure:
    """Relative change in accuracy over the number of specialists that cover the class, and the images behind it."""
    figure, (axis, below) = plt.subplots(2, 1, figsize=(7, 5), height_ratios=(3, 1), sharex=True)
    known = table[np.isfinite(table["low"])]
    style = dict(color=SHADES[0], marker="o")
    axis.plot(table.index, table["relative change, %"], **style, label="this run, 95 % over classes (of three or more)")
    spread = (known[["low", "high"]].sub(known["relative change, %"], axis=0)).abs().T
    axis.errorbar(known.index, known["relative change, %"], spread, linestyle="", capsize=3, **style)
    axis.plot(range(len(TABLE_4)), TABLE_4, label="the paper (JFT), Table 4", **PAPER)
    axis.axhline(0, color="0.8", linewidth=1)
    axis.set(ylabel="relative change\nin accuracy, %")
    axis.legend()
    below.bar(table.index, table["test images"], color="0.7")
    below.set(xlabel="specialists covering the true class", ylabel="test images")
    below.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def by_count(counts: Sequence[int], values: np.ndarray, levels: Mapping[str, float]) -> plt.Figure:
    """Accuracy (seeds, counts) over the number of specialists, with other accuracies as horizontal lines."""
    figure, axis = plt.subplots()
    for seed, line in enumerate(values):
        axis.plot(counts, line, color="0.7", linewidth=1, label="one seed" if seed == 0 else None)
    axis.plot(counts, values.mean(0), color=SHADES[0], marker="o", label="generalist + specialists")
    for i, (name, level) in enumerate(levels.items(), start=1):
        axis.axhline(level, color=SHADES[i], linestyle=LINES[i], label=name)
    axis.set(xlabel="number of specialists", ylabel="test accuracy, %")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.legend(fontsize=8)
    return figure


def budgets(regimes: Mapping[str, Mapping[str, Interval]]) -> plt.Figure:
    """What generalist and specialists are ahead of each control by, regime by regime, with intervals."""
    figure, axis = plt.subplots(figsize=(7.5, 4.2))
    axis.axhline(0, color="0.8", linewidth=1)
    arms = list(next(iter(regimes.values())))
    for i, arm in enumerate(arms):
        x = np.arange(len(regimes)) + 0.18 * (i - (len(arms) - 1) / 2)
        values = np.array([(r[arm].value, r[arm].low, r[arm].high) for r in regimes.values()])
        spread = np.abs(values[:, 1:].T - values[:, 0])
        axis.errorbar(x, values[:, 0], spread, fmt=MARKERS[i], color=SHADES[i], capsize=3, label=arm)
    axis.set_xticks(range(len(regimes)), list(regimes))
    axis.set(ylabel="ahead in test accuracy, points", xlabel="generalist, and steps of one specialist")
    axis.legend(fontsize=8, title="generalist + specialists minus ...", title_fontsize=8)
    return figure


def overfitting(steps: Sequence[int], curves: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> plt.Figure:
    """Change, since the generalist, of the loss on held-out and of the conditional accuracy on test images of special
    classes; (specialists, epochs) a kind, with the interval over specialists."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.8))
    for column, (axis, label) in enumerate(
        zip(axes, ("change of held-out loss, nats", "change of conditional\ntest accuracy, points"), strict=True)
    ):
        bands(axis, steps, {name: values[column] for name, values in curves.items()})
        axis.set(xlabel="steps", ylabel=label)
    return figure
