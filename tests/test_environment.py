"""Environment variables, encodings and line ends."""

import ast
import os
import subprocess
import sys

import pytest

from kdrep import environment
from kdrep.data import find
from kdrep.data.datasets import DataError
from kdrep.files import ROOT
from kdrep.run import profiles, stages


@pytest.mark.parametrize(
    ("value", "on"),
    [("1", True), ("yes", True), ("TRUE", True), ("0", False), ("no", False), ("", False), ("off", False)],
)
def test_a_switch_can_be_off(monkeypatch, value, on):
    monkeypatch.setenv("KDREP_DRY", value)
    assert environment.switch("KDREP_DRY") is on
    assert (profiles.settings("02_speech", "full").member["epochs"] == 1) is on


def test_a_switch_that_is_neither_is_an_error(monkeypatch):
    monkeypatch.setenv("KDREP_OFFLINE", "maybe")
    with pytest.raises(ValueError, match="KDREP_OFFLINE: must be one of"):
        environment.switch("KDREP_OFFLINE")


def test_an_empty_setting_is_none(monkeypatch):
    monkeypatch.setenv("KDREP_PRECISION", "")
    assert environment.setting("KDREP_PRECISION") is None


@pytest.mark.parametrize("seeds", [2.5, 2.0, True, "3", 0, 101])
def test_seeds_must_be_a_whole_number(seeds):
    with pytest.raises(ValueError, match="seeds: must be a whole number between 1 and 100"):
        profiles.settings("01_mnist", "smoke", seeds)


def test_a_tilde_is_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "sets").mkdir()
    assert find.folders("~/sets") == [tmp_path / "sets"]
    monkeypatch.setenv("KDREP_DATA", "~/sets")
    assert find.folders()[0] == tmp_path / "sets"
    monkeypatch.setenv("KDREP_DATA", "~/nowhere")
    with pytest.raises(DataError, match="is no folder"):
        find.folders()


@pytest.mark.parametrize("path", sorted((ROOT / "kdrep").rglob("*.py")), ids=stages.inside)
def test_every_text_is_read_and_written_in_utf_8(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            other = isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") in ("wave", "tarfile")
            if name in ("read_text", "write_text", "open") and not other:
                assert any(keyword.arg == "encoding" for keyword in node.keywords), f"line {node.lineno}"


def test_a_terminal_that_lacks_letters_gets_others():
    command = [sys.executable, "-m", "kdrep", "scorecard", str(ROOT / "results" / "thorough"), "--markdown"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert ran.returncode == 0, ran.stderr
    assert b"| H3.1 |" in ran.stdout


def test_line_ends_do_not_make_other_code(tmp_path, monkeypatch):
    monkeypatch.setattr(stages, "PACKAGE", tmp_path)
    file = tmp_path / "one.py"
    file.write_bytes(b"A = 1\nB = 2\n")
    unix = stages.code_fingerprint([file])
    file.write_bytes(b"A = 1\r\nB = 2\r\n")
    assert stages.code_fingerprint([file]) == unix
    file.write_bytes(b"A = 1\nB = 3\n")
    assert stages.code_fingerprint([file]) != unix


def test_a_user_without_a_name_is_given_one(tmp_path):
    """As in a container that is started with a user's number alone: torch asks for the name at its first step."""
    nameless = "import pwd\ndef gone(uid): raise KeyError(uid)\npwd.getpwuid = gone\n"
    (tmp_path / "sitecustomize.py").write_text(nameless)
    names = ("USER", "LOGNAME", "LNAME", "USERNAME")
    env = {key: value for key, value in os.environ.items() if key not in names} | {"PYTHONPATH": str(tmp_path)}
    script = "import kdrep, torch._dynamo, getpass; print(getpass.getuser())"
    run = subprocess.run([sys.executable, "-c", script], env=env, cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout == f"user{os.getuid()}\n"
