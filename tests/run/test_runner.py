"""Execution through papermill, and publishing."""

import json
import os
import shutil

import nbformat
import pytest
import torch
from nbformat.v4 import new_code_cell, new_notebook

from kdrep import __main__
from kdrep.data.datasets import DataError
from kdrep.report.rows import make_row
from kdrep.report.statistics import Interval
from kdrep.run import doctor, notebook, outdated, publishing, runner, runs
from kdrep.run.profiles import choose_profile

START = """
from kdrep.run import notebook
from kdrep.report.statistics import Interval
run = notebook.begin("{name}", profile=profile, device=device, seeds=seeds)
run.row("{claim}", "a", "b", Interval(1.0, 0.5, 1.5), "errors", over="seeds", dataset="mnist")
run.finish()
"""


OURS = ["140", "[139,", "141],", "3", "seeds"]
FACT = {"datasets": {}, "figures": [], "dirty": False, "profile": "smoke"}


@pytest.fixture
def house(tmp_path, monkeypatch):
    """Two small notebooks in a place of their own; the first one fails."""
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    for name, claim, last in (("00_distillation", "H2.1", "1 / 0"), ("01_mnist", "H3.1", "2 + 2")):
        defaults = "profile = 'smoke'\ndevice = 'cpu'\nseeds = None"
        parameters = new_code_cell(defaults, metadata={"tags": ["parameters"]})
        cells = [parameters, new_code_cell(START.format(name=name, claim=claim)), new_code_cell(last)]
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        nbformat.write(new_notebook(cells=cells, metadata=kernel), notebooks / f"{name}.ipynb")
    monkeypatch.setattr(runner, "NOTEBOOKS", notebooks)
    monkeypatch.setenv("KDREP_RESULTS", str(tmp_path / "run"))
    monkeypatch.setenv("KDREP_OFFLINE", "1")
    return tmp_path


def test_a_failing_cell_is_named_and_the_rest_goes_on(house, capsys):
    status = runner.reproduce(["00", "01"], "smoke", name=None, seeds=None, device="cpu", fresh=False)
    assert status == 1
    text = capsys.readouterr()
    assert "00_distillation: failed in cell" in text.err
    assert "(1 / 0): ZeroDivisionError" in text.err
    executed = json.loads((house / "run" / "notebooks" / "00_distillation.ipynb").read_text())
    assert any(out["output_type"] == "error" for cell in executed["cells"] for out in cell.get("outputs", ()))
    assert "4" in (house / "run" / "notebooks" / "01_mnist.ipynb").read_text()
    assert "H3.1" in text.out


def test_a_kernel_that_dies_is_told_by_its_cell_and_the_rest_goes_on(house, capsys):
    path = house / "notebooks" / "00_distillation.ipynb"
    path.write_text(path.read_text().replace("1 / 0", "import os; os._exit(9)"))
    assert runner.reproduce(["00", "01"], "smoke", name=None, seeds=None, device="cpu", fresh=False) == 1
    text = capsys.readouterr()
    assert "00_distillation: failed in cell 3 (import os; os._exit(9)): its kernel died" in text.err
    assert "H3.1" in text.out


def test_a_second_run_keeps_what_is_done_and_tries_again_what_failed(house, capsys):
    for _ in range(2):
        runner.reproduce(["00", "01"], "smoke", name=None, seeds=None, device="cpu", fresh=False)
    text = capsys.readouterr().out.split("Everything is in")[1]
    assert "01_mnist: kept" in text
    assert "00_distillation: failed" in text


def test_a_notebook_that_was_cut_off_while_written_is_executed_again(house, capsys):
    options = dict(name=None, seeds=None, device="cpu", fresh=False)
    runner.reproduce(["01"], "smoke", **options)
    executed = house / "run" / "notebooks" / "01_mnist.ipynb"
    whole = executed.read_text()
    for cut in (whole[:200], whole.replace('"status": "completed"', '"status": "pending"', 1)):
        executed.write_text(cut)
        assert publishing.has_failed(executed)
        assert runner.reproduce(["01"], "smoke", **options) == 0
        assert not publishing.has_failed(executed)
    assert ": kept (" not in capsys.readouterr().out


def test_rows_of_another_execution_do_not_count_as_finished(house, capsys):
    options = dict(name=None, seeds=None, device="cpu", fresh=False)
    runner.reproduce(["01"], "smoke", **options)
    part = house / "run" / "parts" / "01_mnist.json"
    part.write_text(json.dumps(json.loads(part.read_text()) | dict(finished="2026-01-01T00:00:00+00:00")))
    assert runner.reproduce(["01"], "smoke", **options) == 0
    assert ": kept (" not in capsys.readouterr().out
    runner.reproduce(["01"], "smoke", **options)
    assert ": kept (" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("variable", "value", "error", "message"),
    [
        ("KDREP_DATA", "no/such/folder", DataError, "KDREP_DATA: no/such/folder is no folder"),
        ("KDREP_PRECISION", "bfloat16", ValueError, "was begun in float32, not bfloat16"),
        ("KDREP_PRECISION", "float16", ValueError, "precision: must be one of float32, bfloat16, not 'float16'"),
        ("KDREP_SCHEDULER", "nonsense", OSError, "scheduler: nothing answers at nonsense"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_executed(house, monkeypatch, variable, value, error, message):
    if variable == "KDREP_SCHEDULER":
        pytest.importorskip("distributed")
    part = house / "run" / "parts" / "02_speech.json"
    part.parent.mkdir(parents=True)
    part.write_text('{"precision": "float32", "device": "cpu"}')
    monkeypatch.setenv(variable, value)
    with pytest.raises(error, match=message):
        runner.reproduce(["01"], "smoke", name=None, seeds=None, device="cpu", fresh=False)
    assert not (house / "run" / "notebooks").exists()


@pytest.mark.parametrize(
    ("asked", "insists", "was_real", "took", "is_real", "kept"),
    [
        ("smoke", "", False, "smoke", True, True),
        ("quick", "", False, "smoke", False, True),
        ("quick", "", False, "smoke", True, False),  # the data have come since
        ("quick", "full", False, "smoke", False, False),
        ("quick", "full", False, "quick", False, True),
        ("quick", "full", False, "quick", True, False),
        ("quick", "", True, "quick", True, True),
        ("quick", "", True, "quick", False, True),  # what was measured on real data stays
    ],
)
def test_what_was_measured_on_a_stand_in_is_tried_again_when_there_are_data(
    house, monkeypatch, asked, insists, was_real, took, is_real, kept
):
    runner.reproduce(["01"], "smoke", name=None, seeds=None, device="cpu", fresh=False)
    monkeypatch.setenv("KDREP_STANDIN", insists)
    parameters = {"profile": asked, "seeds": None, "device": "cpu"}
    fact = FACT | dict(code=runner.notebook_code("01_mnist"), parameters=parameters, profile=took)
    fact |= dict(datasets={"mnist": {"real": was_real}})
    monkeypatch.setattr(runner.runs, "read_parts", lambda folder: (None, {"01_mnist": fact}))
    monkeypatch.setattr(publishing, "wrote", lambda *_: True)
    assert runner.finished(house / "run", "01_mnist", parameters, is_real) == kept


def test_another_word_for_how_to_stand_in_is_refused(house, monkeypatch):
    monkeypatch.setenv("KDREP_STANDIN", "half")
    with pytest.raises(ValueError, match="KDREP_STANDIN: must be smoke or full, or not set, not 'half'"):
        runner.reproduce(["01"], "smoke", name=None, seeds=None, device="cpu", fresh=False)


@pytest.mark.parametrize(("corpus", "kept"), [("digits", True), ("speechcommands", False)])
def test_a_parameter_of_one_notebook_makes_another_run(tmp_path, monkeypatch, corpus, kept):
    parameters = {"profile": "smoke", "seeds": None, "device": "cpu"}
    fact = FACT | dict(code=runner.notebook_code("02_speech"), parameters=parameters | {"corpus": corpus})
    monkeypatch.setattr(runner.runs, "read_parts", lambda folder: (None, {"02_speech": fact}))
    for name, answer in (("has_failed", False), ("wrote", True)):
        monkeypatch.setattr(publishing, name, lambda *_, answer=answer: answer)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "02_speech.ipynb").touch()
    assert runner.finished(tmp_path, "02_speech", parameters, False) == kept


@pytest.mark.parametrize(("spoil", "kept"), [({}, True), ({"dirty": True}, False), ({"figures": ["gone.png"]}, False)])
def test_what_could_not_be_published_is_executed_again(house, monkeypatch, spoil, kept):
    runner.reproduce(["01"], "smoke", name=None, seeds=None, device="cpu", fresh=False)
    parameters = {"profile": "smoke", "seeds": None, "device": "cpu"}
    fact = FACT | dict(code=runner.notebook_code("01_mnist"), parameters=parameters) | spoil
    monkeypatch.setattr(runner.runs, "read_parts", lambda folder: (None, {"01_mnist": fact}))
    monkeypatch.setattr(publishing, "wrote", lambda *_: True)
    monkeypatch.setattr(runner.runs, "git_state", lambda: ("commit", False))
    assert runner.finished(house / "run", "01_mnist", parameters, False) == kept
    monkeypatch.setattr(runner.runs, "git_state", lambda: ("commit", True))
    assert runner.finished(house / "run", "01_mnist", parameters, False) == (kept or "dirty" in spoil)


def test_the_printed_scorecard_has_what_is_published_beside_this_run(good_run, capsys):
    for published, beside in ((["—"], []), (OURS, ["agrees"])):
        runner.print_scorecard(good_run, "quick", ["06_scorecard"])
        text = capsys.readouterr().out
        (line,) = [line for line in text.splitlines() if line.strip().startswith("H3.2")]
        said = ["146", *published, *OURS, "reproduced", *beside, "exploratory"]
        assert line.split()[-len(said) :] == said
        counted = "Lines beside the published run (quick): 1 agree, 0 differ, 0 too uncertain to tell."
        assert (counted in text) == bool(beside)
        publishing.publish(good_run)


def test_the_scorecard_is_the_readers_own_else_the_fullest_published(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "ROOT", tmp_path)
    assert __main__.default_run() == tmp_path / "results" / "runs" / "quick"
    for folder, notebooks in (("full", 2), ("quick", 7), ("runs/mine", 1)):
        place = tmp_path / "results" / folder / "notebooks"
        place.mkdir(parents=True)
        (place.parent / "rows.csv").touch()
        for number in range(notebooks):
            (place / f"{number}.ipynb").touch()
        assert __main__.default_run().name == {"runs/mine": "mine"}.get(folder, folder)


def test_a_lack_of_room_is_said_with_its_remedy(tmp_path):
    assert doctor.space("disk", tmp_path, 1.0, "make room").endswith("GB free")
    assert doctor.space("disk", tmp_path, 1e18, "make room").endswith("a run needs 1,000,000,000.0 GB: make room")


def test_without_a_gpu_to_run_on_the_profile_is_quick(monkeypatch):
    monkeypatch.delenv("KDREP_PROFILE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert (choose_profile("auto", "auto"), choose_profile("auto", "cpu")) == ("full", "quick")


@pytest.mark.parametrize("name", ["..", ".", "", "/tmp/somewhere", "a/b"])
def test_a_run_has_a_plain_name(name):
    with pytest.raises(ValueError, match="name: a plain folder name"):
        runs.named_folder(name)


def test_fresh_deletes_runs_alone(tmp_path):
    for number, name in enumerate(("thesis.tex", "notebooks/thesis.ipynb", "figures/me.png", ".git/config")):
        path = tmp_path / str(number) / name
        path.parent.mkdir(parents=True)
        path.write_text("years of work")
        with pytest.raises(ValueError, match=f"holds {name}, which no run writes"):
            runs.clear(tmp_path / str(number))
        assert path.exists()
    for name in ("stages/a-0.pt", "parts/.01_mnist.csv.12", ".rows.csv.12", "notebooks/.01_mnist.ipynb.12", "run.json"):
        path = tmp_path / "run" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    runs.clear(tmp_path / "run")
    assert not any((tmp_path / "run").iterdir())
    runs.clear(tmp_path / "run")


def test_files_of_a_run_that_are_cut_off_are_named(good_run, capsys):
    table, part = good_run / "rows.csv", good_run / "parts" / "01_mnist.json"
    whole = table.read_text()
    for cut in (0, len(whole) - 5):
        table.write_text(whole[:cut])
        assert __main__.main(["scorecard", str(good_run)]) == 2
        assert "rows.csv: is cut off" in capsys.readouterr().err
    part.write_text(part.read_text()[:20])
    assert __main__.main(["publish", str(good_run)]) == 2
    assert "01_mnist.json: is cut off or damaged" in capsys.readouterr().err


def test_rows_of_other_code_are_said_to_be_old(good_run, monkeypatch, capsys):
    __main__.main(["scorecard", str(good_run)])
    assert "other code" not in capsys.readouterr().out
    monkeypatch.setattr(outdated, "notebook_code", lambda name: "newer")
    __main__.main(["scorecard", str(good_run)])
    assert "Measured by other code than there is now: 01_mnist." in capsys.readouterr().out


def test_folders_in_the_environment_are_those_of_the_shell(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KDREP_RESULTS", "mine")
    assert runs.run_folder(None, "smoke") == tmp_path / "mine"


def test_the_precision_is_asked_for_or_kept(monkeypatch, tmp_path):
    monkeypatch.setattr(notebook, "native_precision", lambda device: (torch.bfloat16, ""))
    assert notebook.choose_precision(tmp_path / "begun", "cpu") == torch.bfloat16
    with monkeypatch.context() as later:  # an interrupted run goes on in what it was begun in
        later.setattr(notebook, "native_precision", lambda device: (torch.float32, ""))
        assert notebook.choose_precision(tmp_path / "begun", "cpu") == torch.bfloat16
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "01_mnist.json").write_text('{"precision": "float32", "device": "cpu"}')
    assert notebook.choose_precision(tmp_path, "cpu") == torch.float32
    assert notebook.choose_precision(tmp_path, "cuda") == torch.bfloat16
    monkeypatch.setenv("KDREP_PRECISION", "bfloat16")
    assert notebook.choose_precision(tmp_path, "cpu") == torch.bfloat16
    monkeypatch.setenv("KDREP_PRECISION", "float16")
    with pytest.raises(ValueError, match="KDREP_PRECISION: must be one of float32, bfloat16, not 'float16'"):
        notebook.choose_precision(tmp_path, "cpu")


def test_a_missing_package_is_named_with_the_remedy(monkeypatch, capsys):
    def lacking(options):
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(__main__, "doctor", lacking)
    assert __main__.main(["doctor"]) == 2
    assert "torch is not installed for" in (said := capsys.readouterr().err)
    assert "make setup" in said


def test_without_git_the_packed_commit_is_known(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "ROOT", tmp_path)
    monkeypatch.setattr(runs, "PACKED", tmp_path / ".packed")
    assert runs.git_state() == (None, True)
    (tmp_path / ".packed").write_text("0123abcd\n")
    assert runs.git_state() == ("0123abcd", False)


def test_notebooks_are_chosen_by_name_or_number():
    assert runner.choose_notebooks(["01_mnist", "00"]) == ["00_distillation", "01_mnist"]
    assert runner.choose_notebooks([])[-1] == "06_scorecard"
    with pytest.raises(ValueError, match="notebook: must be one of"):
        runner.choose_notebooks(["99"])


@pytest.mark.parametrize("command", ["reproduce", "data", "scorecard", "publish", "doctor"])
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        __main__.main([command, "--help"])
    assert stopped.value.code == 0
    assert "usage: python -m kdrep" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["reproduce", "--profile", "huge"], "profile: must be one of"),
        (["reproduce", "99"], "notebook: must be one of"),
        (["reproduce", "01", "--profile", "smoke", "--seeds", "0"], "seeds: must be a whole number between"),
        (["scorecard", "no/such/run"], "does not exist"),
        (["publish", "no/such/run"], "holds no run.json"),
    ],
)
def test_errors_say_what_to_do(words, message, capsys):
    assert __main__.main(words) == 2
    assert message in capsys.readouterr().err


EXECUTED = {"start_time": "2026-01-01T00:00:20.5+00:00", "end_time": "2026-01-01T00:00:59.9+00:00"}


@pytest.fixture
def good_run(tmp_path, monkeypatch):
    """A run of one notebook and the scorecard that nothing speaks against."""
    folder = tmp_path / "good"
    code = outdated.notebook_code("01_mnist")
    rest = dict(over="seeds", dataset="mnist", profile="quick", device="cpu", seconds=1.0, code=code)
    facts = dict.fromkeys(("command", "commit", "versions", "machine", "device"), "x") | dict(
        profile="quick", parameters={}, precision="float32", seconds=1.0, stage_seconds=1.0,
        finished="2026-01-01T00:00:30+00:00", dirty=False,
        datasets={"mnist": {"real": True}}, figures=["01_mnist-errors.png"], code=code,
    )  # fmt: skip
    runs.write_part(
        folder,
        "01_mnist",
        [make_row("H3.2", "baseline", "test errors", Interval(140, 139, 141, 3), "errors", **rest)],
        facts,
    )
    (folder / "figures").mkdir()
    (folder / "figures" / "01_mnist-errors.png").write_bytes(b"picture")
    (folder / "figures" / "05_fitnets-unfinished.png").write_bytes(b"picture")
    (folder / "notebooks").mkdir()
    outputs = [{"output_type": "stream", "text": "/home/me/.venv/lib/python3/site-packages/torch/a.py: a warning"}]
    outputs += [{"output_type": "display_data", "data": {publishing.PROGRESS_BAR: {}, "text/plain": "100 %"}}]
    outputs += [{"output_type": "display_data", "data": {"image/png": "cGljdHVyZQ=="}}]
    executed = {
        "cells": [{"cell_type": "code", "source": "", "outputs": outputs}],
        "metadata": {"papermill": {"input_path": "/somewhere/a.ipynb"} | EXECUTED},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    for name in ("01_mnist", "06_scorecard"):
        (folder / "notebooks" / f"{name}.ipynb").write_text(json.dumps(executed))
    card = facts | dict(finished="2026-01-01T00:00:50+00:00", datasets={}, figures=[])
    card |= dict(code=outdated.notebook_code("06_scorecard"))
    runs.write_part(folder, "06_scorecard", [], card)
    house = tmp_path / "house"
    (house / "results" / "quick").mkdir(parents=True)
    (house / "results" / "quick" / "old").write_text("old")
    (house / "README.md").write_text(
        "before\n<!-- scorecard: quick -->\nold\n<!-- end of scorecard: quick -->\nafter\n"
    )
    monkeypatch.setattr(runs, "ROOT", house)
    monkeypatch.setattr(publishing, "README", house / "README.md")
    return folder


def test_a_good_run_is_published_whole(good_run):
    target = publishing.publish(good_run)
    tables = ["rows.csv", "run.json", "scorecard.csv"]
    assert sorted(p.name for p in target.iterdir()) == ["figures", "notebooks", "parts", *tables]
    assert [p.name for p in (target / "figures").iterdir()] == ["01_mnist-errors.png"]
    assert [p.name for p in target.parent.iterdir()] == ["quick"]
    executed = (target / "notebooks" / "01_mnist.ipynb").read_text()
    assert "a warning" in executed
    assert not any(text in executed for text in ("/home/me", "/somewhere", "100 %"))  # paths and progress bars
    readme = (target.parent.parent / "README.md").read_text()
    assert readme.startswith("before\n")
    assert readme.endswith("after\n")
    assert "| H3.2 |" in readme
    assert "old" not in readme
    assert "| H2.1 |" not in readme  # of a notebook that is not in the run


def test_a_run_takes_over_what_is_published_and_up_to_date(good_run, tmp_path, monkeypatch):
    published, folder = publishing.publish(good_run), tmp_path / "next"
    with monkeypatch.context() as changed:
        changed.setattr(publishing, "notebook_code", lambda name: "newer")
        assert publishing.take_published(folder, "quick") == []
    assert publishing.take_published(folder, "full") == []
    assert not folder.exists()
    assert publishing.take_published(folder, "quick") == ["01_mnist"]
    (objection,) = publishing.objections(folder)
    assert objection == "06_scorecard is missing or older than another notebook of the run: execute it"
    assert (folder / "rows.csv").read_text() == (published / "rows.csv").read_text()
    (folder / "figures" / "01_mnist-errors.png").write_bytes(b"new")
    assert publishing.take_published(folder, "quick") == []  # the run's own is not overwritten
    assert (folder / "figures" / "01_mnist-errors.png").read_bytes() == b"new"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (dict(dirty=True), "working tree was dirty"),
        (dict(dirty=True, commit=None), "its commit is not known"),
        (dict(parameters={"seeds": 1}), "01_mnist had seeds of its own"),
        (dict(parameters={"corpus": "another"}), "01_mnist was executed with corpus = 'another'"),
        (dict(finished="2026-01-01T00:00:10+00:00"), "rows of 01_mnist are not those of"),
        (dict(datasets={"embedded-digits": {"real": False}}), "stand-in data: embedded-digits"),
        (dict(code="older"), "rows of 01_mnist are older"),
        (dict(profile="smoke"), "only quick, thorough, full"),
        (dict(figures=["01_mnist-errors.png", "gone.png"]), "gone.png is missing"),
    ],
)
def test_publish_refuses_and_changes_nothing(good_run, spoil, message):
    part = good_run / "parts" / "01_mnist.json"
    part.write_text(json.dumps(json.loads(part.read_text()) | spoil))
    runs.compile_run(good_run)
    with pytest.raises(publishing.PublishError, match=message):
        publishing.publish(good_run)
    assert (runs.ROOT / "results" / "quick" / "old").exists()
    assert "old" in publishing.README.read_text()


def test_publish_refuses_to_lose_what_is_published(good_run, tmp_path):
    publishing.publish(good_run)
    for suffix in ("csv", "json"):
        (good_run / "parts" / f"01_mnist.{suffix}").unlink()
    with pytest.raises(publishing.PublishError, match="01_mnist is published but not in this run"):
        publishing.publish(good_run)


def test_the_published_run_survives_a_failure(good_run, monkeypatch):
    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(publishing.shutil, "copy", fail)
    with pytest.raises(OSError, match="disk full"):
        publishing.publish(good_run)
    assert (runs.ROOT / "results" / "quick" / "old").exists()
    assert [p.name for p in (runs.ROOT / "results").iterdir()] == ["quick"]


def test_publish_refuses_what_is_missing_or_failed(good_run):
    executed = good_run / "notebooks" / "01_mnist.ipynb"
    failed = {"cells": [{"outputs": [{"output_type": "error"}]}], "metadata": {}}
    executed.write_text(json.dumps(failed))
    assert any("a cell that failed" in text for text in publishing.objections(good_run))
    large = [{"output_type": "stream", "text": "x" * publishing.NOTEBOOK_LIMIT}]
    executed.write_text(json.dumps({"cells": [{"outputs": large}], "metadata": {}}))
    assert any("larger than" in text for text in publishing.objections(good_run))
    assert any("rows of 01_mnist are not those of" in text for text in publishing.objections(good_run))
    shutil.rmtree(executed.parent)
    assert any("executed notebook" in text for text in publishing.objections(good_run))


def again(folder):
    """Begin a run in a folder anew, as the command does."""
    with runs.alone(folder):
        runs.clear(folder)


def test_a_second_command_in_a_runs_folder_is_refused_and_deletes_nothing(tmp_path):
    folder = tmp_path / "run"
    with runs.alone(folder):
        (folder / "stages").mkdir()
        (folder / "stages" / "a-0.pt").touch()
        with pytest.raises(RuntimeError, match="another command is running there; wait for it"):
            again(folder)
        assert (folder / "stages" / "a-0.pt").exists()
    again(folder)
    assert not (folder / "stages" / "a-0.pt").exists()


def test_a_kernel_of_another_python_or_another_clone_is_refused(monkeypatch):
    runs.check_identity()
    monkeypatch.setenv("KDREP_RUNNER", runs.identity())
    runs.check_identity()
    monkeypatch.setenv("KDREP_RUNNER", "/elsewhere/venv, kdrep of /elsewhere/kdrep")
    with pytest.raises(RuntimeError, match="this kernel runs .*, but the command /elsewhere/venv, kdrep of /elsewhere"):
        notebook.begin("01_mnist", profile="smoke")


def test_kernels_run_this_copy_and_show_pictures_whatever_the_environment_says(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    with runner.kernels_like_this():
        assert os.environ["MPLBACKEND"] == runner.INLINE
        assert os.environ["PYTHONPATH"].split(os.pathsep) == [str(runner.ROOT), "/elsewhere"]
        assert os.environ["KDREP_RUNNER"] == runs.identity()
    assert (os.environ["MPLBACKEND"], os.environ["PYTHONPATH"]) == ("Agg", "/elsewhere")
    assert "KDREP_RUNNER" not in os.environ


def test_what_speaks_against_publishing_is_said_before_anything_is_computed(monkeypatch):
    monkeypatch.setattr(runs, "git_state", lambda: (None, True))
    assert "git does not know this tree" in runs.unpublishable()
    monkeypatch.setattr(runs, "git_state", lambda: ("0123abcd", True))
    assert "commit first" in runs.unpublishable()
    monkeypatch.setattr(runs, "git_state", lambda: ("0123abcd", False))
    assert runs.unpublishable() is None


def test_the_scorecard_of_some_notebooks_shows_their_claims_alone(good_run, capsys):
    runner.print_scorecard(good_run, "quick", ["01_mnist"])
    some = capsys.readouterr().out
    assert "H3.2" in some
    assert "H5.4" not in some
    runner.print_scorecard(good_run, "quick", ["01_mnist", "06_scorecard"])
    assert "H5.4" in capsys.readouterr().out
