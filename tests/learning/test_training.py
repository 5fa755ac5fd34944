"""Training: what stops it, and what does not."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from kdrep.learning import training
from kdrep.learning.training import Recipe, TrainingError, rate_factor, train
from kdrep.nets.population import Population
from kdrep.nets.residual import ResidualNet

KILLABLE = Path(__file__).parent / "killable.py"


def start(folder, result, *words):
    return subprocess.Popen([sys.executable, KILLABLE, folder, result, *words])


def test_a_killed_run_ends_with_the_same_figures(tmp_path):
    assert start(tmp_path / "whole", tmp_path / "whole.pt").wait() == 0
    process = start(tmp_path / "killed", tmp_path / "killed.pt", "SLOW")
    while not list((tmp_path / "killed").glob("*.checkpoint")) and process.poll() is None:
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert list((tmp_path / "killed").glob("*.checkpoint")), "killed before the first checkpoint"
    assert not (tmp_path / "killed.pt").exists()
    assert start(tmp_path / "killed", tmp_path / "killed.pt").wait() == 0
    whole, killed = torch.load(tmp_path / "whole.pt"), torch.load(tmp_path / "killed.pt")
    assert torch.equal(whole["test_logits"], killed["test_logits"])
    assert torch.equal(whole["losses"], killed["losses"])
    assert torch.equal(whole["curve"], killed["curve"])
    assert not list((tmp_path / "killed").glob("*.checkpoint"))


def tiny(loss, recipe, population=None, **options):
    inputs = torch.rand(64, 8, generator=torch.Generator().manual_seed(0))
    population = population or Population((8, 6, 3), [0, 1])
    return train(population, lambda i, _: inputs[i], loss, recipe, examples=torch.arange(64), seed=0, **options)


def to_one(logits, index):
    return (logits - 1).square().mean((1, 2))


def test_a_loss_that_is_not_finite_names_the_member():
    def loss(logits, index):
        return logits.mean((1, 2)) * torch.tensor([1.0, float("nan")])

    with pytest.raises(TrainingError, match=r"member\(s\) \[1\] is not finite in epoch 1"):
        tiny(loss, Recipe(2))


def test_training_lowers_the_loss():
    losses = tiny(to_one, Recipe(30, 16, 0.01)).losses
    assert losses.shape == (30, 2)
    assert (losses[-1] < 0.1 * losses[0]).all()


def test_max_norm_bounds_the_norm_and_leaves_the_rest():
    population = Population((50, 20, 20, 3), [0])
    before = [w.clone() for w in population.weights]
    population.limit_norms(1.2)
    for weight, old in zip(population.weights[:-1], before[:-1], strict=True):
        norms, old_norms = weight.norm(dim=-1), old.norm(dim=-1)
        assert (norms <= 1.2001).all()
        assert torch.equal(weight[old_norms <= 1.2], old[old_norms <= 1.2])
    assert torch.equal(population.weights[-1], before[-1])


@pytest.mark.parametrize("decay", ["linear", "cosine"])
def test_the_rate_warms_up_and_falls_to_zero(decay):
    recipe = Recipe(1, decay=decay, warmup=0.2)
    rates = [rate_factor(p / 100, recipe) for p in range(101)]
    assert rates[0] == 0
    assert rates[20] == pytest.approx(1)
    assert rates[100] == pytest.approx(0)
    assert rates[20:] == sorted(rates[20:], reverse=True)


@pytest.mark.parametrize(
    "wrong",
    [
        dict(epochs=0),
        dict(batch_size=0),
        dict(learning_rate=0.0),
        dict(optimizer="adagrad"),
        dict(decay="step"),
        dict(warmup=1.0),
    ],
)
def test_a_recipe_says_what_is_wrong(wrong):
    with pytest.raises(ValueError, match=f"recipe: .*{next(iter(wrong))}"):
        Recipe(**{"epochs": 1, **wrong})


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "rmsprop", "sgd"])
def test_every_optimiser_lowers_the_loss(optimizer):
    rate = 0.1 if optimizer == "sgd" else 0.01
    losses = tiny(to_one, Recipe(30, 16, rate, optimizer=optimizer)).losses
    assert (losses[-1] < 0.5 * losses[0]).all()


def test_anneal_is_told_how_much_of_the_training_is_done():
    seen = []
    tiny(lambda logits, index: logits.square().mean((1, 2)), Recipe(4, 16), anneal=seen.append)
    assert seen[0] == 0
    assert seen[-1] < 1
    assert seen == pytest.approx([i / len(seen) for i in range(len(seen))])


def test_patience_stops_and_goes_back_to_the_best_weights():
    scores = iter([3.0, 1.0, 2.0, 2.0, 0.0])
    kept = []

    def observe(population):
        kept.append(population.weights[0].detach().clone())
        return torch.tensor(next(scores))

    population = Population((8, 6, 3), [0, 1])
    training = tiny(to_one, Recipe(9, 16, 0.1, patience=2), population, observe=observe)
    assert len(training.losses) == 4
    assert torch.equal(population.weights[0], kept[1])
    with pytest.raises(ValueError, match="observe"):
        tiny(to_one, Recipe(9, 16, patience=2))


def test_gradients_are_clipped():
    population, fresh = (Population((8, 6, 3), [0, 1]) for _ in range(2))
    recipe = Recipe(1, 16, 1.0, optimizer="sgd", momentum=0.0, max_gradient=1e-3, decay="constant")
    tiny(to_one, recipe, population)
    moved = torch.cat([(a - b).flatten() for a, b in zip(population.parameters(), fresh.parameters(), strict=True)])
    assert 0 < moved.norm() <= 4 * 1e-3


@pytest.mark.parametrize(
    ("net", "recipe", "examples", "message"),
    [
        (Population((5, 4, 3), [0]), Recipe(1), torch.arange(0), "examples: there is none"),
        (ResidualNet((4, 4), classes=3, seed=0), Recipe(1, max_norm=1.0), torch.arange(3), "max_norm is not for"),
    ],
)
def test_what_cannot_be_trained_is_said_at_once(net, recipe, examples, message):
    with pytest.raises(ValueError, match=message):
        train(net, lambda index, _: None, None, recipe, examples=examples, seed=0)


@pytest.mark.parametrize(
    ("capabilities", "precision"),
    [
        ({"avx2": True, "avx512_f": True}, torch.float32),
        ({"avx512_f": True, "avx512_bf16": True}, torch.bfloat16),
        ({"amx_bf16": True, "avx512_bf16": True}, torch.bfloat16),
        ({"neon": True}, torch.float32),
        ({"neon": True, "bf16": True}, torch.bfloat16),
        ({"bf16": False}, torch.float32),
    ],
)
def test_the_precision_is_what_the_processor_has_and_no_stopwatch_decides(monkeypatch, capabilities, precision):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    monkeypatch.setattr(training, "time", None)
    chosen, why = training.native_precision("cpu")
    assert chosen == precision
    assert ("has no bfloat16" in why) == (precision == torch.float32)
