"""Residual nets: seeds, shapes, and what they refuse."""

import pytest
import torch

from kdrep.convnets import RESIDUAL_LARGE, RESIDUAL_MEDIUM, RESIDUAL_SMALL, ResidualNet


def test_a_seed_means_the_same_net_and_leaves_the_global_generator_alone():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first, again = ResidualNet((4, 6, 8), 5, 3), ResidualNet((4, 6, 8), 5, 3)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert first(torch.rand(2, 3, 32, 32)).shape == (1, 2, 5)


@pytest.mark.parametrize(
    ("widths", "least", "most"), [(RESIDUAL_SMALL, 4e4, 6e4), (RESIDUAL_MEDIUM, 1.5e5, 2e5), (RESIDUAL_LARGE, 1e6, 3e6)]
)
def test_sizes(widths, least, most):
    assert least < sum(p.numel() for p in ResidualNet(widths, 100, 0).parameters()) < most


def test_maps_halve_from_the_second_block_on():
    net = ResidualNet((4, 6, 8, 10), 5, 0)
    shapes = []
    for block in net.blocks:
        block.register_forward_hook(lambda module, inputs, output: shapes.append(tuple(output.shape[1:])))
    net(torch.rand(1, 3, 32, 32))
    assert shapes == [(6, 16, 16), (8, 8, 8), (10, 4, 4)]


def test_too_few_widths_are_refused():
    with pytest.raises(ValueError, match="two widths"):
        ResidualNet((8,), 5, 0)
