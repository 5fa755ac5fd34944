"""Promotes a run to results/<profile>/ and to the README, or says why not; and begins a run from what is published."""

import ast
import json
import re
import shutil
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import papermill

from kdrep.files import ROOT, write_aside
from kdrep.report.rows import read_rows, stands_in
from kdrep.report.scorecard import as_markdown, scorecard, tally
from kdrep.run import runs
from kdrep.run.outdated import NOTEBOOKS, notebook_code, outdated

README = ROOT / "README.md"
SCORECARD = "06_scorecard"  # says what a run's other notebooks have found
PUBLISHED = ("quick", "thorough", "full")
NOTEBOOK_LIMIT = 1_000_000
TOTAL_LIMIT = 10_000_000
PROGRESS_BAR = "application/vnd.jupyter.widget-view+json"


class PublishError(RuntimeError):
    """A run may not be published; the message lists every reason."""


def publish(folder: Path) -> Path:
    """Copy a run to results/<profile>/, whole or not at all, and write its scorecard into the README.

    Raises PublishError, and changes nothing, if anything speaks against it.
    """
    problems = objections(folder)
    if problems:
        raise PublishError(f"{runs.shown(folder)} is not published:\n  - " + "\n  - ".join(problems))
    profile = json.loads((folder / "run.json").read_text(encoding="utf-8"))["profile"]
    target = runs.published_folder(profile)
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".") as aside:
        new, old = Path(aside) / "new", Path(aside) / "old"
        copy_run(folder, new)
        if target.exists():
            target.rename(old)
        try:
            new.rename(target)
        except BaseException:
            if old.exists():
                old.rename(target)
            raise
    write_readme_table(profile)
    return target


def copy_run(folder: Path, target: Path) -> None:
    """Copy what is published of a run: its tables, and the notebooks that have finished, with their figures."""
    target.mkdir(parents=True)
    for name in ("rows.csv", "scorecard.csv", "run.json"):
        shutil.copy(folder / name, target / name)
    for notebook, fact in runs.read_parts(folder)[1].items():
        copy_notebook(folder, target, notebook, fact)


def copy_notebook(folder: Path, target: Path, notebook: str, fact: dict) -> None:
    """Copy what one notebook left in a run: the executed copy, its figures, its part of the rows, and its facts."""
    for name in ("figures", "parts"):
        (target / name).mkdir(parents=True, exist_ok=True)
    for figure in fact["figures"]:
        shutil.copy(folder / "figures" / figure, target / "figures" / figure)
    executed = (folder / "notebooks" / f"{notebook}.ipynb").read_text(encoding="utf-8")
    write_aside(target / "notebooks" / f"{notebook}.ipynb", as_published(executed))
    for suffix in ("csv", "json"):  # the facts last: without them it does not count as finished
        shutil.copy(folder / "parts" / f"{notebook}.{suffix}", target / "parts" / f"{notebook}.{suffix}")


def to_take(folder: Path, profile: str) -> list[str]:
    """The published notebooks of a run's profile that it lacks and whose code is still the same, the scorecard
    aside."""
    facts, own = (runs.read_facts(place) for place in (runs.published_folder(profile), folder))
    lacking = [name for name in facts if name not in own and name != SCORECARD]
    return [name for name in lacking if facts[name]["code"] == notebook_code(name)]


def take_published(folder: Path, profile: str) -> list[str]:
    """Begin a run with what is `to_take` of the published one; which notebooks these are."""
    published, taken = runs.published_folder(profile), to_take(folder, profile)
    for name in taken:
        copy_notebook(published, folder, name, runs.read_facts(published)[name])
    if taken:
        runs.compile_run(folder)
    return taken


def objections(folder: Path) -> list[str]:
    """Everything that speaks against publishing a run."""
    if not (folder / "run.json").exists():
        return [f"{runs.shown(folder)} holds no run.json: name the folder of a run, such as results/runs/quick"]
    rows, facts = runs.read_parts(folder)
    found = []
    profiles = sorted({fact["profile"] for fact in facts.values()})
    if profiles not in ([name] for name in PUBLISHED):
        named = ", ".join(profiles) or "none"
        found.append(f"only {', '.join(PUBLISHED)} are published, and not mixed; this run's profile: {named}")
    stand_ins = [name for fact in facts.values() for name, d in fact["datasets"].items() if not d["real"]]
    if stand_ins or stands_in(rows):
        names = ", ".join(sorted(set(stand_ins)))
        found.append(f"stand-in data: {names}; get the real data (`make data`) and run again")
    if any(fact["dirty"] and fact["commit"] for fact in facts.values()):
        found.append("the working tree was dirty: commit, then run again")
    if not all(fact["commit"] for fact in facts.values()):
        found.append("its commit is not known, for it was made outside a git checkout: run it in a clone")
    for notebook, fact in facts.items():
        found += notebook_objections(folder, notebook, fact)
    found += incomplete(facts, profiles[0] if profiles else "")
    found += [f"rows of {notebook} are older than the code they depend on: run it again" for notebook in outdated(rows)]
    size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file() and "stages" not in p.parts)
    if size > TOTAL_LIMIT:
        found.append(f"the run is larger than {TOTAL_LIMIT:,} bytes ({size:,})")
    return list(dict.fromkeys(found))


def incomplete(facts: dict[str, dict], profile: str) -> list[str]:
    """Which notebooks are published but not in this run, and whether its scorecard is of an earlier state."""
    published = runs.read_parts(runs.published_folder(profile))[1]
    lost = [name for name in published if name not in facts and name != SCORECARD]
    found = [f"{name} is published but not in this run: execute it, or begin with --keep-published" for name in lost]
    card = facts.get(SCORECARD, {"finished": ""})
    if any(fact["finished"] > card["finished"] for fact in facts.values()):
        found.append(f"{SCORECARD} is missing or older than another notebook of the run: execute it")
    return found


def notebook_objections(folder: Path, notebook: str, fact: dict) -> list[str]:
    """What speaks against publishing one executed notebook."""
    found = []
    path = folder / "notebooks" / f"{notebook}.ipynb"
    if fact["code"] != notebook_code(notebook):
        found.append(f"rows of {notebook} are older than the code they depend on: run it again")
    if fact["parameters"].get("seeds") is not None:
        found.append(f"{notebook} had seeds of its own, not its profile's: run it again without `seeds`")
    own = {name: value for name, value in fact["parameters"].items() if name not in ("profile", "seeds", "device")}
    for name, value in own.items():
        if value != (default := defaults(notebook).get(name)):
            found.append(f"{notebook} was executed with {name} = {value!r}: run it again with {default!r}")
    if not path.exists():
        found.append(f"the executed notebook {runs.shown(path)} is missing")
    elif has_failed(path):
        found.append(f"{runs.shown(path)} holds a cell that failed, or was not executed to its end")
    else:
        text = path.read_text(encoding="utf-8")
        if len(as_published(text)) > NOTEBOOK_LIMIT:
            found.append(f"{runs.shown(path)} is larger than {NOTEBOOK_LIMIT:,} bytes")
        if fact["figures"] and '"image/png"' not in text:
            found.append(f"{runs.shown(path)} holds no picture: run it again, by `make reproduce`")
        if not wrote(text, fact):
            found.append(f"rows of {notebook} are not those of {runs.shown(path)}: run it again, by `make reproduce`")
    for name in fact["figures"]:
        figure = folder / "figures" / name
        if not figure.exists() or figure.stat().st_size == 0:
            found.append(f"the figure {runs.shown(figure)} is missing")
    return found


def defaults(notebook: str) -> dict:
    """The values in a notebook's cell of parameters."""
    found = papermill.inspect_notebook(NOTEBOOKS / f"{notebook}.ipynb")
    return {name: ast.literal_eval(parameter["default"]) for name, parameter in found.items()}


def wrote(executed: str, fact: dict) -> bool:
    """Whether an executed notebook's text is that of the execution which a part's facts come from."""
    papermill = json.loads(executed)["metadata"].get("papermill", {})
    times = papermill.get("start_time", ""), fact["finished"], papermill.get("end_time", "")
    if not all(times):
        return False
    start, finished, end = map(datetime.fromisoformat, times)
    return start <= finished + timedelta(seconds=1) and finished <= end + timedelta(seconds=1)


def has_failed(path: Path) -> bool:
    """Whether an executed notebook holds a cell that failed or was never finished, or was cut off while it was
    written."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    except ValueError:  # no JSON, or cut within a letter
        return True
    states = {cell.get("metadata", {}).get("papermill", {}).get("status", "completed") for cell in cells}
    failed = any(output.get("output_type") == "error" for cell in cells for output in cell.get("outputs", ()))
    return failed or bool(states - {"completed"})


def as_published(text: str) -> str:
    """An executed notebook without its progress bars, papermill's record of where its files lay, the kernel's temporary
    folder, and where packages are installed."""
    text = re.sub(r"/[^\s\"]*/(ipykernel_)\d+/\d+", r"\1cell", text)
    content = json.loads(re.sub(r"/[^\s\"]*/(site-packages/)", r"\1", text))
    for name in ("input_path", "output_path"):
        content["metadata"].get("papermill", {}).pop(name, None)
    content["metadata"].pop("widgets", None)
    for cell in content["cells"]:
        if "outputs" in cell:
            cell["outputs"] = [output for output in cell["outputs"] if PROGRESS_BAR not in output.get("data", {})]
    return json.dumps(content, indent=1) + "\n"


def write_readme_table(profile: str) -> None:
    """Replace the README's generated table of one profile by what its published scorecard says."""
    write_aside(README, with_table(README.read_text(encoding="utf-8"), profile))


def with_table(readme: str, profile: str) -> str:
    """The README's text with the published scorecard of a profile between its two markers."""
    start, end = f"<!-- scorecard: {profile} -->", f"<!-- end of scorecard: {profile} -->"
    if start not in readme or end not in readme:
        return readme
    others = runs.reference_rows(profile) if runs.reference_profile(profile) != profile else None
    card = scorecard(read_rows(runs.published_folder(profile) / "rows.csv"), others)
    ran = card[card["notebook"].isin(card[card["verdict"] != "not run"]["notebook"])]
    before, rest = readme.split(start, 1)
    return f"{before}{start}\n{tally(ran)}\n\n{as_markdown(ran)}\n{end}{rest.split(end, 1)[1]}"
