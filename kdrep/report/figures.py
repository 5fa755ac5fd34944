"""One style, and the plots. Series differ in shade, marker and line, so that grey will do."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

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


def softmax(logits, published: Mapping[float, Sequence[float]]) -> plt.Figure:
    """Probabilities of the worked example's logits (3,) over T, with the reference values as crosses."""
    figure, axis = plt.subplots()
    grid = np.logspace(0, np.log10(50), 100)
    z = np.asarray(logits)
    q = np.exp(z / grid[:, None])
    q /= q.sum(1, keepdims=True)
    for i, logit in enumerate(z):
        axis.plot(grid, q[:, i], color=SHADES[i], linestyle=LINES[i], label=f"logit {logit:g}")
        axis.plot(
            list(published),
            [values[i] for values in published.values()],
            "x",
            color=SHADES[i],
            markersize=8,
            markeredgewidth=2,
        )
    axis.plot([], [], "x", color="0.3", label="equation 1, five decimals")
    log_axis(axis, (1, 2, 5, 10, 20, 50))
    axis.set(xlabel="temperature T", ylabel="probability", ylim=(0, 1))
    axis.legend()
    return figure


def softening(image, logits, temperatures: Sequence[float]) -> plt.Figure:
    """An image (H, W) and its soft targets at several temperatures; logits (10,)."""
    figure, axes = plt.subplots(1, len(temperatures) + 1, figsize=(9.5, 2.1))
    axes[0].imshow(image, cmap="gray_r")
    axes[0].set_axis_off()
    z = np.asarray(logits, dtype=float)
    for axis, temperature in zip(axes[1:], temperatures, strict=True):
        q = np.exp((z - z.max()) / temperature)
        axis.bar(range(len(z)), q / q.sum(), color=SHADES[0])
        axis.set(ylim=(0, 1), xticks=range(0, len(z), 3), xlabel="class", title=f"T = {temperature:g}")
        axis.tick_params(labelleft=axis is axes[1])
    axes[1].set_ylabel("probability")
    return figure


def gradient_norms(temperatures: Sequence[float], norms: Mapping[str, np.ndarray]) -> plt.Figure:
    """Norms of the weights' gradient over T, one line a term, both axes logarithmic."""
    figure, axis = plt.subplots()
    bands(axis, temperatures, norms)
    log_axis(axis, (1, 2, 5, 10, 20, 50, 100))
    axis.set(yscale="log", xlabel="temperature T", ylabel="norm of the gradient in all weights")
    return figure


def limit(temperatures: Sequence[float], found: np.ndarray) -> plt.Figure:
    """Exact against logit-matching gradient, (seeds, 2, temperatures): ratio of norms and cosine, which go to one."""
    figure, axis = plt.subplots()
    axis.axhline(1, label="the limit", **PAPER)
    bands(axis, temperatures, {"ratio of norms": found[:, 0], "cosine": found[:, 1]})
    log_axis(axis, (1, 3, 10, 30, 100, 300, 1000))
    axis.set(xlabel="temperature T", ylabel="exact against logit-matching gradient", ylim=(0, None))
    return figure


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


def digit_bars(image, probabilities, temperature: float) -> plt.Figure:
    """An image (H, W) beside its soft targets (10,) at one temperature."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.5, 2.4), width_ratios=(1, 2.4))
    left.imshow(image, cmap="gray_r")
    left.set_axis_off()
    right.bar(range(10), probabilities, color=SHADES[0])
    right.set(xticks=range(10), ylim=(0, 1), xlabel="class", ylabel="probability", title=f"T = {temperature:g}")
    plt.close(figure)  # left open, a slider shows it twice
    return figure


def gallery(images, titles: Sequence[str], columns: int) -> plt.Figure:
    """Images (N, H, W) in a grid, each with a line of text above it."""
    rows = -(-len(titles) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(1.25 * columns, 1.6 * rows), squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, image, title in zip(axes.flat, images, titles, strict=False):
        axis.imshow(image, cmap="gray_r")
        axis.set_title(title, fontsize=8, loc="center")
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
