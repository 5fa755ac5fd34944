"""Every kind of training, on every device that is there: results are on the CPU, finite, and the same ones twice.

And on one that only pretends to be (see pretended.py): nothing is left on the CPU, no step waits for the device, and
the results are the CPU's.
"""

import nbformat
import pretended
import pytest
import torch
from IPython.display import display

from kdrep.data import cifar
from kdrep.data.corpora import synthetic_digits
from kdrep.experiments.fitnets import training as fitnets
from kdrep.experiments.mnist import training as mnist
from kdrep.experiments.soft_targets import training as soft_targets
from kdrep.experiments.specialists import training as experts
from kdrep.experiments.speech import training as acoustic
from kdrep.learning import training
from kdrep.learning.training import Recipe
from kdrep.nets.maxout import Conv
from kdrep.report.papers import CLAIMS
from kdrep.report.rows import read_rows
from kdrep.run import notebook
from kdrep.run.outdated import NOTEBOOKS
from kdrep.run.profiles import SETTINGS

GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU here")
PRETENDED = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU that need not pretend")
if not torch.cuda.is_available():
    pretended.register()
TEACHER = (Conv(4, 5, 2, (4, 4)),)  # pools that do not overlap: on a GPU the gradient of others has no fixed order
STUDENT = (Conv(3, pool=(4, 4)), Conv(3))
SHAPE = dict(widths=(4, 6, 8))
SHORT = Recipe(epochs=2, batch_size=64, learning_rate=1e-3)


@pytest.fixture(params=["cpu", pytest.param(pretended.NAME, marks=PRETENDED), pytest.param("cuda", marks=GPU)])
def place(request, monkeypatch):
    """Device and precision, as a notebook gives them to its stages."""
    given = dict(device=request.param, precision=torch.bfloat16 if request.param == "cuda" else torch.float32)
    if request.param != pretended.NAME:
        yield given
        return
    with pretended.device() as dispatch:
        monkeypatch.setattr(training, "make_step", not_waiting(training.make_step, dispatch))
        yield given


def not_waiting(make_step, dispatch):
    """`make_step`, whose steps raise AssertionError if one of them waits for the device."""

    def make(*arguments):
        step = make_step(*arguments)

        def watched(*given):
            before = dispatch.waits
            losses = step(*given)
            assert dispatch.waits == before, "a step waits for the device"
            return losses

        return watched

    return make


def same_twice(function, *arguments, **options):
    """A stage's result, on the CPU and finite, and equal when it is computed again: on the CPU, if the first time was
    on the pretended device."""
    first = function(*arguments, **options)
    if options["device"] == pretended.NAME:
        options["device"] = "cpu"
    assert_same(first, function(*arguments, **options))
    return first


def assert_same(first, second):
    """Raise AssertionError unless all tensors, whose device must be the CPU, are finite and equal."""
    if isinstance(first, dict):
        for name in first.keys() - {"seconds"}:
            assert_same(first[name], second[name])
    elif torch.is_tensor(first):
        assert first.device.type == "cpu"
        assert torch.equal(first, second)
        assert first.double().isfinite().all()


def test_populations(digits, place):
    recipe = Recipe(epochs=2, batch_size=64, dropout=(0.1, 0.3), jitter=2, max_norm=3.0)
    common = dict(dataset=digits, sizes=(784, 16, 10), **place)
    teacher = same_twice(mnist.fit, recipe=recipe, members=[0, 1], keep=["train_logits", "weights", "curve"], **common)
    same_twice(
        mnist.fit, recipe=SHORT, members=[0, 1], teacher_logits=teacher["train_logits"][0], temperature=[4.0, 20.0],
        hard_weight=[0.0, 0.1], examples=torch.arange(0, 1000, 2), **common,
    )  # fmt: skip


@pytest.fixture(scope="module")
def task():
    """What acoustic models learn from and are tested on."""
    corpus = synthetic_digits(speakers=3, takes=4)
    test = acoustic.conditions(corpus)["voice0"]
    return acoustic.make_task(corpus, test, acoustic.align_corpus(corpus, test))


def test_acoustic_models(task, place):
    recipe, size = Recipe(epochs=1, batch_size=256), dict(width=16, depth=2)
    ensemble = same_twice(acoustic.train_ensemble, task, recipe, members=2, **size, **place)
    same_twice(
        acoustic.train_students, task, recipe, teacher=ensemble["weights"], members=[0, 1],
        temperature=[1.0, 2.0], hard_weight=[0.5, 1.0], copies=1, **size, **place,
    )  # fmt: skip
    one = {name: value[:1] for name, value in ensemble["weights"].items()}
    same_twice(
        soft_targets.learn_from_part, task, recipe, frames=soft_targets.part_of(task, 0.3, 0), teacher=one,
        temperatures=[2.0], copies=1, sample=200, **size, **place,
    )  # fmt: skip


def test_generalist_specialists_and_mixture(place):
    common = dict(dataset=cifar.textures(20), recipe=SHORT, shape=SHAPE, classes=20, epoch_size=320)
    generalist = same_twice(experts.train_generalist, keep_train_logits=True, **common, **place)
    for kind in (experts.DUSTBIN, experts.FULL):
        same_twice(
            experts.train_specialist, generalist=generalist["weights"], special=[0, 1, 2, 3, 4], kind=kind,
            generalist_logits=generalist["train_logits"], **common, **place,
        )  # fmt: skip
    same_twice(experts.train_mixture, experts=2, generalist=generalist["weights"], **common, **place)


def test_fitnets(digits, place):
    pictures = fitnets.grey(digits, place["precision"], 300)
    teacher = same_twice(fitnets.train_net, pictures, SHORT, layers=TEACHER, keep_train_logits=True, **place)
    hints = same_twice(
        fitnets.make_hints, pictures, layers=TEACHER, weights=teacher["weights"], layer=1, device=place["device"]
    )["hints"]
    shape = fitnets.hint_shape(pictures, TEACHER, 1)
    stopping = Recipe(epochs=2, batch_size=64, optimizer="rmsprop", decay="constant", max_norm=0.9, patience=2)
    first = same_twice(
        fitnets.train_hints, pictures, stopping, layers=STUDENT, guided=2, hints=hints, hint_shape=shape,
        published=True, **place,
    )  # fmt: skip
    told = dict(start=first["weights"], teacher_logits=teacher["train_logits"], **place)
    same_twice(fitnets.train_net, pictures, stopping, layers=STUDENT, published=True, **told)
    same_twice(fitnets.train_net, pictures, SHORT, layers=STUDENT, watch=True, **told)


# Rows of nets of the paper's own size: `FitNet (reduced)` in smoke.
OF_FULL_SIZE = {(claim, "FitNet 4", "test error") for claim in ("F1", "F2")}


@PRETENDED
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name in SETTINGS if name != "06_scorecard"])
def test_notebooks_leave_nothing_on_the_cpu(name, tmp_path, monkeypatch):
    monkeypatch.setattr(notebook, "choose_device", lambda device: pretended.NAME)
    monkeypatch.setattr(notebook, "native_precision", lambda device: (torch.float32, ""))
    monkeypatch.setattr(notebook.parallel, "beside", lambda *_: 1)  # another process would not know the device
    names = {"display": display}  # as in a kernel
    with pretended.device():
        for number, cell in enumerate(nbformat.read(NOTEBOOKS / f"{name}.ipynb", 4).cells):
            if cell.cell_type == "code":
                exec(compile(cell.source, f"{name}, cell {number}", "exec"), names)
            if "parameters" in cell.metadata.get("tags", ()):
                names |= dict(profile="smoke", results_dir=str(tmp_path))
    rows = read_rows(tmp_path / "parts" / f"{name}.csv")
    found = set(zip(rows["claim"], rows["arm"], rows["quantity"], strict=True))
    needs = {(c.id, n.arm, n.quantity) for c in CLAIMS if c.notebook == name and c.id != "F3" for n in c.every_need}
    assert needs - found <= OF_FULL_SIZE, "needs that no row can meet"


@PRETENDED
def test_the_pretended_device_refuses_what_a_gpu_refuses():
    with pretended.device() as dispatch:
        there, here = torch.ones(2, 2, device=pretended.NAME), torch.ones(2, 2)
        with pytest.raises(RuntimeError, match="others on the CPU"):
            there @ here
        with pytest.raises(RuntimeError, match="with a generator of cpu"):
            torch.rand(2, device=pretended.NAME, generator=torch.Generator())
        doubled = there * 2
        assert dispatch.waits == 0
        assert torch.equal(doubled.cpu(), here * 2)
        assert dispatch.waits == 1
