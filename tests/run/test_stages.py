"""Stages: computed once for the same inputs and code, and again when either changes."""

import json
from pathlib import Path

import pytest
import torch

from kdrep import files
from kdrep.learning.training import Recipe
from kdrep.run import stages

CALLS = []


def square(number, device="cpu"):
    """A stage that counts its calls."""
    CALLS.append(number)
    return {"square": torch.tensor(number**2)}


@pytest.fixture(autouse=True)
def _no_calls():
    CALLS.clear()


def test_a_finished_stage_is_not_computed_again(tmp_path):
    first = stages.run_stage(tmp_path, "square", square, number=3)
    second = stages.run_stage(tmp_path, "square", square, number=3)
    assert CALLS == [3]
    assert first["square"] == second["square"] == 9
    assert first["seconds"] == second["seconds"] >= 0


def test_a_changed_input_or_code_is_computed_again(tmp_path, monkeypatch):
    stages.run_stage(tmp_path, "square", square, number=3)
    stages.run_stage(tmp_path, "square", square, number=4)
    monkeypatch.setattr(stages, "function_code", lambda function: "other code")
    stages.run_stage(tmp_path, "square", square, number=3)
    assert CALLS == [3, 4, 3]


HOUSE = {  # made-up files in place of kdrep's
    "__init__.py": "",
    "files.py": "",
    "experiments/__init__.py": "",
    "experiments/speech/__init__.py": "",
    "experiments/speech/upper.py": "from . import middle\nfrom kdrep.nets.one import two\n",
    "experiments/speech/middle.py": "from ..deep import ANSWER\nimport kdrep.nets.other\n",
    "experiments/speech/beside.py": "",
    "experiments/deep.py": "from kdrep import files\n",
    "experiments/beside.py": "",
    "nets/__init__.py": "",
    "nets/one.py": "",
    "nets/two.py": "",
    "nets/other.py": "",
}
UPPER = "kdrep.experiments.speech.upper"
DEPENDS_ON = {
    "experiments/__init__.py", "experiments/speech/__init__.py", "experiments/speech/upper.py",
    "experiments/speech/middle.py", "experiments/deep.py", "nets/__init__.py", "nets/one.py", "nets/other.py",
}  # fmt: skip


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A house of made-up files in place of kdrep."""
    for name, content in HOUSE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    monkeypatch.setattr(stages, "PACKAGE", tmp_path)
    monkeypatch.setattr(stages, "AT_START", at_start(tmp_path))
    stages.imports_of.cache_clear()
    yield tmp_path
    stages.imports_of.cache_clear()


def at_start(folder):
    """What a process that starts now runs."""
    return {path: path.read_bytes() for path in folder.rglob("*.py")}


def of_package():
    """A function that claims to live in the package's upper file."""


of_package.__module__ = UPPER


@pytest.mark.parametrize("changed", HOUSE)
def test_a_change_of_a_deep_file_outdates_what_depends_on_it_and_nothing_else(package, monkeypatch, changed):
    before = stages.function_code(of_package)
    (package / changed).write_text("ANSWER = 2\n")
    if changed in DEPENDS_ON:
        with pytest.raises(files.StageError, match=rf"kdrep/{changed} has changed since this kernel started"):
            stages.function_code(of_package)
    monkeypatch.setattr(stages, "AT_START", at_start(package))
    assert (stages.function_code(of_package) != before) == (changed in DEPENDS_ON)


def test_what_only_keeps_results_outdates_nothing_nor_does_what_it_imports(package, monkeypatch):
    upper = package / "experiments" / "speech" / "upper.py"
    upper.write_text(upper.read_text() + "from kdrep import keeper\n")
    (package / "keeper.py").write_text("from kdrep import beneath\n")
    (package / "beneath.py").write_text("ANSWER = 1\n")
    monkeypatch.setattr(stages, "AT_START", at_start(package))
    strict = stages.function_code(of_package)
    monkeypatch.setattr(stages, "OWN_FILES", ("keeper.py",))
    before = stages.function_code(of_package)
    assert before != strict
    (package / "keeper.py").write_text("from kdrep import beneath  # otherwise\n")
    (package / "beneath.py").write_text("ANSWER = 2\n")
    monkeypatch.setattr(stages, "AT_START", at_start(package))
    assert stages.function_code(of_package) == before


@pytest.mark.parametrize(
    ("line", "package_", "found"),
    [
        ("import kdrep.nets.one", "kdrep", {"nets/__init__.py", "nets/one.py"}),
        ("import kdrep.nets.one as one, os", "kdrep", {"nets/__init__.py", "nets/one.py"}),
        ("from kdrep.nets import one, two", "kdrep", {"nets/__init__.py", "nets/one.py", "nets/two.py"}),
        ("from kdrep.nets.one import ANSWER", "kdrep", {"nets/__init__.py", "nets/one.py"}),
        ("from kdrep import files", "kdrep", {"files.py"}),
        ("from . import one", "kdrep.nets", {"nets/__init__.py", "nets/one.py"}),
        ("from .one import ANSWER", "kdrep.nets", {"nets/__init__.py", "nets/one.py"}),
        ("from ...nets import one", "kdrep.experiments.speech", {"nets/__init__.py", "nets/one.py"}),
        ("def later():\n    from kdrep import files", "kdrep", {"files.py"}),
        ("import os, kdrepository.files", "kdrep", set()),
    ],
)
def test_every_form_of_an_import_is_followed(package, line, package_, found):
    assert {stages.inside(path) for path in stages.imports_of(line, package_)} == found


def test_a_worker_with_other_code_than_the_notebook_computes_nothing(package):
    asked = stages.function_code(of_package)
    with pytest.raises(files.StageError, match="this worker runs another version of kdrep"):
        stages.compute("stage", of_package, {}, 1, None, "the notebook's, newer than the worker's")
    (package / "experiments" / "deep.py").write_text("ANSWER = 2\n")  # under the running worker
    with pytest.raises(files.StageError, match="this worker runs another version of kdrep"):
        stages.compute("stage", of_package, {}, 1, None, asked)


def test_another_torch_or_number_of_threads_is_another_key(monkeypatch):
    before = stages.stage_key(square, {"number": 3}, 1)
    assert stages.stage_key(square, {"number": 3}, 2) != before
    monkeypatch.setattr(torch, "__version__", "99.0")
    assert stages.stage_key(square, {"number": 3}, 1) != before


def test_a_damaged_result_is_named(tmp_path):
    stages.run_stage(tmp_path, "square", square, number=3)
    (path,) = tmp_path.glob("*.pt")
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(files.StageError, match=path.name):
        stages.run_stage(tmp_path, "square", square, number=3)


def test_a_stage_that_fails_leaves_nothing(tmp_path):
    def fails(number):
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        stages.run_stage(tmp_path, "fails", fails, number=1)
    assert not list(tmp_path.glob("*.pt"))


def test_keys_see_every_kind_of_input():
    values = [
        None,
        1,
        "1",
        1.5,
        torch.zeros(2),
        torch.zeros(3),
        torch.tensor(0.0),
        torch.float32,
        Path("a"),
        Recipe(1),
        Recipe(2),
        [1],
        {"a": 1},
    ]
    keys = [json.dumps(stages.canonical(value)) for value in values]
    assert len(set(keys)) == len(keys)
    with pytest.raises(TypeError, match="plain values"):
        stages.canonical(object())


def test_dependencies_are_transitive():
    start = stages.files_named("kdrep.experiments.mnist.training")
    found = {stages.inside(path) for path in stages.dependencies(start)}
    assert {"learning/training.py", "nets/population.py", "nets/mlp.py", "data/datasets.py", "files.py"} <= found
    assert not {"data/mnist.py", "data/find.py"} & found, "where data come from is no part of a training"
    assert not [name for name in found if name.startswith(("report/", "run/"))]


def test_an_interrupted_save_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(content, path):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(stages.torch, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        files.save({}, tmp_path / "stage.pt")
    assert not list(tmp_path.iterdir())
