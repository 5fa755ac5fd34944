"""The plots of the notebook on soft targets."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from kdrep.report.figures import LINES, SHADES, bands, log_axis


def part_curves(shares: Sequence[float], curves: Mapping[str, np.ndarray], label: str, published=None) -> plt.Figure:
    """Accuracy (seeds, shares) over the share of the data; `published`: (share, value, caption, side) of the
    paper, the caption on that side of its mark."""
    figure, axis = plt.subplots()
    bands(axis, shares, curves)
    log_axis(axis, shares)
    for share, value, caption, side in published or ():
        if not np.isfinite(value):
            continue
        axis.plot(share, value, "x", color="0.35", markersize=8, markeredgewidth=2)
        shift, ha = (-7, "right") if side == "left" else (7, "left")
        axis.annotate(caption, (share, value), xytext=(shift, -3), textcoords="offset points", ha=ha, fontsize=8)
    axis.set(xlabel="share of the training data, %", ylabel=label)
    axis.legend(fontsize=8)
    return figure


def learning_curves(rows: Mapping[str, Mapping[str, Mapping[str, np.ndarray]]]) -> plt.Figure:
    """Curves (seeds, epochs) over epochs: a row of panels for each quantity, a panel for each of its arms, a line for
    each of an arm's parts; bands are the range over seeds."""
    columns = max(map(len, rows.values()))
    size = dict(figsize=(max(5.0, 4.6 * columns), 3.0 * len(rows) + 0.6), sharex="col", sharey="row", squeeze=False)
    figure, grid = plt.subplots(len(rows), columns, **size)
    for axes, (label, panels) in zip(grid, rows.items(), strict=True):
        axes[0].set_ylabel(label)
        for axis, (name, lines) in zip(axes, panels.items(), strict=True):
            axis.set_title(name)
            for i, (part, values) in enumerate(lines.items()):
                epochs = range(1, values.shape[1] + 1)
                axis.plot(epochs, values.mean(0), color=SHADES[i], linestyle=LINES[i], label=part)
                axis.fill_between(epochs, values.min(0), values.max(0), color=SHADES[i], alpha=0.15, linewidth=0)
    for axis in grid[-1]:
        axis.set_xlabel("epoch")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    grid[0, 0].legend(fontsize=8)
    return figure
