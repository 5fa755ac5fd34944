"""Profiles: what a dry run and a number of seeds change, and nothing else."""

from kdrep.run import profiles


def test_a_dry_run_has_full_nets_and_smokes_lengths(monkeypatch):
    monkeypatch.setenv("KDREP_DRY", "1")
    chosen = profiles.settings("02_speech", "full")
    full, smoke = (profiles.resolve(profiles.SETTINGS["02_speech"], column) for column in (3, 0))
    assert chosen.width == full["width"] == 2560
    assert chosen.slice == smoke["slice"]
    assert chosen.member["epochs"] == 1
    assert chosen.member["learning_rate"] == full["member"]["learning_rate"]
    for notebook in profiles.SETTINGS:
        assert getattr(profiles.settings(notebook, "full"), "seeds", 1) == 1  # 06 has none


def test_seeds_replaces_every_number_of_seeds():
    chosen = profiles.settings("05_fitnets", "quick", seeds=2)
    assert (chosen.seeds, chosen.few_seeds, chosen.colour_seeds) == (2, 2, 2)
    assert chosen.depth_seeds == {"published": 2, "modern": 2}
    assert profiles.settings("01_mnist", "quick", seeds=2).sweep_seeds == {30: 2, 100: 2, 300: 2, 800: 2}
