"""Maxout nets: against a naive loop, and their counts against the published ones and by hand."""

import pytest
import torch

from kdrep.experiments.fitnets import training as fitnets
from kdrep.nets import maxout
from kdrep.nets.maxout import CIFAR, CIFAR_TEACHER, FITNETS, MNIST, MNIST_STUDENT, MNIST_TEACHER, Conv, Full, MaxoutNet


def test_maxout_equals_a_naive_loop():
    values = torch.randn(2, 6, 3, 3)
    found = maxout.maxout(values, 3)
    for image in range(2):
        for unit in range(2):
            expected = torch.stack([values[image, piece * 2 + unit] for piece in range(3)]).max(0).values
            assert torch.equal(found[image, unit], expected)
    with torch.no_grad():
        assert torch.equal(maxout.maxout(values, 3), found)


def test_the_gradient_goes_to_the_largest_piece():
    values = torch.randn(3, 6, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: maxout.maxout(v, 3), values)
    equal = torch.ones(1, 2, 1, 1, requires_grad=True)
    maxout.maxout(equal, 2).sum().backward()
    assert equal.grad.flatten().tolist() == [0, 1]


def test_a_net_is_what_its_layers_say():
    net = MaxoutNet((Conv(2, 3, 1, (2, 2)), Full(4)), (1, 5, 5), 3, seed=1)
    images = torch.randn(2, 1, 5, 5)
    conv, full = net.linear
    pieces = torch.nn.functional.conv2d(images, conv.weight, conv.bias, padding=1)
    maps = torch.maximum(pieces[:, :2], pieces[:, 2:])
    windows = torch.nn.functional.pad(maps, (0, 1, 0, 1), value=-torch.inf)  # the last window hangs over the edge
    rows = [windows[:, :, 2 * r : 2 * r + 2, 2 * c : 2 * c + 2].amax((2, 3)) for r in range(3) for c in range(3)]
    flat = torch.stack(rows, 2).flatten(1)
    units = flat @ full.weight.T + full.bias
    hidden = torch.maximum(units[:, :4], units[:, 4:])
    torch.testing.assert_close(net(images)[0], hidden @ net.head.weight.T + net.head.bias)
    torch.testing.assert_close(net.hidden(images, 1).flatten(1), flat)


@pytest.mark.parametrize("channels", [1, 3])
def test_images_lie_in_memory_pixel_by_pixel(channels):
    images = torch.randn(2, channels, 4, 5)
    found = fitnets.channels_last(images)
    assert torch.equal(found, images)
    assert found.stride() == (20 * channels, 1, 5 * channels, channels)


@pytest.mark.parametrize(("kernel", "pad"), [(3, 1), (3, 3), (5, 3), (8, 3), (8, 4)])
def test_a_layer_pads_as_much_as_it_says(kernel, pad):
    net = MaxoutNet((Conv(2, kernel, pad),), (3, 9, 9), 4, seed=0)
    images = torch.randn(2, 3, 9, 9)
    pieces = torch.nn.functional.conv2d(images, net.linear[0].weight, padding=pad)
    torch.testing.assert_close(net.hidden(images, 1), torch.maximum(pieces[:, :2], pieces[:, 2:]))


def test_counts_by_hand():
    layers = (Conv(2, 3, 0, (2, 2)), Full(5, pieces=3))
    assert maxout.shapes(layers, (1, 6, 6)) == [(2, 2, 2), (5, 1, 1)]
    assert maxout.parameters(layers, (1, 6, 6), 4) == 1 * 9 * 2 * 2 + 8 * 5 * 3 + 5 * 4
    assert maxout.multiplications(layers, (1, 6, 6), 4) == 36 * 16 + 120 + 20


@pytest.mark.parametrize(
    ("layers", "inputs", "parameters", "multiplications"),
    [
        (MNIST_TEACHER, MNIST, 361e3, None), (MNIST_STUDENT, MNIST, 30e3, None), (CIFAR_TEACHER, CIFAR, 9e6, 725e6),
        (FITNETS[1], CIFAR, 250e3, 30e6), (FITNETS[2], CIFAR, 862e3, 108e6), (FITNETS[3], CIFAR, 1.6e6, 392e6),
        (FITNETS[4], CIFAR, 2.5e6, 382e6),
    ],
)  # fmt: skip
def test_counts_are_the_published_ones(layers, inputs, parameters, multiplications):
    assert maxout.parameters(layers, inputs, 10) == pytest.approx(parameters, rel=0.05)
    if multiplications:
        assert maxout.multiplications(layers, inputs, 10) == pytest.approx(multiplications, rel=0.05)


def test_counted_weights_are_the_nets():
    net = MaxoutNet(MNIST_STUDENT, MNIST, 10, seed=0)
    weights = sum(module.weight.numel() for module in (*net.linear, net.head))
    assert weights == maxout.parameters(MNIST_STUDENT, MNIST, 10) == 29_944
    assert net(torch.rand(2, *MNIST)).shape == (1, 2, 10)


def test_deeper_nets_of_one_budget_are_thinner():
    nets = [maxout.even(depth, 30_000) for depth in (4, 10, 17)]
    widths = [layers[0].channels for layers in nets]
    assert widths == sorted(widths, reverse=True)
    for layers in nets:
        assert 20_000 < maxout.parameters(layers, MNIST, 10) <= 30_000
        assert sum(layer.pool is not None for layer in layers) == 3
    costs = [maxout.multiplications(layers, MNIST, 10) for layers in nets]
    assert max(costs) < 1.3 * min(costs)


def test_initial_weights():
    published = MaxoutNet(MNIST_STUDENT, MNIST, 10, seed=0, bound=0.005)
    assert max(p.abs().max() for p in published.parameters()) <= 0.005
    again = MaxoutNet(MNIST_STUDENT, MNIST, 10, seed=0, bound=0.005)
    assert torch.equal(published.head.weight, again.head.weight)
    lecun = MaxoutNet(MNIST_STUDENT, MNIST, 10, seed=0)
    assert lecun.linear[1].weight.std().item() == pytest.approx((16 * 9) ** -0.5, rel=0.05)


def test_norms_are_limited():
    net = MaxoutNet((Conv(2, 3), Conv(2, 3, norm=1.2), Full(4)), (1, 4, 4), 3, seed=0)
    for module in (*net.linear, net.head):
        module.weight.data *= 100
    net.limit_norms(0.9)
    for module, limit in zip((*net.linear, net.head), (0.9, 1.2, 1.9, maxout.LATER_NORM), strict=True):
        assert module.weight.flatten(1).norm(dim=1).max() <= limit * 1.0001


def test_a_map_that_is_too_small_is_named():
    with pytest.raises(ValueError, match="too small"):
        MaxoutNet((Conv(2, 9, 0),), (1, 5, 5), 3, seed=0)
