"""How long notebooks take: measured on a reference machine, and what that comes to on this one."""

import heapq
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch

from kdrep.learning.training import dtype_name
from kdrep.run.parallel import side_by_side
from kdrep.run.stages import THREADS, on_threads

REFERENCE = {"float32": 190.0, "bfloat16": 830.0}  # GFLOP/s of a matrix product on the reference machine's cores
REFERENCE_CORES = 2
LONGEST = 2.0  # seconds for which a product is timed
START = 0.2  # minutes in which a kernel starts, whatever the machine computes


class Minutes(NamedTuple):
    """What a notebook takes on the reference machine in either precision, and the share of it that more cores do not
    shorten."""

    bfloat16: float
    float32: float
    serial: float


# In bfloat16 `thorough` was measured on the reference machine, and `quick` follows from its stages by the work that is
# left; in float32 notebooks 00, 02 and 04 of `quick` were measured on another machine and scaled by the product, the
# others by what those came to. The shares that more cores do not shorten come of `scheduled` on eight cores for 00, 02
# and 04 of `quick`, and are estimates for the others.
MINUTES = {
    "smoke": {
        "00_distillation": Minutes(0.1, 0.1, 1.0),
        "01_mnist": Minutes(0.2, 0.2, 1.0),
        "02_speech": Minutes(0.4, 0.4, 1.0),
        "03_specialists": Minutes(0.2, 0.2, 1.0),
        "04_soft_targets": Minutes(0.1, 0.1, 1.0),
        "05_fitnets": Minutes(0.4, 0.4, 1.0),
        "06_scorecard": Minutes(0.0, 0.0, 1.0),
    },
    "quick": {
        "00_distillation": Minutes(3.4, 11.0, 0.75),
        "01_mnist": Minutes(9.1, 30.0, 0.25),
        "02_speech": Minutes(7.6, 20.5, 0.05),
        "03_specialists": Minutes(10.0, 40.0, 0.4),
        "04_soft_targets": Minutes(5.3, 17.0, 0.4),
        "05_fitnets": Minutes(9.3, 43.0, 0.2),
        "06_scorecard": Minutes(0.0, 0.0, 1.0),
    },
    "thorough": {
        "00_distillation": Minutes(4.5, 14.5, 0.75),
        "01_mnist": Minutes(13.5, 44.0, 0.25),
        "02_speech": Minutes(28.0, 75.0, 0.05),
        "03_specialists": Minutes(51.0, 200.0, 0.2),
        "04_soft_targets": Minutes(18.0, 58.0, 0.2),
        "05_fitnets": Minutes(120.0, 550.0, 0.1),
        "06_scorecard": Minutes(0.0, 0.0, 1.0),
    },
}


def product_speed(precision: torch.dtype, device: str, size: int = 2048) -> float:
    """GFLOP/s of a square matrix product on as many threads as a stage of its own has, the best of ten, or
    of as many as two seconds allow."""
    matrix, best = torch.ones(size, size, dtype=precision, device=device), float("inf")
    end = time.perf_counter() + LONGEST
    with on_threads(THREADS):
        for _ in range(10):
            start = time.perf_counter()
            (matrix @ matrix)[0, 0].item()
            best = min(best, time.perf_counter() - start)
            if time.perf_counter() > end:
                break
    return 2 * size**3 / best / 1e9


def slowness(precision: torch.dtype, device: str = "cpu") -> float:
    """How many times as long a computation takes here as on the reference machine, as a matrix product does."""
    return REFERENCE[dtype_name(precision)] / product_speed(precision, device)


def estimated(notebook: str, profile: str, precision: torch.dtype, slower: float, count: int | None = None) -> float:
    """Minutes of a notebook on a machine that is so many times slower, with so many jobs side by side (as many as here,
    by default); NaN where nothing has been measured. That one core does half of what two do is in `slower`."""
    if (known := MINUTES.get(profile, {}).get(notebook)) is None:
        return float("nan")
    scale = known.serial + (1 - known.serial) * REFERENCE_CORES / max(REFERENCE_CORES, count or side_by_side("cpu"))
    return START + getattr(known, dtype_name(precision)) * slower * scale


def of_profile(
    notebook: str, profile: str, precision: torch.dtype, device: str, slower: float, count: int | None = None
) -> float:
    """`estimated` minutes of a notebook; on a GPU only smoke's are known, which hardly depend on it."""
    known = not device.startswith("cuda") or profile == "smoke"
    return estimated(notebook, profile, precision, slower, count) if known else float("nan")


def scheduled(batches: Iterable[tuple[int, Sequence[float]]], count: int) -> float:
    """Seconds that a notebook's stages take on so many cores: batches one after another, within one the jobs in their
    order on as many workers as there are cores for their threads, each as soon as a worker is free."""
    total = 0.0
    for threads, seconds in batches:
        busy = [0.0] * min(max(1, count // threads), max(1, len(seconds)))
        for job in seconds:
            heapq.heapreplace(busy, busy[0] + job)
        total += max(busy)
    return total


def in_words(minutes: float) -> str:
    """Minutes for people: "unknown", "under a minute", "12 minutes", "3.5 hours"."""
    if minutes != minutes:
        return "unknown"
    if minutes < 1:
        return "under a minute"
    return f"{minutes:.0f} minute{'s' * (round(minutes) != 1)}" if minutes < 90 else f"{minutes / 60:.1f} hours"
