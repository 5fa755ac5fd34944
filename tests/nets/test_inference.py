"""Trained nets asked in batches, and their weights kept."""

import torch

from kdrep.nets import inference
from kdrep.nets.population import Population
from kdrep.nets.residual import ResidualNet


def test_batches_make_no_difference_and_dropout_is_off():
    population, inputs = Population((5, 7, 3), [0, 1], (0.2, 0.5)), torch.rand(23, 5)
    index = torch.arange(22, -1, -2)
    found = inference.predict(population, lambda part: inputs[part], index, batch=4)
    assert population.training
    torch.testing.assert_close(found, population.eval()(inputs[index]).detach())
    assert not found.requires_grad


def test_lower_precision_comes_back_as_float32():
    population, inputs = Population((5, 7, 3), [0]), torch.rand(9, 5).bfloat16()
    found = inference.predict(population, lambda part: inputs[part], torch.arange(9), torch.bfloat16)
    assert found.dtype == torch.float32
    exact = population(inputs.float()).detach()
    torch.testing.assert_close(found, exact, atol=0.02, rtol=0.02)


def test_kept_weights_stay_as_they_were():
    net = ResidualNet((4, 4), classes=3, seed=0)
    kept = inference.weights_of(net)
    assert set(net.state_dict()) - set(kept) == {n for n in net.state_dict() if n.endswith("num_batches_tracked")}
    before = {name: value.clone() for name, value in kept.items()}
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(1)
    assert all(torch.equal(kept[name], value) for name, value in before.items())
