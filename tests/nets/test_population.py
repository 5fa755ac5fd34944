"""A member of a population is the net that trains alone."""

import pytest
import torch

from kdrep.learning.distill import DistillationLoss
from kdrep.learning.training import Recipe, train
from kdrep.nets.population import Population, affine, dropout_mask

SIZES = (20, 12, 12, 5)


def fit(members, recipe, *, temperature, hard_weight, shares=None, mask=None, correction=None):
    generator = torch.Generator().manual_seed(1)
    inputs = torch.rand(200, SIZES[0], generator=generator)
    labels = torch.randint(5, (200,), generator=generator)
    teacher = torch.randn(200, 5, generator=generator) * 4
    population = Population(SIZES, members, recipe.dropout)
    if correction is not None:
        population.correction.copy_(correction)
    loss = DistillationLoss(len(members), teacher, labels, temperature=temperature, hard_weight=hard_weight, mask=mask)
    train(
        population, lambda index, _: inputs[index], loss, recipe,
        examples=torch.arange(200), seed=7, rate_shares=shares,
    )  # fmt: skip
    return population, inputs


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_member_equals_the_net_that_trains_alone(optimizer):
    recipe = Recipe(3, 32, 0.01, optimizer, dropout=(0.1, 0.4, 0.4), max_norm=1.5)
    temperatures, weights, shares = [2.0, 8.0, 20.0], [0.0, 0.5, 0.9], [1.0, 0.5, 0.1]
    mask = torch.rand(3, 200, generator=torch.Generator().manual_seed(2)) < 0.7
    correction = torch.arange(15.0).view(3, 5) / 10
    together, inputs = fit(
        [4, 5, 6],
        recipe,
        temperature=temperatures,
        hard_weight=weights,
        shares=shares,
        mask=mask,
        correction=correction,
    )
    for m, seed in enumerate([4, 5, 6]):
        alone, _ = fit(
            [seed], recipe, temperature=temperatures[m], hard_weight=weights[m], shares=shares[m : m + 1],
            mask=mask[m : m + 1], correction=correction[m : m + 1],
        )  # fmt: skip
        with torch.no_grad():
            assert torch.allclose(together(inputs)[m], alone(inputs)[0], atol=1e-4)


def test_the_same_training_gives_the_same_bits():
    recipe = Recipe(2, 32, dropout=(0.1, 0.3, 0.3))
    first, second = (fit([0, 1], recipe, temperature=4.0, hard_weight=0.1)[0] for _ in range(2))
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)


def test_affine_equals_a_naive_loop(generator):
    weight, bias = torch.randn(3, 4, 6, generator=generator), torch.randn(3, 4, generator=generator)
    shared, own = torch.randn(7, 6, generator=generator), torch.randn(3, 7, 6, generator=generator)
    for m in range(3):
        assert torch.allclose(affine(shared, weight, bias)[m], shared @ weight[m].T + bias[m], atol=1e-5)
        assert torch.allclose(affine(own, weight, bias)[m], own[m] @ weight[m].T + bias[m], atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_dropout_mask_has_two_values_and_the_rate(dtype, rate, generator):
    mask = dropout_mask((301, 333), rate, dtype, generator).float()
    assert mask.shape == (301, 333)
    assert len(mask.unique()) == 2
    assert float((mask == 0).float().mean()) == pytest.approx(rate, abs=0.005)
    assert float(mask.max()) == pytest.approx(1 / (1 - rate), rel=0.005)


def test_dropout_is_for_training_only(generator):
    population = Population(SIZES, [0], (0.5, 0.5, 0.5)).eval()
    inputs = torch.rand(4, SIZES[0], generator=generator)
    assert torch.equal(population(inputs), population(inputs))
    population.train()
    assert not torch.equal(population(inputs), population(inputs))


def test_bad_shapes_are_named():
    with pytest.raises(ValueError, match="sizes"):
        Population((5,), [0])
    with pytest.raises(ValueError, match="seeds"):
        Population(SIZES, [])
    with pytest.raises(ValueError, match="dropout: one rate"):
        Population(SIZES, [0], (0.5,))
    with pytest.raises(ValueError, match="dropout: rates"):
        Population(SIZES, [0], (0.5, 0.5, 1.0))
    with pytest.raises(ValueError, match="inputs: 20 features"):
        Population(SIZES, [0])(torch.zeros(2, 21))
