"""One style, and the plots. Series differ in shade, marker and line, so that grey will do."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.ticker import NullFormatter

from kdrep.report.papers import SAME_DATA, claim
from kdrep.report.statistics import mean_interval

SHADES = ("#1b2a41", "#c1440e", "#3e8e7e", "#e0a030", "#7d6b9e", "#8a8a8a")
MARKERS = ("o", "s", "^", "D", "v", "P")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1)), (0, (3, 2)))
HATCHES = ("", "//", "xx", "..", "\\\\", "++")
REGION = dict(facecolor="none", edgecolor="0.75", hatch="///", linewidth=0)  # where the paper says something
PAPER = dict(color="0.35", linestyle=(0, (1, 1.5)), linewidth=1.6)


def use_style() -> None:
    """Set the project's style for every figure that follows."""
    sns.set_theme(style="ticks", context="notebook", palette=list(SHADES))
    plt.rcParams.update(
        {
            "figure.figsize": (7.5, 4.2), "figure.dpi": 96, "savefig.dpi": 120, "figure.constrained_layout.use": True,
            "axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": "medium",
            "axes.titlelocation": "left",
            "legend.frameon": False, "lines.markersize": 5, "font.size": 10,
        }
    )  # fmt: skip


def log_axis(axis, ticks: Sequence[float]) -> None:
    """Make the x axis logarithmic, with plain numbers at `ticks`."""
    axis.set_xscale("log")
    axis.set_xticks(list(ticks), [f"{tick:g}" for tick in ticks])
    axis.xaxis.set_minor_formatter(NullFormatter())


def bands(axis, x: Sequence[float], series: Mapping[str, np.ndarray]) -> None:
    """One line a series of (seeds, len(x)) values: the mean, with Student's 95 % interval as a band.
    A series may go without a name."""
    for i, (label, values) in enumerate(series.items()):
        values = np.atleast_2d(np.asarray(values, dtype=float))
        style = dict(color=SHADES[i % 6], marker=MARKERS[i % 6], linestyle=LINES[i % 6])
        axis.plot(x, values.mean(0), label=label, **style)
        if len(values) > 1:
            limits = [mean_interval(column)[1:] for column in values.T]
            axis.fill_between(x, *np.transpose(limits), color=style["color"], alpha=0.15, linewidth=0)
    if any(series):
        axis.legend()


def arms(
    values: Mapping[str, Sequence[float]], label: str, published: Mapping[str, float] | None = None,
    dot: str = "one seed",
) -> plt.Figure:  # fmt: skip
    """Every seed of every arm as a dot, the mean with its interval, and the paper's figure as a dotted mark."""
    figure, axis = plt.subplots(figsize=(7.5, 0.8 + 0.55 * len(values)))
    published = {arm: value for arm, value in (published or {}).items() if np.isfinite(value)}
    for i, (arm, seeds) in enumerate(values.items()):
        interval = mean_interval(seeds)
        axis.plot(seeds, [i - 0.2] * len(seeds), "o", color="0.6", markersize=4)
        if np.isfinite(interval.low):
            axis.plot([interval.low, interval.high], [i, i], color=SHADES[0], linewidth=2)
        axis.plot(interval.value, i, "s", color=SHADES[0], markersize=7)
        if arm in published:
            axis.plot([published[arm]] * 2, [i - 0.38, i + 0.38], **PAPER)
    axis.set_yticks(range(len(values)), [f"{arm}: {np.mean(seeds):.4g}" for arm, seeds in values.items()])
    axis.set_ylim(len(values) - 0.4, -0.6)
    axis.set_xlabel(label)
    handles = [
        plt.Line2D([], [], marker="s", color=SHADES[0], label="mean, 95 % interval"),
        plt.Line2D([], [], marker="o", linestyle="", color="0.6", label=dot),
    ]
    if published:
        handles.append(plt.Line2D([], [], label="the paper", **PAPER))
    figure.legend(handles=handles, loc="outside upper right", ncols=3, fontsize=8)
    return figure


def heat(matrix, labels: Sequence, title: str, xlabel: str, ylabel: str, *, fmt: str = ".0f") -> plt.Figure:
    """An annotated square matrix, darker for more; a masked or NaN cell stays white."""
    figure, axis = plt.subplots(figsize=(6.4, 5.2))
    sns.heatmap(
        pd.DataFrame(np.asarray(matrix), index=labels, columns=labels), annot=True, fmt=fmt, cmap="Greys", cbar=False,
        ax=axis, linewidths=0.5, annot_kws={"size": 8},
    )  # fmt: skip
    axis.set(title=title, xlabel=xlabel, ylabel=ylabel)
    axis.tick_params(rotation=0, length=0)
    return figure


def comparable(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows measured on the paper's own data that have a published figure other than zero beside them."""
    same = pd.Series([r.dataset in SAME_DATA[r.claim[0]] for r in rows.itertuples()], index=rows.index, dtype=bool)
    return rows[same & rows["published"].notna() & (rows["published"] != 0)].reset_index(drop=True)


def forest(rows: pd.DataFrame) -> plt.Figure:
    """Ours over the paper's figure, with intervals, for comparable rows; the claim's verdict by marker, which is filled
    where the row is one that the verdict rests on."""
    marks = {"reproduced": "s", "partly": "D", "not reproduced": "X", "inconclusive": "o", "not run": "."}
    limits = (0.05, 20)
    figure, axis = plt.subplots(figsize=(8.5, 1.2 + 0.27 * len(rows)))
    axis.axvline(1, **PAPER)
    for i, row in enumerate(rows.itertuples()):
        ratios = np.array([row.value, row.low, row.high]) / row.published
        value, *interval = np.clip(ratios, *limits)
        axis.plot(interval, [i, i], color=SHADES[0])
        beyond = ((ratios.min() < limits[0], "<"), (ratios.max() > limits[1], ">"))
        for end, (goes_on, arrow) in zip(limits, beyond, strict=True):
            if goes_on:
                axis.plot(end, i, arrow, color=SHADES[0], markersize=4)
        decides = any((need.arm, need.quantity) == (row.arm, row.quantity) for need in claim(row.claim).needs)
        filling = SHADES[0] if decides else "white"
        axis.plot(value, i, marks[row.verdict], color=SHADES[0], markerfacecolor=filling, markersize=6)
    axis.set_yticks(range(len(rows)), [f"{r.claim}  {r.arm}, {r.quantity}" for r in rows.itertuples()], fontsize=8)
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set_xlabel("this run / the paper")
    low, high = axis.get_xlim()
    ticks = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20) if high > 10 * low else (0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5)
    log_axis(axis, [t for t in ticks if max(low, 0.04) <= t <= high])
    shown = [
        plt.Line2D([], [], linestyle="", marker=marks[v], color=SHADES[0], label=v)
        for v in marks
        if v in set(rows["verdict"])
    ]
    figure.legend(handles=shown, loc="outside upper right", ncols=5, fontsize=8)
    return figure


def verdicts(card: pd.DataFrame, order: Sequence[str]) -> plt.Figure:
    """How many claims of each paper have which verdict."""
    counts = card.groupby(["paper", "verdict"]).size().unstack(fill_value=0).reindex(columns=list(order), fill_value=0)
    figure, axis = plt.subplots(figsize=(8, 1.9))
    left = np.zeros(len(counts))
    for verdict, shade in zip(order, np.linspace(0.15, 0.95, len(order)), strict=True):
        width = counts[verdict].to_numpy()
        style = dict(
            color=str(shade), edgecolor="0.9" if shade < 0.5 else "0.3", hatch=HATCHES[list(order).index(verdict)]
        )
        axis.barh(counts.index, width, left=left, linewidth=0.5, label=verdict, **style)
        for y, (start, count) in enumerate(zip(left, width, strict=True)):
            if count:
                axis.text(
                    start + count / 2,
                    y,
                    str(count),
                    ha="center",
                    va="center",
                    fontsize=9,
                    bbox=dict(facecolor="white", edgecolor="none", pad=1.5),
                )
        left += width
    axis.set_xlabel("claims")
    figure.legend(loc="outside upper right", ncols=6, fontsize=8)
    return figure
