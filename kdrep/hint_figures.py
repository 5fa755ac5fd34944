"""Figures of the notebook on FitNets."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from kdrep.figures import MARKERS, PAPER, SHADES, bands, log_axis
from kdrep.statistics import over_seeds


def recipes(
    found: Mapping[str, Mapping[str, Sequence[float]]], label: str, published: Mapping[str, float], teacher: float
) -> plt.Figure:
    """Every arm of every recipe: seeds as dots, means with intervals, the paper's figures and our teacher's."""
    arms = list(next(iter(found.values())))
    figure, axis = plt.subplots(figsize=(8, 1 + 0.75 * len(arms)))
    for i, (kind, values) in enumerate(found.items()):
        for row, arm in enumerate(arms):
            interval, y = over_seeds(values[arm]), row + 0.24 * (i - 0.5)
            axis.plot(values[arm], [y] * len(values[arm]), "o", color=SHADES[i], alpha=0.4, markersize=4)
            if np.isfinite(interval.low):
                axis.plot([max(interval.low, 0.1), max(interval.high, 0.1)], [y, y], color=SHADES[i], linewidth=1.5)
            axis.plot(interval.value, y, MARKERS[i], color=SHADES[i], markersize=7, label=kind if row == 0 else None)
    for row, arm in enumerate(arms):
        if arm in published:
            axis.plot([published[arm]] * 2, [row - 0.4, row + 0.4], label="the paper" if row == 0 else None, **PAPER)
    axis.axvline(teacher, color="0.8", linewidth=1, label="our teacher", zorder=0)
    axis.set_yticks(range(len(arms)), arms)
    axis.set_ylim(len(arms) - 0.4, -0.6)
    log_axis(axis, (0.2, 0.5, 1, 2, 5, 10, 20, 50, 90))
    axis.set_xlabel(label)
    figure.legend(loc="outside upper right", ncols=4, fontsize=8)
    return figure


def curriculum(curves: Mapping[str, np.ndarray]) -> plt.Figure:
    """Teacher's entropy on the hardest tenth over that on all, (seeds, epochs) an arm."""
    figure, axis = plt.subplots()
    for i, (name, values) in enumerate(curves.items()):
        axis.plot(range(1, values.shape[1] + 1), values.mean(0), color=SHADES[i], marker=MARKERS[i], label=name)
    axis.axhline(1, color="0.8", linewidth=1)
    axis.set(xlabel="epoch of the second stage", ylabel="teacher's entropy, hardest tenth / all")
    axis.legend(fontsize=8)
    return figure


def few_images(counts: Sequence[int], found: Mapping[str, Mapping[str, np.ndarray]]) -> plt.Figure:
    """Test error over the number of images, one panel a recipe; (seeds, counts) an arm."""
    return panels(counts, found, "training images of the student", log=counts)


def depth(depths: Sequence[int], found: Mapping[str, Mapping[str, np.ndarray]], chance: float) -> plt.Figure:
    """Test error over the number of layers, one panel a recipe; (seeds, depths) an arm; chance as a line."""
    figure = panels(depths, found, "layers")
    for axis in figure.axes:
        axis.axhline(chance, label="chance", **PAPER)
        axis.set_xticks(list(depths))
    figure.axes[0].legend(fontsize=8)
    return figure


def panels(x: Sequence[int], found: Mapping[str, Mapping[str, np.ndarray]], label: str, log=None) -> plt.Figure:
    """One panel a recipe, test error upwards, logarithmic."""
    figure, axes = plt.subplots(1, len(found), figsize=(9, 3.9), sharey=True)
    for axis, (kind, arms) in zip(axes, found.items(), strict=True):
        bands(axis, x, arms)
        if log:
            log_axis(axis, log)
        axis.set(title=f"{kind} recipe", xlabel=label, yscale="log")
    ticks = [
        t for t in (0.5, 1, 2, 5, 10, 20, 50, 90) if t >= 0.8 * min(v.min() for a in found.values() for v in a.values())
    ]
    axes[0].set_yticks(ticks, [f"{t:g}" for t in ticks])
    axes[0].set_ylabel("MNIST test error, %")
    return figure


def colours(found: Mapping[str, Mapping[str, Sequence[float]]]) -> plt.Figure:
    """Test accuracy of teacher, backprop and FitNet, one panel a data set, seeds as dots."""
    figure, axes = plt.subplots(1, len(found), figsize=(8, 3.4))
    for axis, (name, arms) in zip(axes, found.items(), strict=True):
        for i, (_arm, values) in enumerate(arms.items()):
            axis.plot(i, np.mean(values), "s", color=SHADES[0], markersize=8)
            axis.plot([i + 0.12] * len(values), values, "o", color="0.6", markersize=4)
        axis.set_xticks(range(len(arms)), list(arms))
        axis.set(title=name, xlim=(-0.5, len(arms) - 0.5), ylabel="test accuracy, %")
    return figure


def speed(sizes: pd.DataFrame) -> plt.Figure:
    """Measured speed-up over the ratio of multiplications, both logarithmic, with the paper's."""
    figure, axis = plt.subplots(figsize=(6.5, 4.2))
    ratio = sizes.loc["teacher", "multiplications"] / sizes["multiplications"]
    nets = sizes.index != "teacher"
    for i, column in enumerate(c for c in sizes if c.startswith("speed-up")):
        axis.plot(ratio[nets], sizes.loc[nets, column], MARKERS[i], color=SHADES[i], markersize=7, label=column)
    axis.plot(
        ratio[nets], sizes.loc[nets, "the paper's speed-up"], "x", color="0.35", markersize=8, label="the paper (GPU)"
    )
    limits = [0.8 * ratio[nets].min(), 1.2 * ratio[nets].max()]
    axis.plot(limits, limits, label="as many times fewer multiplications", **PAPER)
    for name in sizes.index[nets]:
        axis.annotate(name, (ratio[name], limits[0]), fontsize=8, ha="center")
    log_axis(axis, (1, 2, 5, 10, 20))
    axis.set(yscale="log", xlabel="teacher's multiplications / the net's", ylabel="speed-up")
    axis.set_yticks((1, 2, 5, 10, 20), ["1", "2", "5", "10", "20"])
    axis.legend(fontsize=8)
    return figure
