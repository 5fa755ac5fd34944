"""Figures of the notebook on FitNets."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import NullFormatter

from kdrep.report.figures import LINES, MARKERS, PAPER, SHADES, log_axis
from kdrep.report.statistics import Interval, geometric_mean, mean_interval


def recipes(
    found: Mapping[str, Mapping[str, Sequence[float]]], label: str, published: Mapping[str, float], teacher: float
) -> plt.Figure:
    """Every arm of every recipe: seeds as dots, geometric means with intervals (for one seed at chance would carry an
    arithmetic one away), the paper's figures and our teacher's."""
    arms = list(next(iter(found.values())))
    published = {arm: value for arm, value in published.items() if np.isfinite(value)}
    figure, axis = plt.subplots(figsize=(8, 1 + 0.75 * len(arms)))
    for i, (kind, values) in enumerate(found.items()):
        for row, arm in enumerate(arms):
            interval, y = geometric_mean(values[arm]), row + 0.24 * (i - 0.5)
            axis.plot(values[arm], [y] * len(values[arm]), "o", color=SHADES[i], alpha=0.4, markersize=4)
            if np.isfinite(interval.high):
                axis.plot([interval.low, interval.high], [y, y], color=SHADES[i], linewidth=1.5)
            axis.plot(
                interval.value,
                y,
                MARKERS[i],
                color=SHADES[i],
                markersize=7,
                label=f"{kind} recipe" if row == 0 else None,
            )
    for row, arm in enumerate(arms):
        if arm in published:
            axis.plot(
                [published[arm]] * 2, [row - 0.4, row + 0.4], label="the paper's figure" if row == 0 else None, **PAPER
            )
    axis.axvline(teacher, color="0.8", linewidth=1, label="our teacher", zorder=0)
    axis.set_yticks(range(len(arms)), arms)
    axis.set_ylim(len(arms) - 0.4, -0.6)
    ours = [error for errors in found.values() for seeds in errors.values() for error in seeds]
    shown = [teacher, *published.values(), *ours]
    limits = 0.7 * min(shown), 1.4 * max(shown)
    log_axis(axis, [t for t in (0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 20, 50, 90) if limits[0] < t < limits[1]])
    axis.set(xlabel=label, xlim=limits)
    figure.legend(loc="outside upper right", ncols=4, fontsize=8)
    return figure


def curriculum(curves: Mapping[str, np.ndarray]) -> plt.Figure:
    """Teacher's entropy on the hardest tenth over that on all, (epochs, 3) an arm: with lambda as it is in that epoch,
    as it was at first, and as it is at last."""
    figure, axes = plt.subplots(1, len(curves), figsize=(10, 3.2), sharey=True)
    for axis, (name, values) in zip(axes, curves.items(), strict=True):
        epochs = range(1, len(values) + 1)
        for i, (label, column) in enumerate(
            zip(("λ as it falls", "λ as at first", "λ as at last"), values.T, strict=True)
        ):
            axis.plot(epochs, column, color=SHADES[i], marker=MARKERS[i], linestyle=LINES[i], label=label)
        axis.axhline(1, color="0.8", linewidth=1)
        axis.set(title=name, xlabel="epoch", xticks=list(epochs))
    axes[0].set_ylabel("teacher's entropy,\nhardest tenth / all")
    axes[-1].legend(fontsize=8)
    return figure


def few_images(counts: Mapping[str, Sequence[int]], found: Mapping[str, Mapping[str, np.ndarray]]) -> plt.Figure:
    """Test error over the number of images, one panel per recipe; (seeds, counts) an arm."""
    figure = panels(counts, found, "training images of the student", apart=0.06)
    every = sorted({count for kind in found for count in counts[kind]})
    for axis in figure.axes:
        log_axis(axis, every)
        axis.set_xlim(0.8 * every[0], 1.25 * every[-1])
    return figure


def which_layer(found: Mapping[int, Mapping[int, Sequence[float]]], unaided: Sequence[float], label: str) -> plt.Figure:
    """Error over the guided layer, a line for each layer of the teacher that gives the hint: means with intervals, and
    seeds as dots; without a hint as a line with its interval as a band."""
    figure, axis = plt.subplots(figsize=(7.5, 4))
    for i, (hint, by_layer) in enumerate(found.items()):
        intervals = {layer: mean_interval(errors) for layer, errors in by_layer.items()}
        places = np.array(list(by_layer)) + 0.12 * (i - (len(found) - 1) / 2)
        style = dict(color=SHADES[i], linestyle=LINES[i], marker=MARKERS[i])
        axis.plot(places, [m.value for m in intervals.values()], label=f"hint from layer {hint}", **style)
        axis.vlines(places, [m.low for m in intervals.values()], [m.high for m in intervals.values()], color=SHADES[i])
        for place, errors in zip(places, by_layer.values(), strict=True):
            axis.plot([place + 0.04] * len(errors), errors, ".", color=SHADES[i], alpha=0.5)
    none = mean_interval(unaided)
    axis.axhline(none.value, color="0.5", linewidth=1, linestyle=":", label="no hint (KD)")
    if np.isfinite(none.low):
        axis.axhspan(none.low, none.high, color="0.9", zorder=0)
    layers = sorted({layer for by_layer in found.values() for layer in by_layer})
    axis.set(xlabel="guided layer of the student", xticks=layers, ylabel=label, ylim=(0, None))
    axis.legend(fontsize=8)
    return figure


def depth(
    depths: Mapping[str, Sequence[int]], found: Mapping[str, Mapping[str, np.ndarray]], chance: float
) -> plt.Figure:
    """Test error over the number of layers, one panel per recipe; (seeds, depths) an arm; chance as a line."""
    figure = panels(depths, found, "layers")
    for axis, kind in zip(figure.axes, found, strict=True):
        axis.axhline(chance, label="chance", **PAPER)
        axis.set_xticks(list(depths[kind]))
    figure.axes[0].legend(fontsize=8)
    return figure


def panels(
    x: Mapping[str, Sequence[int]], found: Mapping[str, Mapping[str, np.ndarray]], label: str, apart: float = 0.0
) -> plt.Figure:  # fmt: skip
    """One panel a recipe, test error upwards, logarithmic: means as lines, seeds as dots, their range as a band; arms
    `apart` by a share of x, so that they do not lie on one another."""
    figure, axes = plt.subplots(1, len(found), figsize=(1 + 4 * len(found), 3.9), sharey=True, squeeze=False)
    for axis, (kind, arms) in zip(axes[0], found.items(), strict=True):
        for i, (arm, values) in enumerate(arms.items()):
            style = dict(color=SHADES[i], linestyle=LINES[i], marker=MARKERS[i])
            places = np.array(x[kind]) * (1 + apart * (i - 1))
            axis.plot(places, values.mean(0), label=arm, **style)
            axis.fill_between(places, values.min(0), values.max(0), color=SHADES[i], alpha=0.15, linewidth=0)
            for seed in values:
                axis.plot(places, seed, ".", color=SHADES[i], alpha=0.5, markersize=4)
        axis.set(title=f"{kind} recipe", xlabel=label, yscale="log")
        axis.yaxis.set_minor_formatter(NullFormatter())
    lowest = min(v.min() for arms in found.values() for v in arms.values())
    highest = max(v.max() for arms in found.values() for v in arms.values())
    ticks = [t for t in (0.5, 1, 2, 5, 10, 20, 50, 90) if 0.7 * lowest <= t <= 1.5 * highest]
    axes[0, 0].set_yticks(ticks, [f"{t:g}" for t in ticks])
    axes[0, 0].set_ylabel("MNIST test error, %")
    axes[0, 0].legend(fontsize=8)
    return figure


def colours(found: Mapping[str, Mapping[str, Sequence[float]]]) -> plt.Figure:
    """Test accuracy of teacher and arms, one panel for each data set, seeds as dots; the teacher's as a line."""
    figure, axes = plt.subplots(1, len(found), figsize=(8, 3.4))
    for axis, (name, arms) in zip(axes, found.items(), strict=True):
        for i, (_arm, values) in enumerate(arms.items()):
            axis.plot(i, np.mean(values), "s", color=SHADES[0], markersize=8, label="mean" if i == 0 else None)
            axis.plot(
                [i + 0.12] * len(values), values, "o", color="0.6", markersize=4, label="one seed" if i == 0 else None
            )
        axis.axhline(np.mean(arms["teacher"]), color="0.8", linewidth=1, label="teacher", zorder=0)
        axis.set_xticks(range(len(arms)), list(arms))
        axis.margins(y=0.15)
        axis.set(title=name, xlim=(-0.5, len(arms) - 0.5), ylabel="test accuracy, %")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=3, fontsize=8)
    return figure


def speed(sizes: pd.DataFrame, found: Mapping[str, Mapping[str, Interval]]) -> plt.Figure:
    """Speed-up of each net where it was measured, with intervals, the paper's and the ratio of multiplications,
    logarithmic."""
    nets = sizes.index[sizes.index != "teacher"]
    figure, axis = plt.subplots(figsize=(7, 4))
    places = np.arange(len(nets))
    for i, (where, intervals) in enumerate(found.items()):
        x, y = places + 0.12 * (i - 1), [intervals[net] for net in nets]
        axis.plot(x, [m.value for m in y], MARKERS[i], color=SHADES[i], markersize=8, label=where)
        axis.vlines(x, [m.low for m in y], [m.high for m in y], color=SHADES[i])
    paper, last = sizes.loc[nets, "the paper: speed-up"].astype(float), len(found)
    style = dict(color=SHADES[last], markersize=8, label="the paper (a GPU)")
    axis.plot(places + 0.12 * (last - 1), paper, MARKERS[last], **style)
    fewer = sizes.loc["teacher", "multiplications"] / sizes.loc[nets, "multiplications"]
    axis.plot(places, fewer, "_", color="0.4", markersize=24, label="times fewer multiplications")
    axis.set(yscale="log", ylabel="times as fast as the teacher", xticks=places)
    axis.set_xticklabels(nets)
    axis.yaxis.set_minor_formatter(NullFormatter())
    axis.set_yticks((0.5, 1, 2, 5, 10, 20), ["0.5", "1", "2", "5", "10", "20"])
    axis.legend(fontsize=8)
    return figure
