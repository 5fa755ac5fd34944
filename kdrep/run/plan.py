"""What a run is going to do: on which data, in which settings, for how long."""

import warnings
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import torch

from kdrep.data.sources import LOADERS
from kdrep.run import minutes, parallel, runs
from kdrep.run.profiles import data_of, profile_on, settings

COMPUTED, KEPT, TAKEN = "computed", "kept", "taken over as published"
GET_DATA = (
    "To get what is missing: `make data` with a network; or KDREP_DATA=/folder/that/holds/it; or by hand, as "
    "data/README.md says."
)


class Step(NamedTuple):
    """One notebook of a run: its data sets, whether all are real, the profile whose settings it takes, what is done
    with it, and its minutes on this machine."""

    notebook: str
    data: tuple[str, ...]
    real: bool
    profile: str
    action: str
    minutes: float


class Source(NamedTuple):
    """What was found of a data set: its own name or a stand-in's, whether it is real, and where it comes from."""

    name: str
    real: bool
    origin: str


def look(names: Iterable[str], data_dir: str | None = None, *, download: bool) -> dict[str, Source]:
    """Every data set, or what stands in for it, by name; one that cannot be had does not stop the others. Raises
    DataError for damaged files."""
    found = {}
    for name in dict.fromkeys(names):
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            data = LOADERS[name](data_dir, download=download)
        found[name] = Source(data.name, data.real, data.origin)
        for warning in said:
            print(f"  {warning.message}", flush=True)
    return found


def make_plan(
    actions: Mapping[str, str], profile: str, seeds: int | None, precision: torch.dtype, device: str,
    real: Mapping[str, bool], slower: float,
) -> list[Step]:  # fmt: skip
    """The steps of a run: what is done with each notebook, in which profile, and which data sets are real. With `seeds`
    of one's own, minutes are in proportion, roughly."""
    steps = []
    for notebook, action in actions.items():
        genuine = all(real[name] for name in data_of(notebook, profile))
        used = profile_on(profile, genuine)
        time = minutes.of_profile(notebook, used, precision, device, slower) if action == COMPUTED else 0.0
        usual = getattr(settings(notebook, used), "seeds", 1)
        steps.append(Step(notebook, data_of(notebook, used), genuine, used, action, time * (seeds or usual) / usual))
    return steps


def as_lines(steps: list[Step], found: Mapping[str, Source], head: str) -> list[str]:
    """The plan for people: what runs on what, then a line a notebook, and the sum."""
    lines = [head, *data_lines(found), ""]
    width = max(len(step.notebook) for step in steps)
    for step in steps:
        known = ", ".join(name if found[name].real else f"{found[name].name} for {name}" for name in step.data)
        time = minutes.in_words(step.minutes) if step.action == COMPUTED else "no time"
        lines.append(
            f"  {step.notebook:{width}}  {step.action}, settings of {step.profile}; {known or 'no data'}; {time}"
        )
    total = sum(step.minutes for step in steps)
    known = "not yet known" if total != total else "about " * (total >= 1) + minutes.in_words(total)
    return [*lines, f"  {'all':{width}}  {known} on this machine, if it does nothing else"]


def head_of(profile: str, device: str, precision: str, why: str) -> str:
    """One line on what the run is made with."""
    count, side = parallel.cores(), parallel.side_by_side(device)
    hardware = runs.machine(device).get("gpu", runs.cpu_name())
    full = " (memory has no room for more)" * (side == parallel.room() < count)
    jobs = f"up to {side} job{'s' * (side != 1)} side by side{full}"
    return f"profile {profile}; {device}: {hardware}, {count} core{'s' * (count != 1)}, {jobs}; {precision} ({why})"


def data_lines(found: Mapping[str, Source]) -> list[str]:
    """A line for every data set: real, or what stands in for it."""
    return [
        f"  {name}: real, {data.origin}" if data.real else f"  {name}: NOT FOUND, {data.name} stands in"
        for name, data in found.items()
    ]


def afterword(steps: list[Step], found: Mapping[str, Source]) -> list[str]:
    """The last lines of a run: what was real, what was not, and how to get it; nothing where all was real."""
    missing = [name for name, data in found.items() if not data.real]
    if not missing:
        return []
    short = [step.notebook for step in steps if not step.real and step.action == COMPUTED]
    real = [name for name, data in found.items() if data.real]
    return [
        f"Real data: {', '.join(real) or 'none'}. Not found: {', '.join(missing)}."
        + f" On stand-ins, where nothing is a result, ran {', '.join(short)} (with smoke's settings, unless "
        "KDREP_STANDIN=full)." * bool(short),
        GET_DATA,
    ]
