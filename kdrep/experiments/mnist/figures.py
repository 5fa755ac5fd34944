"""The plots of the notebook on MNIST."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

from kdrep.report.figures import MARKERS, PAPER, REGION, SHADES, bands, heat, log_axis


def sweep(temperatures: Sequence[float], tables: Mapping[int, np.ndarray], epochs: Mapping[int, int]) -> plt.Figure:
    """Test errors (seeds, temperatures) over T, one panel a width; the paper's regions shaded."""
    figure, axes = plt.subplots(1, len(tables), figsize=(2.9 * len(tables), 3.4), squeeze=False)
    for axis, (width, table) in zip(axes[0], tables.items(), strict=True):
        if width <= 30:
            axis.axvspan(2.5, 4, **REGION)
        elif width >= 300:  # of widths between, the paper says nothing
            axis.axvspan(8, max(temperatures), **REGION)
        bands(axis, temperatures, {"": table})
        log_axis(axis, (1, 3, 8, 20, 50))
        axis.set_title(
            f"{width} units a layer,\n{epochs[width]} epochs, {len(table)} seed{'s' * (len(table) > 1)}", fontsize=10
        )
        axis.set(xlabel="temperature T")
    axes[0][0].set_ylabel("test errors of the student")
    shade = plt.Rectangle((0, 0), 1, 1, label="the paper: lowest errors (30 units), level errors (300, 800)", **REGION)
    band = plt.Rectangle((0, 0), 1, 1, color=SHADES[0], alpha=0.15, label="95 % interval over seeds")
    figure.legend(handles=[shade, band], loc="outside lower center", ncols=2, fontsize=8)
    return figure


def bias_sweep(recovery, label: str, published: Sequence[tuple[float, float]]) -> plt.Figure:
    """Test errors over the shift of some biases, with the shifts that were chosen; `published`: the paper's errors
    without a shift and with its own, as (shift, errors)."""
    figure, axis = plt.subplots()
    curve = np.asarray(recovery.curve, dtype=float).T
    shifts = np.asarray(recovery.shifts)
    axis.plot(shifts, curve.T, color="0.75", linewidth=0.8)
    axis.plot(shifts, curve.mean(0), color=SHADES[0], label="mean of the seeds")
    if np.isfinite(published).all():
        axis.axvline(published[-1][0], label=f"the paper's shift, {published[-1][0]:g}", **PAPER)
        style = dict(color="0.35", markersize=8, markeredgewidth=2)
        axis.plot(*zip(*published, strict=True), "x", label="the paper's errors", **style)
    for i, (choice, measured) in enumerate(recovery.chosen.items()):
        at = float(np.mean(measured["shift"]))
        size = 5 + 2 * i  # choices that agree lie on one another
        errors = float(np.mean(measured["errors"]))
        axis.plot(at, errors, MARKERS[i], color=SHADES[1], markersize=size, fillstyle="none", label=choice)
    axis.set(xlabel=f"{label} (logits)", ylabel="test errors", yscale="log")
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    axis.yaxis.set_major_formatter(ScalarFormatter())
    axis.yaxis.set_minor_formatter(NullFormatter())
    figure.legend(loc="outside lower center", ncols=2, fontsize=8)
    return figure


def similarity(matrix) -> plt.Figure:
    """Where the probability goes that a digit's images do not get themselves, in per cent; matrix (10, 10)."""
    off = np.array(matrix, dtype=float)
    np.fill_diagonal(off, np.nan)
    off *= 100 / np.nansum(off, axis=1, keepdims=True)
    return heat(
        off,
        range(len(off)),
        "share of the probability of the other classes, %",
        "the teacher's class",
        "digit in the image",
    )
