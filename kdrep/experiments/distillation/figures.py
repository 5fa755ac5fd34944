"""The plots of the notebook on distillation."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np

from kdrep.report.figures import LINES, PAPER, SHADES, bands, log_axis


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
