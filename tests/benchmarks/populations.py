"""Populations against nets trained one after another, the regularised teacher, maxout nets in processes, peak memory.

    python tests/benchmarks/populations.py [--figure growth.png]

Every case runs in a process of its own, so that its peak memory is its own; all of them in one run, beside the speed
of a large matrix product. `--figure` draws how the cost of a step grows with images, members and width.
"""

import argparse
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch

from kdrep import figures
from kdrep.augment import Jitter
from kdrep.distill import DistillationLoss
from kdrep.doctor import matrix_speed
from kdrep.fitnets import channels_last
from kdrep.maxout import MNIST, MNIST_STUDENT, MaxoutNet
from kdrep.models import MNIST_TEACHER, mlp, multiplications
from kdrep.population import Population
from kdrep.training import Recipe, faster_precision, train

WIDTHS, MEMBERS, BATCHES = (30, 100, 300, 800, 1200), (1, 3, 10, 30, 100), (32, 128, 512, 2048)
LARGEST = 60e6  # weights of a population that a small machine should train
STEPS, BATCH = 20, 128


def random_images(count: int) -> torch.Tensor:
    """Inputs (count, 784): their content does not change the cost."""
    return torch.rand(count, 784, generator=torch.Generator().manual_seed(0))


def step_seconds(nets: Sequence[torch.nn.Module], inputs: Callable, batch: int, recipe: dict) -> float:
    """Seconds of one step of all nets, one after another, warm."""
    precision, labels = faster_precision("cpu"), torch.arange(batch * STEPS) % 10
    total = 0.0
    for net in nets:
        loss = DistillationLoss(len(net), None, labels, hard_weight=1.0)
        options = dict(examples=torch.arange(batch * STEPS), seed=0, precision=precision)
        for count in (1, 2):  # the first epoch is the warm-up
            start = time.perf_counter()
            train(net, inputs, loss, Recipe(epochs=count, batch_size=batch, **recipe), **options)
        total += (time.perf_counter() - start) / (2 * STEPS)
    return total


def population_case(width: int, members: int, together: bool, batch: int = BATCH) -> tuple[float, float]:
    """Milliseconds a step and peak memory in MB of `members` nets of one width, together or one after another."""
    images = random_images(batch * STEPS).to(faster_precision("cpu"))
    groups = [range(members)] if together else [[m] for m in range(members)]
    nets = (Population(mlp(width), seeds) for seeds in groups)
    return 1e3 * step_seconds(nets, lambda index, _: images[index], batch, {}), peak_memory()


def teacher_case() -> tuple[float, float]:
    """Seconds of 60,000 images with dropout, jitter and bounded norms, and peak memory in MB."""
    batch = 512
    images = torch.randint(0, 256, (batch * STEPS, 28, 28), dtype=torch.uint8)
    recipe = dict(max_norm=3.0, dropout=(0.1, 0.3, 0.3))
    jitter = Jitter(images, 2, faster_precision("cpu"))
    seconds = step_seconds([Population(MNIST_TEACHER, [0], recipe["dropout"])], jitter, batch, recipe)
    return seconds * 60_000 / batch, peak_memory()


def maxout_case(threads: int) -> tuple[float, float]:
    """Milliseconds a step of a FitNet on MNIST with so many threads, and peak memory in MB."""
    torch.set_num_threads(threads)
    images = torch.rand(BATCH * STEPS, *MNIST).to(faster_precision("cpu"))
    net = MaxoutNet(MNIST_STUDENT, MNIST, 10, 0)
    return 1e3 * step_seconds([net], lambda index, _: channels_last(images[index]), BATCH, {}), peak_memory()


def peak_memory() -> float:
    """The process's largest resident memory in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def alone(function: Callable, *arguments, copies: int = 1) -> list[tuple[float, float]]:
    """What a case gives in a fresh process, or in several at once."""
    with ProcessPoolExecutor(copies, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as pool:
        return [future.result() for future in [pool.submit(function, *arguments) for _ in range(copies)]]


def print_teacher(ceiling: float) -> None:
    """The regularised teacher's epoch against the ceiling."""
    ((seconds, memory),) = alone(teacher_case)
    products = 2 * 60_000 * (3 * multiplications(MNIST_TEACHER) - MNIST_TEACHER[0] * MNIST_TEACHER[1]) / 1e9
    print(f"\nregularised teacher, batch 512: {seconds:.2f} s for 60,000 images, {products / seconds:.0f} GFLOP/s, "
          f"{100 * products / seconds / ceiling:.0f} % of the ceiling, {memory:.0f} MB")  # fmt: skip


def print_populations() -> dict[tuple[int, int], float]:
    """Step times of populations and of the same nets one after another; those of the populations are returned."""
    print(f"\nms a step of batch {BATCH}: together (one after another), peak MB together")
    print("members".rjust(8) + "".join(f"{f'{width} units':>28}" for width in WIDTHS))
    found = {}
    for members in MEMBERS:
        cells = []
        for width in WIDTHS:
            if members * multiplications(mlp(width)) > LARGEST:
                cells.append("—")
                continue
            ((together, memory),) = alone(population_case, width, members, True)
            ((apart, _),) = alone(population_case, width, members, False)
            found[width, members] = together
            cells.append(f"{together:.1f} ({apart:.1f}), {memory:.0f}")
        print(f"{members:8}" + "".join(f"{cell:>28}" for cell in cells), flush=True)
    return found


def print_maxout() -> None:
    """Maxout nets are no population: several train in processes that share the cores."""
    threads = torch.get_num_threads()
    ((one, memory),) = alone(maxout_case, threads)
    many = alone(maxout_case, 1, copies=threads)
    shared = max(ms for ms, _ in many) / threads
    print(f"\nFitNet on MNIST, ms a step of batch {BATCH} a net: one after another with {threads} threads {one:.1f}, "
          f"in {threads} processes {shared:.1f}; {memory:.0f} MB each")  # fmt: skip


def draw_growth(found: dict[tuple[int, int], float], path: Path) -> None:
    """Cost of a step over images a step, members and width, both axes logarithmic."""
    figures.use_style()
    by_batch = {batch: alone(population_case, 300, 1, True, batch)[0][0] for batch in BATCHES}
    series = {
        "images a step (one net of 300 units)": by_batch,
        "members (30 units)": {m: found[30, m] for m in MEMBERS if (30, m) in found},
        "units a layer (one net)": {w: found[w, 1] for w in WIDTHS if (w, 1) in found},
    }
    figure, axes = figures.plt.subplots(1, 3, figsize=(10, 3.2), sharey=True)
    for axis, (label, values) in zip(axes, series.items(), strict=True):
        axis.loglog(list(values), list(values.values()), "o-", color=figures.SHADES[0])
        axis.set_xlabel(label)
    axes[0].set_ylabel("ms a step")
    figure.savefig(path)
    print(f"\n{path} shows how the cost grows")


def main() -> None:
    """Measure everything, and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figure", type=Path, help="draw the growth of costs into this file")
    path = parser.parse_args().figure
    os.environ["TQDM_DISABLE"] = "1"  # in the processes of the cases
    ceilings = {dtype: matrix_speed(dtype, "cpu", 4096) for dtype in (torch.float32, torch.bfloat16)}
    print("a 4096 matrix product: " + ", ".join(f"{v:.0f} GFLOP/s in {k}" for k, v in ceilings.items()))
    print_teacher(max(ceilings.values()))
    found = print_populations()
    print_maxout()
    if path:
        draw_growth(found, path)


if __name__ == "__main__":
    main()
