"""A run's folder: each notebook writes its part, and the whole is compiled from the parts."""

import contextlib
import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import torch

from kdrep.files import ROOT, write_aside
from kdrep.report.rows import COLUMNS, read_rows
from kdrep.report.scorecard import scorecard
from kdrep.report.verdicts import with_outcomes
from kdrep.run.profiles import SETTINGS

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

PACKED = ROOT / ".packed"
LOCK = ".running"  # held by the command that a run is going on in
REFERENCE = "thorough"  # the profile whose published run is the evidence
PRECISION = "precision.json"  # what products are computed in, device by device
FILES = ("rows.csv", "scorecard.csv", "run.json", PRECISION, LOCK)
OWN = "|".join(SETTINGS)  # what a run writes, and what is left of it if it is killed while it does
WRITTEN = re.compile(
    rf"\.?({'|'.join(map(re.escape, FILES))}|notebooks/\.?({OWN})\.ipynb|figures/({OWN})-[\w-]+\.png"
    rf"|parts/\.?({OWN})\.(csv|json)|stages/.+\.(pt|checkpoint)|(notebooks/)?\.ipynb_checkpoints/.*|(.+/)?\.DS_Store)(\.\d+)?"
)
PACKAGES = ("torch", "torchvision", "torchaudio", "numpy", "pandas", "scipy", "scikit-learn", "papermill", "nbval")


def run_folder(results_dir: str | Path | None, profile: str) -> Path:
    """Where a run is kept: `results_dir`, else $KDREP_RESULTS, else results/runs/<profile>."""
    return Path(results_dir or os.environ.get("KDREP_RESULTS") or ROOT / "results" / "runs" / profile).resolve()


def named_folder(name: str) -> Path:
    """results/runs/<name>. Raises ValueError for what is no plain name."""
    if name in ("", ".", "..") or Path(name).name != name:
        raise ValueError(f"name: a plain folder name is needed, not {name!r}")
    return ROOT / "results" / "runs" / name


def clear(folder: Path) -> None:
    """Delete a run. Raises ValueError, and deletes nothing, if the folder holds anything that no run writes."""
    if not folder.exists():
        return
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    foreign = [name for name in files if not WRITTEN.fullmatch(name)]
    if foreign:
        raise ValueError(f"{shown(folder)} holds {foreign[0]}, which no run writes, and is not deleted; do it yourself")
    for child in folder.iterdir():
        if child.is_dir() and not child.is_symlink():
            shutil.rmtree(child)
        elif child.name != LOCK:
            child.unlink()


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Within it, no other command runs in this folder. Raises RuntimeError if one does."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a", encoding="utf-8") as lock:
        if fcntl:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RuntimeError(
                    f"{shown(folder)}: another command is running there; wait for it, or give this run a --name"
                ) from None
        yield


def identity() -> str:
    """Which Python runs which copy of kdrep."""
    return f"{sys.prefix}, kdrep of {ROOT}"


def check_identity() -> None:
    """Raise RuntimeError if this kernel runs another Python, or another copy of kdrep, than the command that started
    it."""
    wanted = os.environ.get("KDREP_RUNNER")
    if wanted and wanted != identity():
        raise RuntimeError(
            f"this kernel runs {identity()}, but the command {wanted}. `jupyter kernelspec list` shows which kernel "
            "`python3` is: remove that one, or run `python -m ipykernel install --sys-prefix` with the command's Python"
        )


def unpublishable() -> str | None:
    """What speaks against publishing a run that is made of this tree now, if anything does."""
    commit, dirty = git_state()
    if commit is None:
        return "git does not know this tree (not a clone, or of another owner: `git status` says which)"
    return "the working tree differs from its commit: commit first" if dirty else None


def write_part(folder: Path, notebook: str, rows: list[dict], facts: dict) -> None:
    """Keep a notebook's rows and what is to be known about its execution, then compile the run again."""
    table = pd.DataFrame(rows, columns=COLUMNS)
    write_aside(folder / "parts" / f"{notebook}.csv", table.to_csv(index=False, float_format="%.10g"))
    write_aside(folder / "parts" / f"{notebook}.json", json.dumps(facts, indent=1))
    compile_run(folder)


def read_facts(folder: Path) -> dict[str, dict]:
    """What is known about the execution of every notebook that has finished in a run. Raises ValueError that names a
    file which cannot be read."""
    facts = {}
    for path in sorted((folder / "parts").glob("*.json")):
        try:
            facts[path.stem] = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path}: is cut off or damaged ({error}); delete it and run the notebook again") from None
    return facts


def begun_in(folder: Path, device: str) -> str | None:
    """The precision in which a run was begun on a device, as it was noted then, or else its notebooks were executed,
    if it is one and the same."""
    noted = read_precisions(folder).get(device)
    found = {fact["precision"] for fact in read_facts(folder).values() if fact["device"] == device}
    return noted or (found.pop() if len(found) == 1 else None)


def note_precision(folder: Path, device: str, precision: str) -> None:
    """Note in which precision a run is begun on a device, so that it goes on in the same."""
    write_aside(folder / PRECISION, json.dumps(read_precisions(folder) | {device: precision}) + "\n")


def read_precisions(folder: Path) -> dict[str, str]:
    """The precisions that were noted for a run, device by device."""
    path = folder / PRECISION
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except ValueError:
        raise ValueError(f"{path}: is cut off or damaged; delete it") from None


def read_parts(folder: Path) -> tuple[pd.DataFrame, dict[str, dict]]:
    """All rows of a run, with the outcomes of their needs, and the facts of every notebook that has finished in it."""
    facts = read_facts(folder)
    tables = [read_rows(p) for p in sorted((folder / "parts").glob("*.csv"))]
    tables = [table for table in tables if len(table)]
    rows = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=COLUMNS)
    return with_outcomes(rows), facts


def published_folder(profile: str) -> Path:
    """Where the published run of a profile lies."""
    return ROOT / "results" / profile


def reference_profile(profile: str) -> str:
    """The profile whose published run another run is compared with: the evidence, where that is published."""
    return REFERENCE if (published_folder(REFERENCE) / "parts").exists() else profile


def reference_rows(profile: str) -> pd.DataFrame:
    """The rows of that published run; none where there is none."""
    return read_parts(published_folder(reference_profile(profile)))[0]


def compile_run(folder: Path) -> None:
    """Write rows.csv, scorecard.csv and run.json from the parts."""
    rows, facts = read_parts(folder)
    profile = next((fact["profile"] for fact in facts.values()), REFERENCE)
    others = reference_rows(profile) if reference_profile(profile) != profile else None
    card = scorecard(rows, others)
    write_aside(folder / "rows.csv", rows.to_csv(index=False, float_format="%.10g"))
    write_aside(folder / "scorecard.csv", card.to_csv(index=False, float_format="%.10g"))
    write_aside(folder / "run.json", json.dumps(summary(facts), indent=1) + "\n")


def summary(facts: dict[str, dict]) -> dict:
    """What run.json says: the newest notebook's provenance, and what differs from notebook to notebook."""
    newest = max(facts.values(), key=lambda fact: fact["finished"], default={})
    shared = ("command", "commit", "versions", "machine")
    per_notebook = ("seconds", "stage_seconds", "finished", "commit", "code", "figures", "datasets")
    return {
        "profile": "/".join(sorted({fact["profile"] for fact in facts.values()})),
        "dirty": any(fact["dirty"] for fact in facts.values()),
        **{name: newest.get(name) for name in shared},
        "stand_in": sorted({name for fact in facts.values() for name, d in fact["datasets"].items() if not d["real"]}),
        "datasets": {name: d for fact in facts.values() for name, d in fact["datasets"].items()},
        "seconds": round(sum(fact["seconds"] for fact in facts.values()), 1),
        "notebooks": {name: {key: fact[key] for key in per_notebook} for name, fact in facts.items()},
    }


def git_state() -> tuple[str | None, bool]:
    """The commit of the working tree and whether the tree differs from it; without git the commit that tools/full.sh
    packed, if it did; else (None, True)."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "HEAD"), bool(git("status", "--porcelain"))
    except (OSError, subprocess.CalledProcessError):
        return (PACKED.read_text(encoding="utf-8").strip(), False) if PACKED.exists() else (None, True)


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that figures depend on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "missing"
    return found


def machine(device: str) -> dict:
    """What the run was made on."""
    facts = {
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": cpu_name(),
        "threads": torch.get_num_threads(),
    }
    return facts | ({"gpu": torch.cuda.get_device_name()} if device == "cuda" else {})


def cpu_name() -> str:
    """The processor's model name."""
    info = Path("/proc/cpuinfo")
    for line in info.read_text(encoding="utf-8").splitlines() if info.exists() else ():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def command_line() -> str:
    """The command that started this: what the runner says, else this process's own."""
    return os.environ.get("KDREP_COMMAND") or " ".join([Path(sys.argv[0]).name, *sys.argv[1:2]])


def shown(path: Path) -> str:
    """A path as people see it: relative to the repository where it lies inside."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
