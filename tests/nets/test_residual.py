"""Residual nets: seeds, shapes, and what they refuse."""

import pytest
import torch

from kdrep.nets.residual import ResidualNet


def test_a_seed_means_the_same_net_and_leaves_the_global_generator_alone():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first, again = ResidualNet((4, 6, 8), 5, 3), ResidualNet((4, 6, 8), 5, 3)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert first(torch.rand(2, 3, 32, 32)).shape == (1, 2, 5)


def test_the_number_of_parameters_by_hand():
    net = ResidualNet((2, 3, 4), 5, 0)
    convolutions = 3 * 2 * 9 + (2 * 3 + 3 * 3) * 9 + 2 * 3 + (3 * 4 + 4 * 4) * 9 + 3 * 4
    norms = 2 * (2 + 3 + 3 + 4 + 4)
    assert sum(p.numel() for p in net.parameters()) == convolutions + norms + 4 * 5 + 5


@pytest.mark.parametrize("pool", [True, False])
def test_maps_halve_from_the_second_block_on(pool):
    net = ResidualNet((4, 6, 8, 10), 5, 0, pool)
    shapes = []
    for block in net.blocks:
        block.register_forward_hook(lambda module, inputs, output: shapes.append(tuple(output.shape[1:])))
    net(torch.rand(1, 3, 32, 32))
    assert shapes == [(6, 16, 16), (8, 8, 8), (10, 4, 4)]


def test_too_few_widths_are_refused():
    with pytest.raises(ValueError, match="two widths"):
        ResidualNet((8,), 5, 0)
