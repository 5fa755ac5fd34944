"""Hints: shapes, gradients, schedules, two stages, and what is refused."""

import math
from dataclasses import replace

import pytest
import torch

from kdrep.data import datasets
from kdrep.data.mnist import embedded_digits
from kdrep.experiments.fitnets import training as fitnets
from kdrep.learning import hints
from kdrep.learning.hints import Guided, HintLoss, KnowledgeLoss
from kdrep.learning.training import Recipe
from kdrep.nets.maxout import (
    CIFAR,
    CIFAR_TEACHER,
    FITNETS,
    MNIST,
    MNIST_STUDENT,
    MNIST_TEACHER,
    Conv,
    MaxoutNet,
    shapes,
)

TEACHER = (Conv(6, 5, 2, (2, 2)), Conv(5, 3, 1, (2, 2)))
STUDENT = (Conv(3, pool=(2, 2)), Conv(3), Conv(4, pool=(2, 2)))


@pytest.fixture(scope="module")
def pictures():
    return fitnets.grey(embedded_digits(), torch.float32, 600)


@pytest.fixture(scope="module")
def teacher(pictures):
    recipe = Recipe(epochs=6, batch_size=32, learning_rate=5e-3)
    return fitnets.train_net(pictures, recipe, layers=TEACHER, keep_train_logits=True)


@pytest.mark.parametrize(
    ("student", "teacher", "inputs", "guided", "hint", "kernel"),
    [
        (MNIST_STUDENT, MNIST_TEACHER, MNIST, 4, 2, 1), (FITNETS[1], CIFAR_TEACHER, CIFAR, 6, 2, 2),
        (FITNETS[3], CIFAR_TEACHER, CIFAR, 8, 2, 2), (FITNETS[4], CIFAR_TEACHER, CIFAR, 11, 2, 2),
    ],
)  # fmt: skip
def test_the_papers_pairs_have_a_regressor(student, teacher, inputs, guided, hint, kernel):
    guided_shape, hint_shape = shapes(student, inputs)[guided - 1], shapes(teacher, inputs)[hint - 1]
    layer = hints.regressor(guided_shape, hint_shape)
    assert (layer.kernel, layer.channels) == (kernel, hint_shape[0])
    counts = hints.regressor_weights(guided_shape, hint_shape)
    assert counts["convolutional"] < counts["fully connected"]


def test_predictions_have_the_hints_shape(pictures):
    shape = fitnets.hint_shape(pictures, TEACHER, 1)
    student = MaxoutNet(STUDENT, pictures.shape, 10, 0)
    assert Guided(student, 1, shape, 0)(pictures.test_images[:3]).shape == (1, 3, 6 * 14 * 14)


def test_the_hint_loss_by_finite_differences_and_no_gradient_in_the_teacher():
    teacher = MaxoutNet(TEACHER, (1, 8, 8), 4, 0).double().eval()
    student = MaxoutNet(STUDENT, (1, 8, 8), 4, 1).double()
    images = torch.rand(3, 1, 8, 8, dtype=torch.float64)
    stage = Guided(student, 1, shapes(TEACHER, (1, 8, 8))[0], 2).double()
    table, index = hints.hints_of(teacher, images, 1), torch.arange(3)
    loss = HintLoss(table)

    def value():
        return loss(stage(images), index)

    value().backward()
    by_hand = 0.5 * (stage(images)[0] - table).square().sum() / 3
    assert float(value().detach()) == pytest.approx(float(by_hand.detach()), rel=1e-5)
    assert not table.requires_grad
    assert all(p.grad is None for p in teacher.parameters())
    assert all(p.grad is None for p in student.linear[1:].parameters())
    weight, step = student.linear[0].weight, 1e-5
    for place in ((0, 0, 1, 1), (5, 0, 2, 0)):
        gradient = float(weight.grad[place])
        with torch.no_grad():
            values = []
            for shift in (step, -2 * step):
                weight[place] += shift
                values.append(float(value()))
            weight[place] += step
        assert (values[0] - values[1]) / (2 * step) == pytest.approx(gradient, rel=1e-4, abs=1e-8)


def test_lambda_falls_linearly():
    loss = KnowledgeLoss(torch.tensor([0]), torch.zeros(1, 3))
    found = []
    for progress in (0.0, 0.5, 1.0):
        loss.anneal(progress)
        found.append(loss.weight)
    assert found == [4.0, 2.5, 1.0]
    with pytest.raises(ValueError, match="weights"):
        KnowledgeLoss(torch.tensor([0]), None, weights=(1.0, -1.0))


def test_the_knowledge_loss_is_the_papers():
    logits, teacher, labels = torch.randn(4, 3), torch.randn(4, 3), torch.tensor([0, 2, 1, 1])
    loss = KnowledgeLoss(labels, teacher, temperature=3.0)
    p, q = torch.softmax(teacher.double() / 3, 1), torch.log_softmax(logits.double() / 3, 1)
    hard = -torch.log_softmax(logits.double(), 1)[torch.arange(4), labels]
    assert float(loss(logits[None], torch.arange(4))) == pytest.approx(
        float((hard - 4 * (p * q).sum(1)).mean()), rel=1e-5
    )


def test_stage_two_starts_from_stage_one_without_the_regressor(pictures, teacher):
    table = fitnets.make_hints(pictures, layers=TEACHER, weights=teacher["weights"], layer=1)["hints"]
    shape = fitnets.hint_shape(pictures, TEACHER, 1)
    recipe = Recipe(epochs=3, batch_size=32, learning_rate=2e-3, patience=2)
    first = fitnets.train_hints(pictures, recipe, layers=STUDENT, guided=1, hints=table, hint_shape=shape)
    assert first["losses"][-1] < first["losses"][0]
    fresh = MaxoutNet(STUDENT, pictures.shape, 10, 0)
    assert set(first["weights"]) == set(fresh.state_dict())
    assert not torch.equal(first["weights"]["linear.0.weight"], fresh.linear[0].weight)
    assert torch.equal(first["weights"]["linear.1.weight"], fresh.linear[1].weight)
    still = Recipe(epochs=1, batch_size=32, learning_rate=1e-12)
    second = fitnets.train_net(
        pictures, still, layers=STUDENT, start=first["weights"], teacher_logits=teacher["train_logits"], watch=True
    )
    torch.testing.assert_close(second["weights"]["linear.0.weight"], first["weights"]["linear.0.weight"])
    assert second["entropy"].shape == (1, 3)
    assert second["entropy"].isfinite().all()


def test_early_stopping_keeps_the_epoch_with_fewest_errors_on_held_out_images(pictures, teacher):
    recipe = Recipe(epochs=6, batch_size=32, learning_rate=0.02, optimizer="rmsprop", decay="constant", patience=6)
    learned, held = fitnets.divided(pictures, recipe)
    assert (len(learned), len(held)) == (550, 50)
    assert held.tolist() == list(range(550, 600))
    assert len(fitnets.divided(pictures, replace(recipe, patience=None))[1]) == 0
    damaged = replace(pictures, train_labels=pictures.train_labels.clone(), checksum="other")
    damaged.train_labels[held] = 9 - damaged.train_labels[held]
    # Held-out labels choose the epoch but teach nothing: turned round, they choose the epoch that fits them.
    found = {p.checksum: fitnets.train_net(p, recipe, layers=STUDENT) for p in (pictures, damaged)}
    assert torch.equal(found[pictures.checksum]["losses"], found["other"]["losses"])
    errors = []
    for kept in found.values():
        net = fitnets.make_net(pictures, STUDENT, 0, None, kept["weights"])
        said = fitnets.predict(net, pictures.train_images[held]).argmax(1)
        errors.append([int((said != p.train_labels[held]).sum()) for p in (pictures, damaged)])
    assert errors[0][0] < errors[1][0]
    assert errors[1][1] < errors[0][1]


def test_stage_one_stops_by_held_out_images_alone(pictures, teacher):
    table = fitnets.make_hints(pictures, layers=TEACHER, weights=teacher["weights"], layer=1)["hints"]
    recipe = Recipe(epochs=4, batch_size=32, learning_rate=2e-3, patience=4)
    common = dict(layers=STUDENT, guided=1, hint_shape=fitnets.hint_shape(pictures, TEACHER, 1))
    away = table.clone()
    away[fitnets.divided(pictures, recipe)[1]] = 0
    # Hints of held-out images teach nothing; those of zero choose the epoch that still says little.
    true, zero = (fitnets.train_hints(pictures, recipe, hints=own, **common) for own in (table, away))
    assert torch.equal(true["losses"], zero["losses"])
    assert not torch.equal(true["weights"]["linear.0.weight"], zero["weights"]["linear.0.weight"])
    with pytest.raises(ValueError, match="watch: the entropy is a teacher's"):
        fitnets.train_net(pictures, Recipe(1), layers=STUDENT, watch=True)
    with pytest.raises(ValueError, match="needs 12 training images"):
        fitnets.divided(replace(pictures, train_labels=pictures.train_labels[:11]), recipe)
    with pytest.raises(ValueError, match="watch: early stopping"):
        fitnets.train_net(pictures, recipe, layers=STUDENT, teacher_logits=teacher["train_logits"], watch=True)


def test_the_hardest_examples_entropy():
    losses, entropies = torch.arange(10.0), torch.arange(10.0)
    assert hints.entropy_of_hardest(losses, entropies, 0.2) == pytest.approx(8.5 / 4.5)
    assert float(hints.entropy(torch.zeros(1, 8), 3.0)) == pytest.approx(torch.tensor(8.0).log().item())


def test_bad_layers_and_teachers_are_refused(pictures):
    student, shape = MaxoutNet(STUDENT, pictures.shape, 10, 0), fitnets.hint_shape(pictures, TEACHER, 1)
    with pytest.raises(ValueError, match="guided: must be one of the 3 convolutions"):
        Guided(student, 4, shape, 0)
    with pytest.raises(ValueError, match="cannot be brought to the hint's 14 x 14"):
        Guided(student, 3, shape, 0)
    teacher = MaxoutNet(TEACHER, pictures.shape, 10, 0)
    with pytest.raises(ValueError, match="training mode"):
        hints.hints_of(teacher.train(), pictures.test_images[:2], 1)
    with pytest.raises(ValueError, match="hint: must be one of the 2"):
        hints.hints_of(teacher.eval(), pictures.test_images[:2], 0)
    with pytest.raises(ValueError, match="hint: must be one of the 2"):
        fitnets.hint_shape(pictures, TEACHER, 3)


def test_tables_of_a_teacher_that_do_not_fit_are_refused(pictures):
    shape, count = fitnets.hint_shape(pictures, TEACHER, 1), len(pictures.train_labels)
    stage = dict(recipe=Recipe(1), layers=STUDENT, guided=1, hint_shape=shape)
    for table in (torch.zeros(count, 1), torch.zeros(count - 1, math.prod(shape))):
        with pytest.raises(ValueError, match="hints: .* a line per training image, not"):
            fitnets.train_hints(pictures, hints=table, **stage)
    with pytest.raises(ValueError, match="hints: NaN or infinity"):
        fitnets.train_hints(pictures, hints=torch.full((count, math.prod(shape)), torch.nan), **stage)
    with pytest.raises(ValueError, match=r"teacher_logits: \(600, 10\) is expected"):
        fitnets.train_net(pictures, Recipe(1), layers=STUDENT, teacher_logits=torch.zeros(count + 1, 10))


def test_whitened_pictures_are_white():
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (400, 32, 32, 3), dtype=torch.uint8, generator=generator)
    labels = torch.arange(400) % 10
    dataset = datasets.Dataset("noise", images, labels, images[:5], labels[:5], real=False, origin="a test")
    found = fitnets.whitened(dataset, torch.float32, 300)
    assert found.train_images.shape == (300, 3, 32, 32)
    flat = found.train_images.flatten(1)
    torch.testing.assert_close(flat.mean(0), torch.zeros(3072), atol=1e-3, rtol=0)
    largest = torch.linalg.eigvalsh(torch.cov(flat.T))[-1]
    assert float(largest) == pytest.approx(1.0, abs=0.2)
    torch.testing.assert_close(found.train_images[:5], found.test_images, atol=1e-4, rtol=0)
    twice = fitnets.mirrored(found)
    assert torch.equal(twice.train_images[300:, :, :, 0], found.train_images[:, :, :, 31])
    assert torch.equal(twice.train_labels, torch.cat([found.train_labels] * 2))
    assert twice.checksum != found.checksum
