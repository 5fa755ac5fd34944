"""Populations against nets trained one after another, the regularised teacher, maxout nets in processes, peak memory.

Every case runs in a process of its own, so that its peak memory is its own.
"""

import multiprocessing
import re
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch
from distillation import operations
from matplotlib.ticker import LogLocator, NullFormatter

from kdrep.experiments.fitnets.training import channels_last
from kdrep.learning.augment import Jitter
from kdrep.learning.distill import DistillationLoss
from kdrep.learning.training import Recipe, native_precision, train
from kdrep.nets.maxout import MNIST, MNIST_STUDENT, MaxoutNet
from kdrep.nets.mlp import MNIST_TEACHER, mlp, multiplications
from kdrep.nets.population import Population
from kdrep.report import figures
from kdrep.run.doctor import matrix_speed

STATUS = Path("/proc/self/status")
WIDTHS, MEMBERS, BATCHES = (30, 100, 300, 800, 1200), (1, 3, 10, 30, 100), (32, 128, 512, 2048)
LARGEST = 60e6  # weights of a population that a small machine should train
STEPS, BATCH, ROUNDS = 20, 128, 3
IMAGES = (1_280, 5_120, 20_480, 81_920)
ACOUSTIC = {"cpu": (1040, *[192] * 8, 99), "cuda": (1040, *[2560] * 8, 99)}  # of profiles quick and full
TEACHER_TARGET, ENSEMBLE_TARGET = 50, 4  # per cent of the ceiling; ten acoustic models in so many times the time of one


def step_seconds(nets: Sequence[torch.nn.Module], inputs: Callable, batch: int, recipe: dict, device: str) -> float:
    """Seconds of one step of all nets, one after another, warm: medians of several rounds."""
    precision, examples = native_precision(device)[0], torch.arange(batch * STEPS, device=device)
    total = 0.0
    for net in nets:
        loss = DistillationLoss(len(net), None, examples % 10, hard_weight=1.0)
        options = dict(examples=examples, seed=0, precision=precision)
        rounds = []
        for count in (1, *[2] * ROUNDS):  # the first epoch is the warm-up
            start = time.perf_counter()
            train(net.to(device), inputs, loss, Recipe(epochs=count, batch_size=batch, **recipe), **options)
            rounds.append((time.perf_counter() - start) / (count * STEPS))
        total += statistics.median(rounds[1:])
    return total


def population_case(
    sizes: Sequence[int], members: int, together: bool, device: str, batch: int = BATCH
) -> tuple[float, float]:
    """Milliseconds a step and peak memory in MB of `members` nets of these sizes, together or one after another."""
    drawn = torch.rand(batch * STEPS, sizes[0], generator=torch.Generator().manual_seed(0))
    inputs = drawn.to(device, native_precision(device)[0])
    groups = [range(members)] if together else [[m] for m in range(members)]
    nets = (Population(sizes, seeds) for seeds in groups)
    return 1e3 * step_seconds(nets, lambda index, _: inputs[index], batch, {}, device), peak_memory(device)


def epoch_case(images: int, device: str) -> tuple[float, float]:
    """Milliseconds of one epoch of a net of 300 units over so many images, and peak memory in MB."""
    drawn = torch.rand(images, 784).to(device, native_precision(device)[0])
    examples, rounds = torch.arange(images, device=device), []
    loss = DistillationLoss(1, None, examples % 10, hard_weight=1.0)
    options = dict(examples=examples, seed=0, precision=native_precision(device)[0])
    for _ in range(1 + ROUNDS):
        start = time.perf_counter()
        net = Population(mlp(300), [0]).to(device)
        train(net, lambda index, _: drawn[index], loss, Recipe(epochs=1, batch_size=BATCH), **options)
        rounds.append(time.perf_counter() - start)
    return 1e3 * statistics.median(rounds[1:]), peak_memory(device)


def teacher_case(device: str) -> tuple[float, float]:
    """Seconds of 60,000 images with dropout, jitter and bounded norms, and peak memory in MB."""
    batch = 512
    images = torch.randint(0, 256, (batch * STEPS, 28, 28), dtype=torch.uint8, device=device)
    recipe = dict(max_norm=3.0, dropout=(0.1, 0.3, 0.3))
    jitter = Jitter(images, 2, native_precision(device)[0])
    seconds = step_seconds([Population(MNIST_TEACHER, [0], recipe["dropout"])], jitter, batch, recipe, device)
    return seconds * 60_000 / batch, peak_memory(device)


def maxout_case(times_as_wide: int, members: int, threads: int, device: str) -> tuple[float, float]:
    """Milliseconds a step and peak memory in MB of FitNets on MNIST, one after another, with so many threads."""
    torch.set_num_threads(threads)
    layers = [layer._replace(channels=times_as_wide * layer.channels) for layer in MNIST_STUDENT]
    images = torch.rand(BATCH * STEPS, *MNIST).to(device, native_precision(device)[0])
    nets = (MaxoutNet(layers, MNIST, 10, seed) for seed in range(members))
    return 1e3 * step_seconds(nets, lambda i, _: channels_last(images[i]), BATCH, {}, device), peak_memory(device)


def peak_memory(device: str) -> float:
    """The largest memory in MB: what the GPU gave out, or what the process held."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 1e6
    if STATUS.exists():  # Linux hands a parent's ru_maxrss on to its children
        return int(re.search(r"VmHWM:\s*(\d+) kB", STATUS.read_text())[1]) / 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def idle_case(device: str) -> tuple[float, float]:
    """No time, and the memory in MB of a process that has but imported everything."""
    return 0.0, peak_memory(device)


def alone(function: Callable, *arguments, copies: int = 1) -> list[tuple[float, float]]:
    """What a case gives in a fresh process, or in several at once."""
    with ProcessPoolExecutor(copies, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as pool:
        return [future.result() for future in [pool.submit(function, *arguments) for _ in range(copies)]]


def print_teacher(device: str) -> None:
    """The regularised teacher's epoch against the ceiling."""
    ceiling = matrix_speed(native_precision(device)[0], device, 4096)
    ((seconds, memory),) = alone(teacher_case, device)
    achieved = 60_000 * operations(MNIST_TEACHER) / seconds / 1e9
    print(f"\nregularised teacher, batches of 512 (target: {TEACHER_TARGET} % of the ceiling)")
    print(
        f"{seconds:.2f} s for 60,000 images, {achieved:.0f} GFLOP/s, {100 * achieved / ceiling:.0f} %, {memory:.0f} MB"
    )


def print_populations(device: str) -> dict[tuple[int, int], float]:
    """Step times of populations and of the same nets one after another; those of the populations are returned."""
    ((_, idle),) = alone(idle_case, device)
    print(f"\nms a step of {BATCH} images: together (one after another), peak MB together ({idle:.0f} before training)")
    print("members".rjust(8) + "".join(f"{f'{width} units':>28}" for width in WIDTHS))
    found = {}
    for members in MEMBERS:
        cells = []
        for width in WIDTHS:
            if members * multiplications(mlp(width)) > LARGEST:
                cells.append("—")
                continue
            ((together, memory),) = alone(population_case, mlp(width), members, True, device)
            apart = together  # of one member both are the same program
            if members > 1:
                ((apart, _),) = alone(population_case, mlp(width), members, False, device)
            found[width, members] = together
            cells.append(f"{together:.1f} ({apart:.1f}), {memory:.0f}")
        print(f"{members:8}" + "".join(f"{cell:>28}" for cell in cells), flush=True)
    return found


def print_ensemble(device: str) -> None:
    """Ten acoustic models as one population against one of them."""
    ceiling = matrix_speed(native_precision(device)[0], device, 4096)
    sizes = ACOUSTIC[device]
    (one, _), (ten, memory) = (alone(population_case, sizes, members, True, device, 512)[0] for members in (1, 10))
    share = 100 * 10 * 512 * operations(sizes) / ten / 1e6 / ceiling
    print(f"\nten acoustic models of 8 x {sizes[1]} (target on a GPU: {ENSEMBLE_TARGET} times the time of one)")
    print(f"{ten:.1f} ms a step of 512 frames, one {one:.1f}: {ten / one:.1f} times; {share:.0f} %, {memory:.0f} MB")


def print_maxout(device: str) -> None:
    """Maxout nets are no population: several train in processes that share the machine."""
    count = torch.get_num_threads() if device == "cpu" else 6
    print(f"\n{count} FitNets on MNIST, ms a step of {BATCH} images: in processes (one after another), peak MB of each")
    for wide in (1, 2, 4):
        ((apart, _),) = alone(maxout_case, wide, count, torch.get_num_threads(), device)
        together = alone(maxout_case, wide, 1, 1, device, copies=count)
        slowest, memory = (max(values) for values in zip(*together, strict=True))
        name = "as published" if wide == 1 else f"{wide} times as wide"
        print(f"{name:>16}: {slowest:.1f} ({apart:.1f}), {memory:.0f}", flush=True)


def draw_growth(found: dict[tuple[int, int], float], device: str, path: Path) -> None:
    """Cost over images, images a step, members and width, both axes logarithmic."""
    figures.use_style()
    by_images = {images: alone(epoch_case, images, device)[0][0] for images in IMAGES}
    by_batch = {batch: alone(population_case, mlp(300), 1, True, device, batch)[0][0] for batch in BATCHES}
    series = {
        "images a step\n(one net of 300 units)": by_batch,
        "members\n(30 units a layer)": {m: found[30, m] for m in MEMBERS if (30, m) in found},
        "units a layer\n(one net)": {w: found[w, 1] for w in WIDTHS if (w, 1) in found},
    }
    figure, (first, *axes) = figures.plt.subplots(1, 4, figsize=(12, 3.2))
    first.loglog(list(by_images), list(by_images.values()), "o-", color=figures.SHADES[0])
    first.set(xlabel=f"images, {BATCH} a step\n(one net of 300 units)", ylabel="ms an epoch")
    for axis, (label, values) in zip(axes, series.items(), strict=True):
        axis.sharey(axes[0])
        axis.loglog(list(values), list(values.values()), "o-", color=figures.SHADES[0])
        axis.set_xlabel(label)
    axes[0].set_ylabel("ms a step")
    for axis in (first, axes[0]):
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter(NullFormatter())
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    print(f"\n{path} shows how the cost grows")


def report(device: str, path: Path) -> None:
    """Measure everything, print it, and draw how costs grow into a file."""
    print_teacher(device)
    found = print_populations(device)
    print_ensemble(device)
    print_maxout(device)
    draw_growth(found, device, path)
