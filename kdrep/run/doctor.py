"""What this machine has, what it lacks, what to do about each lack, and how long the profiles take on it."""

import math
import os
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

import torch

from kdrep.data.datasets import DataError, describe
from kdrep.data.find import folders
from kdrep.data.near_misses import near_miss
from kdrep.data.sources import LOADERS, ON_REQUEST
from kdrep.learning.training import dtype_name, native_precision
from kdrep.run import minutes, parallel, runs
from kdrep.run.profiles import PROFILES, SETTINGS, choose_profile

DISK_NEEDED = {"smoke": 1e8, "quick": 3e9, "thorough": 1e10, "full": 4e10}
# Through which data go from a notebook to its processes.
SHARED_NEEDED = {"smoke": 1e8, "quick": 5e8, "thorough": 2e9, "full": 8e9}
SHARED = Path("/dev/shm")
# Letters in the path of a socket, of which processes have one in the temporary folder; elsewhere they have none.
LONGEST_SOCKET = {"linux": 107, "darwin": 103}
SOCKET_NAME = len("/pymp-01234567/listener-01234567")


def data_report(data_dir: str | None, *, download: bool) -> tuple[list[str], list[str]]:
    """One line a data set, saying whether it is real and what to do if not; and the names of those that are not."""
    lines, lacking = [], []
    folders(data_dir)  # a place that is none is one error, not one for each set
    for name, loader in LOADERS.items():
        if name in ON_REQUEST:
            continue
        try:
            with warnings.catch_warnings(action="ignore" if not download else "default"):  # said below
                dataset = loader(data_dir, download=download)
        except DataError as error:
            lines.append(f"  {name}: NOT USABLE: {error}")
            lacking.append(name)
            continue
        if dataset.real:
            lines.append(f"  {describe(dataset)}, verified")
            continue
        lacking.append(name)
        places = " or ".join(runs.shown(p) for p in folders(data_dir))
        near = near_miss(name, folders(data_dir))
        lines.append(
            f"  {name}: NOT FOUND, {dataset.name} would stand in. "
            + (
                near
                or "Run `make data` with a network, or put the publisher's files into "
                f"{places} (data/README.md says how)"
            )
        )
    return lines, lacking


def machine_report() -> list[str]:
    """Lines on Python, packages, device, speed, memory and disk."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    facts = runs.machine(device)
    gpu = f", {facts['gpu']}" if "gpu" in facts else ", no GPU"
    cores, side = parallel.cores(), parallel.side_by_side(device)
    profile = choose_profile()
    precision, why = native_precision(device)
    lines = ["machine", f"  {facts['system']}, {facts['cpu']}, {cores} cores{gpu}"]
    full = "; memory has no room for more" * (side == parallel.room() < cores)
    lines.append(f"  up to {side} jobs side by side{full}")
    lines.append(f"  profile `auto` is {profile}; training runs in {dtype_name(precision)}: {why}")
    for dtype in dict.fromkeys((torch.float32, precision)):  # what the processor lacks is too slow to be timed
        speed, name = minutes.product_speed(dtype, device), dtype_name(dtype)
        theirs = "" if device == "cuda" else f" (the reference machine: {minutes.REFERENCE[name]:,.0f})"
        lines.append(f"  a 2048 matrix product in {name}: {speed:,.0f} GFLOP/s{theirs}")
    lines += [f"  {space(*of)}" for of in room_needed(profile)]
    lines.append("packages")
    found = runs.versions()
    lines += [
        f"  {name} {version}" + ("; run `make setup`" if version == "missing" else "")
        for name, version in found.items()
    ]
    return lines


def room_needed(profile: str) -> list[tuple[str, Path, float, str]]:
    """What must have room, where, how many bytes, and what to do if it has not."""
    shared = "start the container with --shm-size=8g"
    needed = [("disk", runs.ROOT, DISK_NEEDED[profile], "make room")]
    return needed + ([("shared memory", SHARED, SHARED_NEEDED[profile], shared)] if SHARED.exists() else [])


def space(what: str, folder: Path, needed: float, remedy: str) -> str:
    """A line on the room in a folder, with the remedy if it is less than the bytes that are needed."""
    free = shutil.disk_usage(folder).free
    lack = "" if free > needed else f"; a run needs {needed / 1e9:,.1f} GB: {remedy}"
    return f"{what}: {free / 1e9:,.1f} GB free{lack}"


def obstacles(profile: str) -> list[str]:
    """What a run of this profile would stumble over sooner or later, with the remedies."""
    return [space(*of) for of in room_needed(profile) if shutil.disk_usage(of[1]).free <= of[2]]


def check_temporary_folder() -> None:
    """Raise RuntimeError if processes cannot have their sockets in the temporary folder."""
    folder = tempfile.gettempdir()
    if len(os.fsencode(folder)) + SOCKET_NAME > LONGEST_SOCKET.get(sys.platform, math.inf):
        raise RuntimeError(
            f"TMPDIR: {folder} is too long a path for the sockets of processes; set it to a shorter one, such as /tmp"
        )


def profile_lines() -> list[str]:
    """Minutes of each profile on this machine, all notebooks, as far as they are known."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    precision, _ = native_precision(device)
    slower = 1.0 if device == "cuda" else minutes.slowness(precision)
    lines = ["profiles, all notebooks, on this machine"]
    for profile in PROFILES:
        total = sum(minutes.of_profile(n, profile, precision, device, slower) for n in SETTINGS)
        lines.append(f"  {profile}: {minutes.in_words(total)}")
    return lines


def next_steps(lacking: list[str]) -> list[str]:
    """What to do next, in order."""
    steps = [f"`make setup`: {', '.join(gone)} missing"] if (gone := missing_packages()) else []
    steps += [f"`make data`: {', '.join(lacking)} not found or not readable (see above)"] if lacking else []
    steps += [line.split("; ", 1)[-1] for line in obstacles(choose_profile())]
    steps += ["`make plan`: what a run would do, and for how long", "`make reproduce`"]
    return ["next", *(f"  {number}. {step}" for number, step in enumerate(steps, start=1))]


def missing_packages() -> list[str]:
    """Packages that are not installed."""
    return [name for name, version in runs.versions().items() if version == "missing"]
