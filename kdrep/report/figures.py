"""One style, and the plots. Series differ in shade, marker and line, so that grey will do."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.ticker import MaxNLocator, NullFormatter

from kdrep.report.papers import CLAIMS, SAME_DATA
from kdrep.report.scorecard import CHECK, EFFECT, QUESTION
from kdrep.report.statistics import mean_interval
from kdrep.report.verdicts import judge

SHADES = ("#1b2a41", "#c1440e", "#3e8e7e", "#e0a030", "#7d6b9e", "#8a8a8a")
MARKERS = ("o", "s", "^", "D", "v", "P")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1)), (0, (3, 2)))
HATCHES = ("", "//", "xx", "..", "\\\\", "++", "oo")
REGION = dict(facecolor="none", edgecolor="0.75", hatch="///", linewidth=0)  # where the paper says something
COMPARED = (0.4, 2.5)  # times the paper's figure: what is worth comparing
OUTCOMES = {  # verdicts of three kinds of lines, drawn alike
    "reproduced, checked, answered yes": ("reproduced", "checked", "answered: yes"),
    "partly": ("partly",),
    "not reproduced, check failed, answered no": ("not reproduced", "check failed", "answered: no"),
    "not settled": ("not settled", "answered: not settled"),
    "reduced": ("reduced",),
    "stand-in": ("stand-in",),
    "not run": ("not run",),
}
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
            limits = [mean_interval(column) for column in values.T]
            low, high = ([getattr(limit, end) for limit in limits] for end in ("low", "high"))
            axis.fill_between(x, low, high, color=style["color"], alpha=0.15, linewidth=0)
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
        interval = mean_interval(seeds).within(0, 100 if "%" in label else np.inf)
        axis.plot(seeds, [i - 0.2] * len(seeds), "o", color="0.6", markersize=4)
        if interval.units > 1:
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
    """The rows measured on the paper's own data that have a published figure other than zero beside them, claim by
    claim; without those of nets smaller than the paper's."""
    reduced = {claim.id for claim in CLAIMS if judge(claim, rows).verdict == "reduced"}
    like = [r.dataset in SAME_DATA[r.claim[0]] and r.claim not in reduced for r in rows.itertuples()]
    chosen = rows[np.array(like, dtype=bool) & rows["published"].notna() & (rows["published"] != 0)]
    order = [claim.id for claim in CLAIMS]
    return chosen.sort_values("claim", key=lambda ids: ids.map(order.index), kind="stable").reset_index(drop=True)


def forest(rows: pd.DataFrame) -> plt.Figure:
    """Ours over the paper's figure, with intervals, for comparable rows, from 0.4 to 2.5 times the paper's and arrows
    beyond; the marker says what came of the row's own need, if it has one."""
    marks = {"met": ("s", SHADES[0]), "missed": ("X", SHADES[0]), "not settled": ("o", "white"), "": (".", "0.5")}
    figure, axis = plt.subplots(figsize=(8.5, 1.2 + 0.27 * len(rows)))
    axis.axvline(1, **PAPER)
    for i, row in enumerate(rows.itertuples()):
        ratios = np.array([row.value, row.low, row.high]) / row.published
        value, *interval = np.clip(ratios, *COMPARED)
        axis.plot(interval, [i, i], color=SHADES[0], linewidth=1.2)
        for end, goes_on, arrow in zip(COMPARED, (ratios < COMPARED[0], ratios > COMPARED[1]), "<>", strict=True):
            if goes_on.any():
                axis.plot(end, i, arrow, color=SHADES[0], markersize=5)
        if COMPARED[0] <= ratios[0] <= COMPARED[1]:
            marker, filling = marks[row.need]
            axis.plot(value, i, marker, color=SHADES[0], markerfacecolor=filling, markersize=6)
    axis.set_yticks(range(len(rows)), [f"{r.claim}  {r.arm}, {r.quantity}" for r in rows.itertuples()], fontsize=8)
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set(xlabel="this run / the paper; bars are 95 % intervals, arrows go on", xlim=(0.38, 2.63))
    log_axis(axis, (0.4, 0.5, 0.7, 1, 1.4, 2, 2.5))
    style = dict(linestyle="", color=SHADES[0])
    named = {name: name or "no need" for name in marks if name in set(rows["need"])}
    shown = [
        plt.Line2D([], [], marker=marks[name][0], markerfacecolor=marks[name][1], label=label, **style)
        for name, label in named.items()
    ]
    figure.legend(handles=shown, loc="outside upper right", ncols=4, fontsize=8)
    return figure


def verdicts(card: pd.DataFrame) -> plt.Figure:
    """How many claims of effects, checks and questions came to what; variants and checks of claims are left out."""
    names = {EFFECT: "effects", CHECK: "checks", QUESTION: "questions"}
    own = card[card["kind"].isin(names)]
    groups = own["kind"].map(names)
    outcome = own["verdict"].map(lambda verdict: next(name for name, those in OUTCOMES.items() if verdict in those))
    counts = pd.crosstab(groups, outcome).reindex(index=[*names.values()][::-1], columns=[*OUTCOMES], fill_value=0)
    figure, axis = plt.subplots(figsize=(8.5, 2.6))
    left = np.zeros(len(counts))
    for i, (name, width) in enumerate(counts.items()):
        shade = 0.15 + 0.8 * i / (len(OUTCOMES) - 1)
        style = dict(color=str(shade), edgecolor="0.9" if shade < 0.5 else "0.3", hatch=HATCHES[i])
        axis.barh(counts.index, width, left=left, linewidth=0.5, label=name, **style)
        for y, (start, count) in enumerate(zip(left, width, strict=True)):
            if count:
                box = dict(facecolor="white", edgecolor="none", pad=1.5)
                axis.text(start + count / 2, y, str(count), ha="center", va="center", fontsize=9, bbox=box)
        left += width.to_numpy()
    axis.set_xlabel("claims")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.legend(loc="outside lower center", ncols=3, fontsize=8)
    return figure
