"""Stages: computed once for the same inputs and code, and again when either changes."""

import json
from pathlib import Path

import pytest
import torch

from kdrep import files, stages
from kdrep.training import Recipe

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


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of two files, one of which imports the other, in place of kdrep."""
    files = {tmp_path / "upper.py": b"from kdrep import lower\n", tmp_path / "lower.py": b"ANSWER = 1\n"}
    for path, content in files.items():
        path.write_bytes(content)
    monkeypatch.setattr(stages, "PACKAGE", tmp_path)
    monkeypatch.setattr(stages, "AT_START", files)
    stages.imports_of.cache_clear()
    yield tmp_path
    stages.imports_of.cache_clear()


def of_package():
    """A function that claims to live in the package's upper file."""


of_package.__module__ = "kdrep.upper"


def test_a_change_of_what_is_imported_changes_the_fingerprint(package, monkeypatch):
    before = stages.function_code(of_package)
    (package / "lower.py").write_bytes(b"ANSWER = 2\n")
    with pytest.raises(files.StageError, match=r"lower\.py has changed since this kernel started"):
        stages.function_code(of_package)
    monkeypatch.setattr(stages, "AT_START", {path: path.read_bytes() for path in package.glob("*.py")})
    assert stages.function_code(of_package) != before


def test_a_worker_with_other_code_than_the_notebook_computes_nothing(package):
    asked = stages.function_code(of_package)
    with pytest.raises(files.StageError, match="this worker runs another version of kdrep"):
        stages.compute("stage", of_package, {}, None, "the notebook's, newer than the worker's")
    (package / "lower.py").write_bytes(b"ANSWER = 2\n")  # under the running worker
    with pytest.raises(files.StageError, match="this worker runs another version of kdrep"):
        stages.compute("stage", of_package, {}, None, asked)


def test_another_torch_is_another_key(monkeypatch):
    before = stages.stage_key(square, {"number": 3})
    monkeypatch.setattr(torch, "__version__", "99.0")
    assert stages.stage_key(square, {"number": 3}) != before


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
    names = {path.name for path in stages.dependencies([stages.PACKAGE / "mnist.py"])}
    assert {"mnist.py", "training.py", "population.py", "models.py", "distill.py", "datasets.py"} <= names
    assert "data.py" not in names, "where data come from is no part of a training"
    assert "figures.py" not in names


def test_an_interrupted_save_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(content, path):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(stages.torch, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        files.save({}, tmp_path / "stage.pt")
    assert not list(tmp_path.iterdir())
