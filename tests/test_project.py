"""The house rules: versions, imports, notebooks, and what the README says."""

import ast
import importlib
import json
import re
import shutil
import tomllib
from pathlib import Path

import pytest
import torch

from kdrep.report import verdicts
from kdrep.run import minutes, publishing, runs, stages
from kdrep.run.profiles import SETTINGS
from kdrep.run.publishing import PUBLISHED

ROOT = Path(__file__).resolve().parent.parent
# From the top.
FLOORS = (
    {"__main__", "__init__"},
    {"run", "experiments"},
    {"learning"},
    {"report", "data", "nets"},
    {"files", "environment"},
)
MODULES = sorted((ROOT / "kdrep").rglob("*.py"))
SOURCE_NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def test_all_three_files_ask_for_the_same_versions():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert all(re.fullmatch(r"[\w-]+==[\d.]+", line) for line in declared)
    lock = (ROOT / "requirements.lock").read_text()
    environment = (ROOT / "environment.yml").read_text()
    for line in declared:
        assert re.search(rf"^{re.escape(line)}(?: |$)", lock, re.MULTILINE), f"{line} is not in requirements.lock"
    assert re.findall(r"^      - ([\w-]+==.*)$", environment, re.MULTILINE) == declared


def test_the_lock_has_hashes_and_names_no_host():
    lock = (ROOT / "requirements.lock").read_text()
    packages = re.split(r"\n(?=[a-z])", lock.strip())
    assert len(packages) > 100
    assert all("--hash=sha256:" in package for package in packages)
    assert "://" not in lock


def wing(path: Path) -> str:
    """The wing of a file of kdrep: its first folder, or the file itself."""
    return path.relative_to(stages.PACKAGE).with_suffix("").parts[0]


def arrows_of_code() -> set[tuple[str, str]]:
    """Which wing imports which."""
    found = set()
    for path in MODULES:
        package = ".".join(("kdrep", *path.parent.relative_to(stages.PACKAGE).parts))
        found |= {(wing(path), wing(other)) for other in stages.imports_of(path.read_text(), package)}
    return {(a, b) for a, b in found if a != b}


def test_imports_between_wings_run_down_only():
    floor = {name: i for i, names in enumerate(FLOORS) for name in names}
    for upper, lower in arrows_of_code():
        assert floor[upper] < floor[lower], f"{upper} imports {lower}, which does not stand below it"


def test_the_picture_of_the_house_shows_the_arrows_of_the_code():
    picture = (ROOT / "docs" / "house.md").read_text()
    assert set(re.findall(r"^ *(\w+) --> (\w+)$", picture, re.MULTILINE)) == arrows_of_code()


def test_every_wing_says_what_it_is():
    for folder in {path.parent for path in MODULES}:
        assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text())), folder


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "benchmarks").glob("*.py")), ids=lambda p: p.name)
def test_what_no_other_test_runs_imports_what_there_is(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kdrep"):
            module = importlib.import_module(node.module)
            for alias in node.names:
                assert hasattr(module, alias.name) or stages.files_named(f"{node.module}.{alias.name}"), alias.name


@pytest.mark.parametrize("path", MODULES, ids=stages.inside)
def test_files_stay_short(path):
    assert len(path.read_text().splitlines()) <= 420


@pytest.mark.parametrize("path", SOURCE_NOTEBOOKS, ids=lambda p: p.stem)
def test_source_notebooks_are_clean(path):
    cells = json.loads(path.read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    for cell in code:
        source = "".join(cell["source"])
        assert bool(cell["outputs"]) == source.startswith("# NBVAL_CHECK_OUTPUT"), f"outputs: {source[:60]}"
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < 10, f"{node.name} is longer than ten lines"
    (parameters,) = [cell for cell in code if "parameters" in cell["metadata"].get("tags", ())]
    names = {node.targets[0].id for node in ast.parse("".join(parameters["source"])).body}
    assert names >= {"profile", "seeds", "device", "data_dir", "results_dir"}
    prose = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    titles = [line for text in prose for line in text.splitlines() if line.startswith("# ")]
    assert len(titles) == 1, f"one title a notebook, not {titles}"
    assert prose[0].startswith(f"# {path.stem[:2]} · ")


def test_every_notebook_has_settings():
    assert [path.stem for path in SOURCE_NOTEBOOKS] == list(SETTINGS)


@pytest.mark.parametrize("profile", PUBLISHED)
def test_published_tables_are_what_their_parts_say(profile, tmp_path):
    published = ROOT / "results" / profile
    if not published.exists():
        pytest.skip(f"results/{profile} has not been published")
    shutil.copytree(published / "parts", tmp_path / "parts")
    runs.compile_run(tmp_path)
    for name in ("rows.csv", "scorecard.csv", "run.json"):
        assert (tmp_path / name).read_text() == (published / name).read_text(), name


@pytest.mark.parametrize("profile", PUBLISHED)
def test_readme_table_is_the_published_scorecard(profile):
    if not (ROOT / "results" / profile / "scorecard.csv").exists():
        pytest.skip(f"results/{profile} has not been published")
    readme = (ROOT / "README.md").read_text()
    assert f"<!-- scorecard: {profile} -->" in readme
    assert publishing.with_table(readme, profile) == readme


@pytest.mark.parametrize("profile", ["smoke", "quick", "thorough"])
def test_readme_says_the_minutes_that_the_plan_says(profile):
    (line,) = re.findall(rf"^\| `{profile}` \| [^|]+ \| (.*) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    cases = [(torch.bfloat16, 2), (torch.bfloat16, 8), (torch.float32, 2)]
    totals = [sum(minutes.estimated(n, profile, p, 1.0, cores) for n in SETTINGS) for p, cores in cases]
    assert line.split(" | ") == [minutes.in_words(total) for total in totals]


def test_readme_says_what_verdicts_mean():
    readme = (ROOT / "README.md").read_text()
    for verdict, meaning in verdicts.VERDICTS.items():
        assert f"| {verdict} | {meaning} |" in readme


def test_published_notebooks_warn_of_nothing():
    for path in ROOT.glob("results/*/notebooks/*.ipynb"):
        outputs = [o for cell in json.loads(path.read_text())["cells"] for o in cell.get("outputs", [])]
        warned = ["".join(o["text"]) for o in outputs if o.get("name") == "stderr"]
        assert not warned, f"{path.relative_to(ROOT)}: {warned[0][:200]}"
