"""Specialists that start from a generalist, on the stand-in's textures."""

import pytest
import torch

from kdrep import cifar, experts
from kdrep.convnets import ResidualNet
from kdrep.training import Recipe

WIDTHS = (8, 12, 16)
SPECIAL = [0, 1, 2, 3, 4]


@pytest.fixture(scope="module")
def dataset():
    return cifar.textures(20)


@pytest.fixture(scope="module")
def generalist(dataset):
    recipe = Recipe(epochs=8, batch_size=64, learning_rate=3e-3)
    return experts.train_generalist(dataset, recipe, widths=WIDTHS, classes=20)


def test_a_specialist_starts_as_the_generalist_sees_its_classes():
    weights = ResidualNet(WIDTHS, 20, 0).state_dict()
    start = experts.specialist_start(weights, [7, 3])
    assert torch.equal(start["head.weight"][:2], weights["head.weight"][[7, 3]])
    assert start["head.weight"].shape == (3, 16)
    net = ResidualNet(WIDTHS, 3, 1)
    net.load_state_dict(start)
    assert torch.equal(net.stem.weight, weights["stem.weight"])


def test_special_classes_take_labels_and_the_others_soft_targets():
    labels, logits = torch.tensor([0, 1, 2]), torch.randn(3, 4)
    loss = experts.OwnLabelsElseSoft(labels, logits, [1], 2.0)
    z = torch.randn(1, 3, 4)
    q = torch.softmax(logits.double() / 2, 1)
    soft = -4 * (q * torch.log_softmax(z[0].double() / 2, 1)).sum(1)
    hard = -torch.log_softmax(z[0].double(), 1)[torch.arange(3), labels]
    expected = torch.stack([soft[0], hard[1], soft[2]]).mean()
    assert float(loss(z, torch.arange(3))) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("kind", [experts.DUSTBIN, experts.FULL])
def test_a_specialist_learns_its_classes(dataset, generalist, kind):
    recipe = Recipe(epochs=6, batch_size=64, learning_rate=1e-3)
    specialist = experts.train_specialist(
        dataset, recipe, widths=WIDTHS, classes=20, generalist=generalist["weights"], special=SPECIAL, epoch_size=320,
        kind=kind, generalist_logits=generalist["train_logits"],
    )  # fmt: skip
    before = experts.conditional_accuracy(generalist["test_logits"][:, SPECIAL], dataset.test_labels, SPECIAL)
    after = experts.conditional_accuracy(specialist["test_logits"][:, :5], dataset.test_labels, SPECIAL)
    assert after > max(40, before - 10)
    if kind == experts.DUSTBIN:
        mass = experts.corrected(specialist)[:, -1].mean()
        rest = (~torch.isin(dataset.test_labels, torch.tensor(SPECIAL))).double().mean()
        assert float(mass) == pytest.approx(float(rest), abs=0.12)


def test_an_unknown_kind_is_refused(dataset, generalist):
    with pytest.raises(ValueError, match="kind"):
        experts.train_specialist(
            dataset, Recipe(epochs=1), widths=WIDTHS, classes=20, generalist=generalist["weights"], special=SPECIAL,
            epoch_size=64, kind="half",
        )  # fmt: skip
