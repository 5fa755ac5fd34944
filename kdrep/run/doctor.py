"""What this machine has, what it lacks, and what to do about each lack."""

import shutil
import time
from pathlib import Path

import torch

from kdrep.data.cifar import load_cifar10, load_cifar100
from kdrep.data.corpora import load_spoken_digits
from kdrep.data.datasets import DataError, describe
from kdrep.data.find import folders
from kdrep.data.mnist import load_mnist
from kdrep.learning.training import dtype_name, native_precision
from kdrep.run import runs
from kdrep.run.profiles import choose_profile

DISK_NEEDED = {"smoke": 1e8, "quick": 3e9, "full": 4e10}
SHARED_NEEDED = {"smoke": 1e8, "quick": 5e8, "full": 8e9}  # through which data go from a notebook to its processes
SHARED = Path("/dev/shm")
SOURCES = {"mnist": load_mnist, "digits": load_spoken_digits, "cifar10": load_cifar10, "cifar100": load_cifar100}


def data_report(data_dir: str | None, *, download: bool) -> tuple[list[str], bool]:
    """One line a data set, saying whether it is real and what to do if not; and whether all are real."""
    lines, fine = [], True
    folders(data_dir)  # a place that is none is one error, not one for each set
    for name, loader in SOURCES.items():
        try:
            dataset = loader(data_dir, download=download)
        except DataError as error:
            lines.append(f"  {name}: DAMAGED: {error}")
            fine = False
            continue
        if dataset.real:
            lines.append(f"  {describe(dataset)}, verified")
        else:
            places = " or ".join(runs.shown(p) for p in folders(data_dir))
            lines.append(
                f"  {name}: NOT FOUND, {dataset.name} would stand in. Run `make data` with a network, "
                f"or put the publisher's files into {places} (data/README.md says how)"
            )
            fine = False
    return lines, fine


def machine_report() -> list[str]:
    """Lines on Python, packages, device, speed and disk."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    facts = runs.machine(device)
    lines = ["machine"]
    lines.append(
        f"  {facts['system']}, {facts['cpu']}, {facts['threads']} threads"
        + (f", {facts['gpu']}" if "gpu" in facts else ", no GPU")
    )
    profile = choose_profile()
    precision, why = native_precision(device)
    lines.append(f"  profile `auto` is {profile}; training runs in {dtype_name(precision)}: {why}")
    for dtype in (torch.float32, torch.bfloat16):
        speed = matrix_speed(dtype, device)
        lines.append(f"  a 2048 matrix product in {dtype_name(dtype)}: {speed:,.0f} GFLOP/s")
    lines.append(space("disk", runs.ROOT, DISK_NEEDED[profile], "make room"))
    if SHARED.exists():
        lines.append(space("shared memory", SHARED, SHARED_NEEDED[profile], "start the container with --shm-size=8g"))
    lines.append("packages")
    found = runs.versions()
    lines += [
        f"  {name} {version}" + ("; run `make setup`" if version == "missing" else "")
        for name, version in found.items()
    ]
    return lines


def space(what: str, folder: Path, needed: float, remedy: str) -> str:
    """A line on the room in a folder, with the remedy if it is less than the bytes that are needed."""
    free = shutil.disk_usage(folder).free
    lack = "" if free > needed else f"; a run needs {needed / 1e9:,.1f} GB: {remedy}"
    return f"  {what}: {free / 1e9:,.1f} GB free{lack}"


def matrix_speed(dtype: torch.dtype, device: str, size: int = 2048) -> float:
    """GFLOP/s of a square matrix product, the best of ten."""
    matrix = torch.ones(size, size, dtype=dtype, device=device)
    best = float("inf")
    for _ in range(10):
        start = time.perf_counter()
        (matrix @ matrix)[0, 0].item()
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best / 1e9
