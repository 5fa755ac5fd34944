"""What is said before anything runs, and what comes of data that are not there."""

import json
import warnings

import pytest
import torch

from kdrep.data.cifar import textures
from kdrep.data.mnist import embedded_digits
from kdrep.run import doctor, minutes, notebook, plan, runner
from kdrep.run.minutes import START, Minutes
from kdrep.run.profiles import PROFILES, SETTINGS, data_of, profile_on

REAL = {"mnist": True, "digits": False, "cifar100": True}
ACTIONS = {"01_mnist": plan.COMPUTED, "03_specialists": plan.KEPT, "04_soft_targets": plan.COMPUTED}


@pytest.fixture
def known(monkeypatch):
    """Minutes of every notebook in two profiles."""
    made = {"smoke": Minutes(1.0, 2.0, 1.0), "quick": Minutes(10.0, 30.0, 0.0)}
    monkeypatch.setattr(minutes, "MINUTES", {p: dict.fromkeys(SETTINGS, m) for p, m in made.items()})
    monkeypatch.setattr(minutes, "side_by_side", lambda device: 4)
    monkeypatch.delenv("KDREP_STANDIN", raising=False)


def steps(seeds=None):
    return plan.make_plan(ACTIONS, "quick", seeds, torch.float32, "cpu", REAL, slower=1.5)


def test_a_notebook_whose_data_are_stood_in_for_takes_smokes_settings(known, monkeypatch):
    one, kept, part = steps()
    assert (one.profile, one.real, one.minutes) == ("quick", True, pytest.approx(START + 30 * 1.5 / 2))
    assert (kept.action, kept.minutes) == (plan.KEPT, 0.0)
    assert (part.profile, part.real, part.minutes) == ("smoke", False, pytest.approx(START + 2 * 1.5))
    monkeypatch.setenv("KDREP_STANDIN", "full")
    assert steps()[-1].profile == "quick"
    monkeypatch.setenv("KDREP_STANDIN", "half")
    with pytest.raises(ValueError, match="KDREP_STANDIN: must be smoke or full"):
        steps()


def test_minutes_grow_with_the_seeds(known):
    assert steps(seeds=6)[0].minutes == pytest.approx(2 * steps()[0].minutes)


def test_the_plan_says_what_runs_on_what_for_how_long(known):
    found = {"mnist": as_real(embedded_digits()), "cifar100": as_real(textures(10)), "digits": embedded_digits()}
    lines = plan.as_lines(steps(), found, "profile quick; cpu")
    assert lines[0] == "profile quick; cpu"
    assert "  digits: NOT FOUND, embedded-digits stands in" in lines
    one, kept, part, total = lines[-4:]
    assert one == "  01_mnist         computed, settings of quick; mnist; 23 minutes"
    assert kept == "  03_specialists   kept, settings of quick; cifar100; no time"
    assert part == "  04_soft_targets  computed, settings of smoke; embedded-digits for digits, mnist; 3 minutes"
    assert total == "  all              about 26 minutes on this machine, if it does nothing else"


def test_the_last_lines_say_what_was_real_and_how_to_get_the_rest(known):
    found = {"mnist": as_real(embedded_digits()), "cifar100": as_real(textures(10)), "digits": embedded_digits()}
    said = " ".join(plan.afterword(steps(), found))
    assert said.startswith(
        "Real data: mnist, cifar100. Not found: digits. On stand-ins, where nothing is a result, ran"
    )
    assert "ran 04_soft_targets (with" in said
    assert all(way in said for way in ("`make data`", "KDREP_DATA", "data/README.md"))
    assert plan.afterword(steps(), {"mnist": as_real(embedded_digits())}) == []


def as_real(dataset):
    """A small data set that says it is the real one."""
    object.__setattr__(dataset, "real", True)
    return dataset


def test_a_set_that_fails_to_download_does_not_stop_the_others(monkeypatch, capsys):
    def failing(data_dir, download):
        warnings.warn("the spoken digits were not downloaded (TimeoutError)", stacklevel=1)
        return embedded_digits()

    made = {"digits": failing, "mnist": lambda data_dir, download: as_real(embedded_digits())}
    monkeypatch.setattr(plan, "LOADERS", made)
    found = plan.look(["digits", "mnist", "digits"], download=True)
    assert [(name, data.real) for name, data in found.items()] == [("digits", False), ("mnist", True)]
    assert capsys.readouterr().out == "  the spoken digits were not downloaded (TimeoutError)\n"


def test_every_notebook_names_data_that_can_be_looked_for():
    named = {name for notebook_ in SETTINGS for profile in PROFILES for name in data_of(notebook_, profile)}
    assert named <= plan.LOADERS.keys()
    assert data_of("04_soft_targets", "quick", corpus="speechcommands") == ("speechcommands", "mnist")


def test_a_notebook_on_a_stand_in_takes_smokes_settings_by_itself(monkeypatch, tmp_path, capsys):
    """Without the command as well: in JupyterLab, or by papermill."""
    monkeypatch.setitem(notebook.LOADERS, "mnist", lambda data_dir: embedded_digits())
    monkeypatch.delenv("KDREP_STANDIN", raising=False)
    begun = notebook.begin("01_mnist", profile="quick", device="cpu", results_dir=tmp_path)
    assert (begun.profile, begun.parameters["profile"]) == ("smoke", "quick")
    assert begun.settings.slice == SETTINGS["01_mnist"]["slice"].smoke
    assert "Something stands in for data: the settings of smoke, not of quick" in capsys.readouterr().out
    monkeypatch.setenv("KDREP_STANDIN", "full")
    assert notebook.begin("01_mnist", profile="quick", device="cpu", results_dir=tmp_path).profile == "quick"


def test_a_dry_run_keeps_its_nets_on_a_stand_in(monkeypatch):
    monkeypatch.delenv("KDREP_STANDIN", raising=False)
    assert profile_on("full", real=False) == "smoke"
    monkeypatch.setenv("KDREP_DRY", "1")
    assert profile_on("full", real=False) == "full"


def test_only_the_plan_is_made_if_that_is_asked_for(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("KDREP_RESULTS", str(tmp_path / "run"))
    monkeypatch.setenv("KDREP_OFFLINE", "1")
    options = dict(name=None, seeds=None, device="cpu", fresh=True, only_plan=True)
    (tmp_path / "run" / "parts").mkdir(parents=True)
    (tmp_path / "run" / "parts" / "02_speech.json").write_text(json.dumps({"device": "cpu", "precision": "float32"}))
    assert runner.reproduce(["00", "06"], "smoke", **options) == 0
    said = capsys.readouterr().out
    assert "00_distillation  computed, settings of smoke" in said
    assert "scorecard.csv" not in said
    assert (tmp_path / "run" / "parts" / "02_speech.json").exists()  # nothing was deleted
    assert not (tmp_path / "run" / "notebooks").exists()


def test_a_temporary_folder_with_too_long_a_path_is_refused(monkeypatch):
    monkeypatch.setattr(doctor.tempfile, "gettempdir", lambda: "/tmp/" + "t" * 60)
    doctor.check_temporary_folder()
    monkeypatch.setattr(doctor.tempfile, "gettempdir", lambda: "/tmp/" + "t" * 85)
    with pytest.raises(RuntimeError, match="TMPDIR: .* is too long a path .* set it to a shorter one, such as /tmp"):
        doctor.check_temporary_folder()


def test_doctor_ends_with_what_to_do_next_in_order(known, monkeypatch):
    monkeypatch.setattr(minutes, "product_speed", lambda precision, device: 190.0)
    monkeypatch.setattr(doctor.torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(doctor, "native_precision", lambda device: (torch.float32, ""))
    head, smoke, quick, *rest = doctor.profile_lines()
    assert smoke == f"  smoke: {minutes.in_words(7 * (START + 2))}"
    assert quick == f"  quick: {minutes.in_words(7 * (START + 15))}"
    assert rest == ["  thorough: unknown", "  full: unknown"]
    monkeypatch.setattr(doctor, "obstacles", lambda profile: ["disk: 0.1 GB free; a run needs 3.0 GB: make room"])
    head, *numbered = doctor.next_steps(["cifar100"])
    assert head == "next"
    assert [line.split(". ", 1)[1][:12] for line in numbered] == [
        "`make data`:", "a run needs ", "`make plan`:", "`make reprod",
    ]  # fmt: skip
