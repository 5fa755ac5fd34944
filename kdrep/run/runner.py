"""Executes notebooks through papermill: in order, with progress, going on after a failure."""

import contextlib
import json
import os
import sys
import time
from pathlib import Path

import papermill
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError

from kdrep.data import find
from kdrep.environment import setting
from kdrep.files import ROOT
from kdrep.learning.training import dtype_name
from kdrep.report.agreement import agreement_tally
from kdrep.report.scorecard import as_table, for_terminal, scorecard, tally
from kdrep.run import doctor, minutes, parallel, plan, progress, publishing, runs
from kdrep.run.notebook import PRECISIONS, precision_of, why_precision
from kdrep.run.outdated import NOTEBOOKS, notebook_code, warn_of_outdated
from kdrep.run.profiles import SETTINGS, choose_device, choose_profile, data_of, profile_on, settings

INLINE = "module://matplotlib_inline.backend_inline"  # whatever MPLBACKEND says, a notebook shows its pictures
QUIET = ["--log-level=ERROR"]  # a kernel of this machine alone need not warn that it is reached over plain TCP


def choose_notebooks(names: list[str]) -> list[str]:
    """Full names of notebooks, in order, from names or their numbers; all for none. Raises ValueError."""
    if not names:
        return list(SETTINGS)
    chosen = set()
    for name in names:
        stem = Path(name).stem
        matches = [full for full in SETTINGS if full == stem or full.split("_")[0] == stem]
        if not matches:
            raise ValueError(f"notebook: must be one of {', '.join(SETTINGS)} or its number, not {name!r}")
        chosen.update(matches)
    return [name for name in SETTINGS if name in chosen]


def reproduce(
    notebooks: list[str], profile: str, *, name: str | None, seeds: int | None, device: str, fresh: bool,
    keep_published: bool = False, only_plan: bool = False,
) -> int:  # fmt: skip
    """Execute the notebooks into results/runs/<name>/, print the scorecard, and return the exit status. With
    `keep_published` the run takes over whatever is published and still up to date; with `only_plan` it says what it
    would do, and does nothing but get the data."""
    profile, notebooks = choose_profile(profile, device), choose_notebooks(notebooks)
    parameters = {"profile": profile, "seeds": seeds, "device": choose_device(device)}
    folder = runs.run_folder(runs.named_folder(name) if name else None, profile)
    check(notebooks, profile, seeds, folder, parameters["device"], fresh)
    prepare_environment(folder)
    found = look(notebooks, profile)
    if only_plan:
        print_plan(folder, notebooks, parameters, found, publishing.to_take(folder, profile) * keep_published, fresh)
        return 0
    with runs.alone(folder):
        return reproduce_in(folder, notebooks, parameters, found, fresh, keep_published)


def reproduce_in(
    folder: Path, notebooks: list[str], parameters: dict, found: dict[str, plan.Source], fresh: bool,
    keep_published: bool,
) -> int:  # fmt: skip
    """`reproduce` into one folder, after all that was asked for has been checked and all data have been looked for."""
    profile, taken = parameters["profile"], []
    if fresh:
        runs.clear(folder)
    if keep_published:
        taken = publishing.take_published(folder, profile)
        check_precision(folder, parameters["device"])
    steps = print_plan(folder, notebooks, parameters, found, taken, fresh)
    failures = execute_all(folder, steps, parameters)
    print_scorecard(folder, profile, notebooks)
    print(f"\nEverything is in {runs.shown(folder)}: executed notebooks, figures, rows.csv, scorecard.csv, run.json.")
    print("\n".join(plan.afterword(steps, found)), flush=True)
    if failures:
        print("\nFailed:\n  " + "\n  ".join(failures), file=sys.stderr)
    return 1 if failures else 0


def prepare_environment(folder: Path) -> None:
    """What kernels, which start in another folder, are told by the environment."""
    os.environ["KDREP_RESULTS"] = str(folder)
    if data := setting("KDREP_DATA"):
        os.environ["KDREP_DATA"] = str(Path(data).expanduser().resolve())
    os.environ.setdefault("KDREP_COMMAND", "python -m kdrep " + " ".join(sys.argv[1:]))


def look(notebooks: list[str], profile: str) -> dict[str, plan.Source]:
    """Every data set of some notebooks, and what smoke's settings need of those that will take them."""
    found = plan.look((name for notebook in notebooks for name in data_of(notebook, profile)), download=True)
    lacking = [n for n in notebooks if not all(found[name].real for name in data_of(n, profile))]
    more = [name for n in lacking for name in data_of(n, profile_on(profile, real=False)) if name not in found]
    return found | plan.look(more, download=True)


def print_plan(
    folder: Path, notebooks: list[str], parameters: dict, found: dict[str, plan.Source], taken: list[str], fresh: bool
) -> list[plan.Step]:
    """Say what is going to be done, for how long, and what speaks against publishing it; the steps."""
    profile, device = parameters["profile"], parameters["device"]
    precision = precision_of(None if fresh else folder, device)
    real = {name: data.real for name, data in found.items()}
    actions = {}
    for notebook in notebooks:
        genuine = all(real[name] for name in data_of(notebook, profile))
        kept = not fresh and finished(folder, notebook, parameters, genuine)
        actions[notebook] = plan.TAKEN if notebook in taken else plan.KEPT if kept else plan.COMPUTED
    computed = plan.COMPUTED in actions.values() and device != "cuda"
    slower = minutes.slowness(precision) if computed else 1.0
    steps = plan.make_plan(actions, profile, parameters["seeds"], precision, device, real, slower)
    head = plan.head_of(profile, device, dtype_name(precision), why_precision(precision, device))
    print("\n".join([*plan.as_lines(steps, found, head), *plan_objections(profile), ""]), flush=True)
    return steps


def plan_objections(profile: str) -> list[str]:
    """What speaks against this run before it begins: that it cannot be published, or has no room."""
    objection = runs.unpublishable() if profile != "smoke" else None
    dirty = [f"  This run will not be publishable: {objection}."] if objection else []
    return dirty + doctor.obstacles(profile)


def execute_all(folder: Path, steps: list[plan.Step], parameters: dict) -> list[str]:
    """Execute what is to be computed, in order, and say how it goes; what failed."""
    failures, spent, planned = [], 0.0, 0.0
    for number, step in enumerate(steps, start=1):
        head = f"[{number}/{len(steps)}] {step.notebook}"
        if step.action != plan.COMPUTED:
            print(f"{head}: {step.action} (--fresh computes it again)", flush=True)
            continue
        print(f"{head}: begun, settings of {step.profile}", flush=True)
        pace = max(1.0, spent / planned) if planned else 1.0  # what was slower than planned is so in what is left
        later = sum(other.minutes for other in steps[number:])
        start = time.monotonic()
        with progress.shown(head, progress.Expected(pace * step.minutes, pace * later)):
            problem = execute(step.notebook, folder / "notebooks" / f"{step.notebook}.ipynb", parameters)
        took = (time.monotonic() - start) / 60
        if not problem and step.minutes == step.minutes:
            spent, planned = spent + took, planned + step.minutes
        print(f"{head}: {problem or 'done'} ({took:.1f} min)", flush=True)
        failures += [f"{step.notebook}: {problem}"] if problem else []
    return failures


def check(notebooks: list[str], profile: str, seeds: int | None, folder: Path, device: str, fresh: bool) -> None:
    """Raise ValueError, or what else is wrong with settings, data, precision or scheduler, before anything is done."""
    for notebook in notebooks:
        settings(notebook, profile, seeds)
    find.folders()
    doctor.check_temporary_folder()
    profile_on(profile, real=True)
    check_precision(folder, device, fresh)
    if scheduler := setting("KDREP_SCHEDULER"):
        parallel.reach(scheduler)


def check_precision(folder: Path, device: str, fresh: bool = False) -> None:
    """Raise ValueError if the precision that is asked for is none, or not the one in which the run was begun."""
    asked, begun = setting("KDREP_PRECISION"), None if fresh else runs.begun_in(folder, device)
    if asked not in (None, *PRECISIONS):
        raise ValueError(f"precision: must be one of {', '.join(PRECISIONS)}, not {asked!r}")
    if asked and begun and asked != begun:
        raise ValueError(f"precision: {runs.shown(folder)} was begun in {begun}, not {asked}: give --name or --fresh")


def finished(folder: Path, notebook: str, parameters: dict, real: bool) -> bool:
    """Whether the run holds this notebook, executed without failure, with these parameters and today's code, and the
    rows and figures of that execution. It does not count where the tree was dirty and is clean now, nor where something
    stood in for data that are `real` now; what was measured on real data stays, whether they are still there or not."""
    executed = folder / "notebooks" / f"{notebook}.ipynb"
    if notebook == publishing.SCORECARD or not executed.exists() or publishing.has_failed(executed):
        return False
    _, facts = runs.read_parts(folder)
    fact = facts.get(notebook)
    if (
        not fact
        or fact["code"] != notebook_code(notebook)
        or not publishing.wrote(executed.read_text(encoding="utf-8"), fact)
    ):
        return False
    wanted = publishing.defaults(notebook) | parameters
    if any(wanted.get(name) != value for name, value in fact["parameters"].items()):
        return False
    if not all((folder / "figures" / name).exists() for name in fact["figures"]):
        return False
    if fact["dirty"] and not runs.git_state()[1]:
        return False
    asked = parameters["profile"]
    if asked == "smoke" or (fact["profile"] == asked and all(data["real"] for data in fact["datasets"].values())):
        return fact["profile"] == asked
    return not real and fact["profile"] == profile_on(asked, real)


def execute(notebook: str, target: Path, parameters: dict) -> str | None:
    """Execute one notebook; the executed copy is kept whatever happens. Returns what went wrong, or None."""
    target.parent.mkdir(parents=True, exist_ok=True)
    seen = f"; see {runs.shown(target)}"
    try:
        with kernels_like_this():
            papermill.execute_notebook(
                NOTEBOOKS / f"{notebook}.ipynb", target, parameters, kernel_name="python3", cwd=NOTEBOOKS,
                progress_bar=False, extra_arguments=QUIET,
            )  # fmt: skip
    except PapermillExecutionError as error:
        return f"failed in {cell_name(error.cell_index, error.source)}: {error.ename}: {error.evalue}{seen}"
    except DeadKernelError:
        return f"failed in {last_begun(target)}: its kernel died, perhaps because memory ran out{seen}"
    except Exception as error:  # whatever it is, it must not take the other notebooks with it
        return f"failed: {type(error).__name__}: {error}{seen}"
    return None


@contextlib.contextmanager
def kernels_like_this():
    """Within it, kernels run this Python and this copy of kdrep, show their pictures, and write UTF-8."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    own = {
        "PYTHONPATH": os.pathsep.join(paths),
        "MPLBACKEND": INLINE,
        "PYTHONUTF8": "1",
        "KDREP_RUNNER": runs.identity(),
        "KDREP_OFFLINE": "1",  # what could be downloaded has been
    }
    before = {name: os.environ.get(name) for name in own}
    os.environ.update(own)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def cell_name(index: int, source: str) -> str:
    """A cell's number and its first line."""
    first_line = next((line for line in source.splitlines() if line.strip()), "")
    return f"cell {index} ({first_line[:60]})"


def last_begun(executed: Path) -> str:
    """The cell that was running when the notebook ended."""
    cells = json.loads(executed.read_text(encoding="utf-8"))["cells"]
    begun = [i for i, cell in enumerate(cells) if cell["metadata"].get("papermill", {}).get("start_time")]
    return cell_name(begun[-1], "".join(cells[begun[-1]]["source"])) if begun else "its first cell"


def print_scorecard(folder: Path, profile: str, notebooks: list[str]) -> None:
    """The scorecard of a run on the terminal, beside the published one of `runs.reference_profile`: the claims of the
    notebooks that were asked for, or of all of them with the scorecard's own."""
    rows, theirs = runs.read_parts(folder)[0], runs.reference_rows(profile)
    card, published = scorecard(rows, theirs), scorecard(theirs)
    if publishing.SCORECARD not in notebooks:
        asked = card["notebook"].isin(notebooks)
        card, published = card[asked], published[asked]
    table, before = as_table(card), as_table(published)
    same = table["what decided"] == before["what decided"]
    table.insert(table.columns.get_loc("this run"), "published", before["this run"].where(same, "—"))
    print("\n" + for_terminal(table))
    print("\n" + tally(card))
    if beside := agreement_tally(card, runs.reference_profile(profile)):
        print(beside)
    if old := warn_of_outdated(rows):
        print(old)
