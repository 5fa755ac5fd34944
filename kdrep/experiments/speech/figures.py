"""The plots of the speech notebooks."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from kdrep.report.figures import LINES, MARKERS, SHADES, bands, log_axis

EIGHT = (*MARKERS, "X", "*")  # markers, for there are more conditions than shades


def settling(changes: Mapping[str, Sequence[float]], likelihoods: Mapping[str, Sequence[float]]) -> plt.Figure:
    """Labels that change, and the log likelihood of a frame, over the rounds of re-estimation; a line a condition."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4))
    for i, name in enumerate(changes):
        style = dict(color=SHADES[i % 6], marker=EIGHT[i % 8], linestyle=LINES[(i + i // 6) % 6], markersize=4)
        left.plot(range(1, len(changes[name]) + 1), [100 * c for c in changes[name]], label=name, **style)
        right.plot(range(1, len(likelihoods[name]) + 1), likelihoods[name], **style)
    left.set(yscale="log", xlabel="round", ylabel="labels that change, %")
    left.yaxis.set_major_formatter("{x:g}")
    right.set(xlabel="round", ylabel="log likelihood a frame, nats")
    left.legend(title="tested on", fontsize=7, title_fontsize=8)
    return figure


def aligned(features, labels: Sequence[int], phones: Sequence[str], words: Sequence[str]) -> plt.Figure:
    """Log-mel features (frames, 40) of an utterance with its forced alignment: a line at every change of phone."""
    figure, axis = plt.subplots(figsize=(9.5, 3.2))
    axis.imshow(np.asarray(features).T, origin="lower", aspect="auto", cmap="Greys", interpolation="nearest")
    names = [phones[label] for label in labels]
    edges = [0, *[t for t in range(1, len(names)) if names[t] != names[t - 1]], len(names)]
    for start, end in zip(edges, edges[1:], strict=False):
        axis.axvline(start - 0.5, color=SHADES[1], linewidth=0.8)
        axis.text((start + end) / 2 - 0.5, 40.2, names[start], ha="center", fontsize=7, color=SHADES[1])
    axis.set(xlabel="time, frames of 10 ms", ylabel="mel filter")
    axis.set_title(" ".join(words), pad=16)
    return figure


def heat_maps(maps: Mapping[str, np.ndarray], labels: Sequence[int], phones: Sequence[str]) -> plt.Figure:
    """Posteriors (frames, states) of one utterance: of the states that occur in it and, on top, of all others
    together; the alignment as a line."""
    shown = sorted(set(labels), key=list(labels).index)
    figure, axes = plt.subplots(len(maps), 1, figsize=(9.5, 2.3 * len(maps)), sharex=True)
    for axis, (name, posterior) in zip(np.atleast_1d(axes), maps.items(), strict=True):
        own = np.asarray(posterior)[:, shown]
        drawn = np.column_stack([own, 1 - own.sum(1)]).T
        axis.imshow(drawn, origin="lower", aspect="auto", cmap="Greys", vmin=0, vmax=1, interpolation="nearest")
        axis.axhline(len(shown) - 0.5, color="0.6", linewidth=0.6)
        axis.plot([shown.index(label) for label in labels], color=SHADES[1], linewidth=0.8)
        axis.set(title=name, ylabel="state")
        firsts = [i for i, s in enumerate(shown) if i == 0 or phones[s] != phones[shown[i - 1]]]
        axis.set_yticks([*firsts, len(shown)], [*(phones[shown[i]] for i in firsts), "others"], fontsize=7)
    np.atleast_1d(axes)[-1].set_xlabel("time, frames of 10 ms")
    return figure


def ensemble_size(accuracy: np.ndarray, baseline: np.ndarray, published: float) -> plt.Figure:
    """Frame accuracy (speakers, members), in per cent, of ensembles of the first 1, 2, … members, less the members'
    mean (speakers,); the paper's gain, in points, as a line."""
    figure, axis = plt.subplots()
    gain = accuracy - baseline[:, None]
    lines = axis.plot(range(1, gain.shape[1] + 1), gain.T, color="0.75", linewidth=0.8)
    lines[0].set_label("one speaker")
    bands(axis, range(1, gain.shape[1] + 1), {"mean over speakers, 95 % interval": gain})
    if np.isfinite(published):
        axis.axhline(published, color="0.35", linestyle=":", label="the paper: ten members")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set(xlabel="members of the ensemble", ylabel="gain in frame accuracy, points")
    axis.legend()
    return figure


def kept(
    temperatures: Sequence[float], gains: np.ndarray, ensemble: float, control: float, published: float
) -> plt.Figure:
    """Gain of distilled models (speakers, temperatures) over the baseline, with the ensemble's and a control's."""
    figure, axis = plt.subplots()
    bands(axis, temperatures, {"distilled, mean over speakers": gains})
    axis.axhline(ensemble, color=SHADES[1], linestyle="--", label="the ensemble")
    axis.axhline(control, color="0.5", linestyle="-.", label="labels alone, as many steps")
    if np.isfinite(published):
        as_published = f"{100 * published:.0f} % of the ensemble's, as published"
        axis.axhline(ensemble * published, color="0.35", linestyle=":", label=as_published)
    log_axis(axis, temperatures)
    axis.set(xlabel="temperature T", ylabel="gain in frame accuracy, points")
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=8)
    axis.get_legend().remove()
    return figure
