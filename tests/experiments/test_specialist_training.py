"""Specialists that start from a generalist, on the stand-in's textures."""

import pytest
import torch

from kdrep.data import cifar
from kdrep.experiments.specialists import combination
from kdrep.experiments.specialists import training as experts
from kdrep.learning.training import Recipe
from kdrep.nets.mixture import Mixture, coupling
from kdrep.nets.residual import ResidualNet

SHAPE = dict(widths=(8, 12, 16))
SPECIAL = [0, 1, 2, 3, 4]


@pytest.fixture(scope="module")
def dataset():
    return cifar.textures(20)


@pytest.fixture(scope="module")
def generalist(dataset):
    recipe = Recipe(epochs=8, batch_size=64, learning_rate=3e-3)
    return experts.train_generalist(dataset, recipe, shape=SHAPE, classes=20, keep_train_logits=True)


def test_a_specialist_starts_as_the_generalist_sees_its_classes():
    weights = ResidualNet(SHAPE["widths"], 20, 0).state_dict()
    start = experts.specialist_start(weights, [7, 3])
    assert torch.equal(start["head.weight"][:2], weights["head.weight"][[7, 3]])
    assert start["head.weight"].shape == (3, 16)
    net = ResidualNet(SHAPE["widths"], 3, 1)
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
        dataset, recipe, shape=SHAPE, classes=20, generalist=generalist["weights"], special=SPECIAL, epoch_size=320,
        kind=kind, generalist_logits=generalist["train_logits"],
    )  # fmt: skip
    before = experts.conditional_accuracy(generalist["test_logits"][:, SPECIAL], dataset.test_labels, SPECIAL)
    after = experts.conditional_accuracy(
        experts.own_logits(specialist["test_logits"], SPECIAL), dataset.test_labels, SPECIAL
    )
    assert after > max(40, before - 10)
    assert after == pytest.approx(specialist["test_curve"][-1])
    assert len(specialist["train_accuracies"]) == len(SPECIAL)
    assert len(specialist["held_out_loss"]) == 6
    early = experts.conditional_accuracy(
        experts.own_logits(specialist["early_logits"], SPECIAL), dataset.test_labels, SPECIAL
    )
    best = specialist["held_out_loss"].index(min(specialist["held_out_loss"]))
    assert early == pytest.approx(specialist["test_curve"][best])
    if kind == experts.DUSTBIN:
        mass = experts.corrected(specialist)[:, -1].mean()
        rest = (~torch.isin(dataset.test_labels, torch.tensor(SPECIAL))).double().mean()
        assert float(mass) == pytest.approx(float(rest), abs=0.12)


def test_an_unknown_kind_is_refused(dataset, generalist):
    with pytest.raises(ValueError, match="kind"):
        experts.train_specialist(
            dataset, Recipe(epochs=1), shape=SHAPE, classes=20, generalist=generalist["weights"], special=SPECIAL,
            epoch_size=64, kind="half",
        )  # fmt: skip


def test_the_generalist_and_its_specialists_answer_together(dataset, generalist):
    half = {"test_logits": generalist["test_logits"][:, [*SPECIAL, 9]], "correction": 0.0, "special": SPECIAL}
    q = experts.together(generalist, [half], [SPECIAL])
    whole = torch.softmax(generalist["test_logits"].double(), 1)
    asked = torch.isin(whole.argmax(1), torch.tensor(SPECIAL))
    assert torch.equal(q[~asked], whole[~asked])
    assert not torch.allclose(q[asked], whole[asked])
    torch.testing.assert_close(q.sum(1), torch.ones(len(q), dtype=torch.float64))


def test_full_specialists_are_averaged():
    generator = torch.Generator().manual_seed(0)
    whole, first, second = torch.softmax(torch.randn(3, 2, 5, generator=generator).double(), -1)
    asked = torch.tensor([[True, True], [False, True]])
    mean = combination.mean_of_asked(whole, [first, second], asked)
    torch.testing.assert_close(mean[0], (whole + first + second)[0] / 3)
    torch.testing.assert_close(mean[1], (whole + second)[1] / 2)
    geometric = combination.mean_of_asked(whole, [first, second], asked, geometric=True)
    product = (whole[1] * second[1]).sqrt()
    torch.testing.assert_close(geometric[1], product / product.sum())


def test_a_mixture_begins_with_the_generalist_and_gives_probabilities(dataset, generalist):
    net = Mixture(SHAPE, 20, 3, 0, generalist["weights"])
    images = torch.rand(4, 3, 32, 32)
    log_p = net.eval()(images)
    assert log_p.shape == (1, 4, 20)
    torch.testing.assert_close(log_p.exp().sum(-1), torch.ones(1, 4))
    gates = torch.softmax(net.gate(images)[0], 1)
    answers = [torch.softmax(expert(images)[0], 1) for expert in net.experts]
    expected = sum(gates[:, m, None] * answer for m, answer in enumerate(answers))
    torch.testing.assert_close(log_p[0].exp(), expected)
    assert not torch.allclose(answers[0], answers[1])
    with pytest.raises(ValueError, match="at least two"):
        Mixture(SHAPE, 20, 1, 0, generalist["weights"])


def test_a_generalist_of_another_class_count_is_refused(dataset, generalist):
    recipe = Recipe(epochs=1, batch_size=64)
    own = dict(shape=SHAPE, classes=19, generalist=generalist["weights"], special=[0, 1], epoch_size=64)
    with pytest.raises(ValueError, match="generalist: it knows 20 classes, not 19"):
        experts.train_specialist(dataset, recipe, **own)
    with pytest.raises(ValueError, match=r"start: head\.weight does not fit"):
        experts.train_generalist(dataset, recipe, shape=SHAPE, classes=19, start=generalist["weights"])


def test_a_mixture_trains(dataset, generalist):
    recipe = Recipe(epochs=2, batch_size=64, learning_rate=1e-3)
    result = experts.train_mixture(
        dataset, recipe, shape=SHAPE, classes=20, experts=2, generalist=generalist["weights"], epoch_size=320
    )
    accuracy = (result["test_logits"].argmax(1) == dataset.test_labels).double().mean()
    assert accuracy > 0.3
    assert result["gate"].shape == (len(dataset.test_labels), 2)
    assert result["coupling"] > 0.01


def test_weights_are_put_back_whatever_happens():
    nets = [torch.nn.Linear(3, 1) for _ in range(2)]
    kept = [p.detach().clone() for p in nets[1].parameters()]
    inputs = torch.rand(5, 3)
    assert coupling(lambda: (nets[0](inputs) * nets[1](inputs)).sum(), *nets) == pytest.approx(0.1, rel=1e-4)
    calls = []

    def fails_later():
        if calls:
            raise RuntimeError("out of memory")
        calls.append(1)
        return nets[0](inputs).sum()

    with pytest.raises(RuntimeError, match="out of memory"):
        coupling(fails_later, *nets)
    assert all(torch.equal(p, old) for p, old in zip(nets[1].parameters(), kept, strict=True))


def test_epochs_of_more_images_than_there_are_repeat_them():
    draw = experts.random_epochs(torch.tensor([5, 6, 7]), 7)
    drawn = draw(torch.Generator().manual_seed(0))
    assert len(drawn) == 7
    assert sorted(drawn[:3].tolist()) == sorted(drawn[3:6].tolist()) == [5, 6, 7]
    assert len(experts.random_epochs(torch.arange(9), None)(torch.Generator())) == 9


def test_what_is_not_special_is_corrected():
    logits = torch.randn(4, 5)
    full = experts.corrected({"test_logits": logits, "correction": 1.5, "special": [1, 3]})
    shift = torch.tensor([1.5, 0, 1.5, 0, 1.5])
    torch.testing.assert_close(full, torch.softmax((logits + shift).double(), 1))
    dustbin = experts.corrected({"test_logits": logits, "correction": 1.5, "special": [0, 2, 4, 6]})
    torch.testing.assert_close(dustbin, torch.softmax((logits + torch.tensor([0, 0, 0, 0, 1.5])).double(), 1))


def test_class_accuracies_are_conditional_and_in_the_order_of_the_special_classes():
    logits = torch.tensor([[2.0, 1.0], [0.0, 1.0], [0.0, 1.0], [3.0, 0.0], [5.0, 0.0]])
    labels = torch.tensor([7, 7, 2, 2, 4])  # special: 7, then 2
    assert experts.class_accuracies(logits, labels, [7, 2]) == [50.0, 50.0]
    assert experts.class_accuracies(logits, labels, [2, 7]) == [50.0, 50.0]
    labels = torch.tensor([7, 7, 2, 7, 4])
    assert experts.class_accuracies(logits, labels, [7, 2]) == [pytest.approx(200 / 3), 100.0]
