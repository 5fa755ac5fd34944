"""What every notebook does at its start and at its end."""

import inspect
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import pandas as pd
import torch
from IPython.display import Markdown, display
from pandas.io.formats.style import Styler
from threadpoolctl import threadpool_limits

from kdrep.data.datasets import Corpus, Dataset, describe
from kdrep.data.sources import LOADERS
from kdrep.environment import setting
from kdrep.learning.training import dtype_name, native_precision
from kdrep.report import papers
from kdrep.report.rows import COLUMNS, NO_DATA, make_row, number, with_interval
from kdrep.report.scorecard import as_table, label, lines_of, scorecard
from kdrep.report.statistics import Interval
from kdrep.report.verdicts import BETWEEN
from kdrep.run import minutes, parallel, runs
from kdrep.run.outdated import notebook_code
from kdrep.run.profiles import choose_device, choose_profile, data_of, profile_on, settings
from kdrep.run.stages import THREADS, run_stage

STAMP = "stand-in data: nothing here\nmay be compared with the paper"
MOST_FIGURES = 6  # of a claim, in the table at the beginning
PRECISIONS = {dtype_name(dtype): dtype for dtype in (torch.float32, torch.bfloat16)}


@dataclass
class Run:
    """One notebook's execution: where it keeps what, and the rows that it has measured so far."""

    notebook: str
    profile: str
    device: str
    precision: torch.dtype
    folder: Path
    data_dir: str | None
    settings: SimpleNamespace
    code: str
    commit: str | None
    dirty: bool
    parameters: dict
    started: float = field(default_factory=time.perf_counter)
    rows: list[dict] = field(default_factory=list)
    figures: list[str] = field(default_factory=list)
    available: dict[Callable, Dataset | Corpus] = field(default_factory=dict)
    datasets: dict[str, Dataset | Corpus] = field(default_factory=dict)
    stage_seconds: float = 0.0
    batches: list[tuple[int, list[float]]] = field(default_factory=list)  # threads of a job, and what each job took
    over: str = ""  # what intervals are over from here on; a notebook sets it where that changes

    @property
    def seeds(self) -> range:
        """The seeds of this run: 0, 1, …"""
        return range(self.settings.seeds)

    def load(self, loader: Callable[..., Dataset | Corpus], part: tuple[int, int] | None = None) -> Dataset | Corpus:
        """The data set that `loader` finds; says what it is and notes it for the rows.

        In smoke it is cut to a slice: to `part` if that is given, else to the setting `slice`.
        """
        dataset = self.available[loader] if loader in self.available else loader(self.data_dir)
        part = part or getattr(self.settings, "slice", None)
        if part:
            dataset = dataset.head(*part)
        self.datasets[dataset.name] = dataset
        print(describe(dataset))
        return dataset

    def stage(self, name: str, function: Callable, **inputs) -> dict:
        """The kept or computed result of a stage, which has the machine for itself (see kdrep.run.stages); device and
        precision are filled in."""
        result = run_stage(self.folder / "stages", name, function, **self.filled(function, inputs))
        self.count(THREADS, [result])
        return result

    def count(self, threads: int, results: Sequence[dict]) -> None:
        """Note what stages that ran side by side took."""
        self.stage_seconds += sum(result["seconds"] for result in results)
        self.batches.append((threads, [round(result["wall"], 2) for result in results]))

    def filled(self, function: Callable, inputs: Mapping) -> dict:
        """A stage's inputs, with device and precision where the function wants them."""
        wanted = inspect.signature(function).parameters
        given = {"device": self.device, "precision": self.precision}
        return {key: value for key, value in given.items() if key in wanted} | dict(inputs)

    def stages(
        self, jobs: Mapping[str, dict | partial], function: Callable | None = None, threads: int = 1,
        on_gpu: int = parallel.ON_A_GPU,
    ) -> dict[str, dict]:  # fmt: skip
        """The results of independent stages by their names: of one function, from the inputs of each, or of a partial
        function each. They run here, as many side by side as there are cores for so many threads each (`on_gpu` where
        they share a GPU), or on a Dask cluster."""
        parts = {name: own if isinstance(own, partial) else partial(function, **own) for name, own in jobs.items()}
        listed = [
            parallel.Job(name, own.func, self.filled(own.func, own.keywords), threads) for name, own in parts.items()
        ]
        results = parallel.run(self.folder / "stages", listed, on_gpu=on_gpu)
        self.count(threads, results)
        return dict(zip(jobs, results, strict=True))

    def row(
        self,
        claim: str,
        arm: str,
        quantity: str,
        measured,
        unit: str,
        *,
        over: str | None = None,
        seconds: float = 0.0,
        dataset: str | None = None,
    ) -> None:
        """Note one measured quantity: a number that is exact, or an Interval over what `over`, else the run, says."""
        if dataset is None:
            dataset = next(reversed(self.datasets), NO_DATA)
        rest = dict(dataset=dataset, profile=self.profile, device=self.device, seconds=round(seconds, 1))
        row = make_row(claim, arm, quantity, measured, unit, over=over or self.over, **rest, code=self.code)
        same = [r for r in self.rows if (r["claim"], r["arm"], r["quantity"]) == (claim, arm, quantity)]
        self.rows = [r for r in self.rows if r not in same] + [row]

    def interval(self, claim: str, arm: str, quantity: str) -> Interval:
        """A noted quantity. Raises KeyError if there is no such row yet."""
        for r in self.rows:
            if (r["claim"], r["arm"], r["quantity"]) == (claim, arm, quantity):
                return Interval(r["value"], r["low"], r["high"], r["units"])
        raise KeyError(f"no row yet for {claim}, {arm}, {quantity}")

    def measured(self, claim: str, arm: str, quantity: str) -> str:
        """A noted quantity with its interval, for prose."""
        return with_interval(self.interval(claim, arm, quantity))

    @property
    def stands_in(self) -> bool:
        """Whether something stood in for data, so that nothing may be compared with the paper."""
        return not all(dataset.real for dataset in self.datasets.values())

    def paper(self, claim: str, arm: str, quantity: str) -> float:
        """A published figure, for tables and figures: NaN, which is not drawn, where there is none, or where something
        stood in for data."""
        figure = None if self.stands_in else papers.published(claim, arm, quantity)
        return math.nan if figure is None else figure

    def published(self, claim: str, arm: str, quantity: str) -> str:
        """A published figure, for prose."""
        return "not compared" if self.stands_in else number(papers.published(claim, arm, quantity))

    def verdict(self, claim_id: str) -> Markdown:
        """The verdict on one claim, on its checks and its variants, and a list of what each rests on."""
        lines = lines_of(papers.claim(claim_id), pd.DataFrame(self.rows, columns=COLUMNS))
        parts = [[f"**{label(line)}: {line['verdict']}**\n", *line["basis"].split(BETWEEN)] for line in lines]
        return Markdown("\n\n".join("\n- ".join(part) for part in parts))

    def figure(self, figure: plt.Figure, name: str) -> plt.Figure:
        """Save a figure with the run, and return it to be shown; it says if something stood in for data."""
        if self.stands_in:
            figure.text(0.5, 0.5, STAMP, fontsize=20, color="0.6", alpha=0.6, rotation=20, ha="center", va="center")
        path = self.folder / "figures" / f"{self.notebook}-{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Software": None})
        plt.close(figure)
        self.figures = [f for f in self.figures if f != path.name] + [path.name]
        return figure

    def finish(self) -> Styler:
        """Save rows and facts with the run, and return this notebook's part of the scorecard."""
        facts = {
            "profile": self.profile, "parameters": self.parameters, "device": self.device,
            "precision": dtype_name(self.precision),
            "seconds": round(time.perf_counter() - self.started, 1), "stage_seconds": round(self.stage_seconds, 1),
            "batches": self.batches,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"), "command": runs.command_line(),
            "commit": self.commit, "dirty": self.dirty, "versions": runs.versions(),
            "machine": runs.machine(self.device),
            "datasets": {
                d.name: {"real": d.real, "origin": d.origin, "sha256": d.checksum} for d in self.datasets.values()
            },
            "figures": self.figures, "code": self.code,
        }  # fmt: skip
        runs.write_part(self.folder, self.notebook, self.rows, facts)
        card = scorecard(pd.DataFrame(self.rows, columns=COLUMNS))
        return wrapped(as_table(card[card["notebook"] == self.notebook]))


def begin(
    notebook: str, *, profile="auto", seeds=None, device="auto", data_dir=None, results_dir=None, **own
) -> Run:  # fmt: skip
    """Start a notebook: choose profile, device and precision, and say what was chosen. `own` are the parameters that
    no other notebook has: a run in which they differ from the notebook's defaults is another run."""
    runs.check_identity()
    profile, device = choose_profile(profile, device), choose_device(device)
    torch.set_float32_matmul_precision("highest")
    torch.set_num_threads(THREADS)
    threadpool_limits(THREADS)
    folder = runs.run_folder(results_dir, profile)
    precision = choose_precision(folder, device)
    wanted = [LOADERS[name] for name in data_of(notebook, profile, own.get("corpus", "digits"))]
    available = {load: load(data_dir) for load in wanted}
    asked, profile = profile, profile_on(profile, all(dataset.real for dataset in available.values()))
    run = Run(
        notebook, profile, device, precision, folder, data_dir,
        settings(notebook, profile, seeds), notebook_code(notebook), *runs.git_state(),
        {"profile": asked, "seeds": seeds, "device": device} | own, available=available,
    )  # fmt: skip
    facts = runs.machine(device)
    hardware = facts.get("gpu", facts["cpu"])
    seeds_of_run = getattr(run.settings, "seeds", None)
    counted = f", {seeds_of_run} seed{'s' * (seeds_of_run > 1)}" if seeds_of_run else ""
    print(f"profile {profile}{counted}; {hardware}, {dtype_name(precision)} ({why_precision(precision, device)})")
    time = minutes.of_profile(notebook, profile, precision, device, slower=1.0, count=minutes.REFERENCE_CORES)
    if time == time:
        print(f"{minutes.in_words(time)} on two cores of the reference machine; `make plan` says how long here")
    if profile != asked:
        print(f"Something stands in for data: the settings of {profile}, not of {asked} (KDREP_STANDIN=full insists)")
    if profile == "smoke":
        display(Markdown("> **Smoke profile:** tiny nets, a slice of the data. Every cell runs; nothing is a result."))
    return run


def choose_precision(folder: Path, device: str) -> torch.dtype:
    """`precision_of` a run, which is noted with it if it begins now. Raises ValueError as that does."""
    chosen = precision_of(folder, device)
    if runs.begun_in(folder, device) is None:
        runs.note_precision(folder, device, dtype_name(chosen))
    return chosen


def precision_of(folder: Path | None, device: str) -> torch.dtype:
    """What $KDREP_PRECISION says, else what the run in this folder, if there is one, began with on this device, else
    what the device has instructions for. Raises ValueError for what is neither float32 nor bfloat16."""
    asked = setting("KDREP_PRECISION")
    if asked is not None and asked not in PRECISIONS:
        raise ValueError(f"KDREP_PRECISION: must be one of {', '.join(PRECISIONS)}, not {asked!r}")
    known = asked or (runs.begun_in(folder, device) if folder else None)
    return PRECISIONS[known] if known else native_precision(device)[0]


def why_precision(precision: torch.dtype, device: str) -> str:
    """Why products are computed in this precision."""
    native, why = native_precision(device)
    return why if precision == native else "as asked for, or as the run was begun"


def claims_table(notebook: str) -> Styler:
    """What the paper claims in this notebook's section, and the published figures."""
    rows = []
    for claim in papers.CLAIMS:
        if claim.notebook == notebook:
            shown = [f"{f.arm}, {f.quantity}: {number(f.value)}" for f in claim.figures]
            more = [f"and {len(shown) - MOST_FIGURES} more"] if len(shown) > MOST_FIGURES else []
            figures = "; ".join(shown[:MOST_FIGURES] + more)
            rows.append(
                {"claim": claim.id, "section": claim.section, "the paper says": claim.sentence, "published": figures}
            )
    return wrapped(pd.DataFrame(rows))


def wrapped(table: pd.DataFrame) -> Styler:
    """A table for a notebook's output, whose long texts are wrapped instead of cut off."""
    text = {"text-align": "left", "white-space": "normal", "vertical-align": "top"}
    headings = [{"selector": "th", "props": [("text-align", "left")]}]
    return table.style.hide(axis="index").set_properties(**text).set_table_styles(headings)
