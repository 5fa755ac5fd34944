"""Distilling 784-800-800-10 on MNIST: our loop against a textbook loop, seconds and test errors.

The textbook loop is what tutorials show: torchvision's data set with ToTensor, a DataLoader, the teacher's forward
pass in every step, Adam, float32. Both learn from the same teacher, with the same optimiser and as many epochs.
"""

import time
from collections.abc import Callable, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor

from kdrep import data, mnist
from kdrep.models import MNIST_STUDENT, MNIST_TEACHER, multiplications
from kdrep.results import with_interval
from kdrep.statistics import mean_interval
from kdrep.training import Recipe, dtype_name

TEMPERATURE, HARD_WEIGHT = 20.0, 0.1
BATCHES = {128: 1e-3, 512: 2e-3}  # the textbook's and profile quick's, with the learning rate of each
TARGET_TIMES, TARGET_SHARE = 7, 75  # times as fast as the textbook, per cent of the ceiling


def operations(sizes: Sequence[int]) -> int:
    """Floating-point operations of one step for one image; none are for the gradient of the inputs."""
    return 2 * (3 * multiplications(sizes) - sizes[0] * sizes[1])


def textbook(images: MNIST, test: data.Dataset, teacher: dict, epochs: int, seed: int, device: str) -> tuple:
    """Seconds of so many textbook epochs, and test errors."""

    def net(sizes):
        layers = [nn.Flatten()]
        for a, b in zip(sizes, sizes[1:], strict=False):
            layers += [nn.Linear(a, b), nn.ReLU()]
        return nn.Sequential(*layers[:-1]).to(device)

    torch.manual_seed(seed)
    cumbersome, student = net(MNIST_TEACHER).eval(), net(MNIST_STUDENT)
    for i, layer in enumerate(layer for layer in cumbersome if isinstance(layer, nn.Linear)):
        layer.weight.data, layer.bias.data = (teacher[f"{part}.{i}"][0].to(device) for part in ("weights", "biases"))
    optimizer = torch.optim.Adam(student.parameters())
    start = time.perf_counter()
    for _ in range(epochs):
        for x, y in DataLoader(images, batch_size=128, shuffle=True):
            x, y = x.to(device), y.to(device)
            with torch.no_grad():
                targets = F.softmax(cumbersome(x) / TEMPERATURE, dim=1)
            logits = student(x)
            soft = F.kl_div(F.log_softmax(logits / TEMPERATURE, dim=1), targets, reduction="batchmean")
            loss = (1 - HARD_WEIGHT) * TEMPERATURE**2 * soft + HARD_WEIGHT * F.cross_entropy(logits, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    seconds = time.perf_counter() - start
    with torch.no_grad():
        logits = student(mnist.pixels(test.test_images).to(device)).cpu()
    return seconds, mnist.errors(logits[None], test.test_labels)[0]


def ours(dataset: data.Dataset, targets, epochs: int, seed: int, device: str, precision, batch: int) -> tuple:
    """Seconds of so many epochs of our loop on soft targets that were computed beforehand, and test errors."""
    recipe = Recipe(epochs, batch, BATCHES[batch], decay="constant")
    student = mnist.fit(
        dataset, recipe, sizes=MNIST_STUDENT, members=[seed], seed=seed,
        teacher_logits=targets, temperature=TEMPERATURE, hard_weight=HARD_WEIGHT, device=device, precision=precision,
    )  # fmt: skip
    return student["seconds"], mnist.errors(student["test_logits"], dataset.test_labels)[0]


def report(ceilings: Mapping[torch.dtype, float], device: str, epochs: int, seeds: int) -> None:
    """Measure, and print one table."""
    dataset = data.load_mnist(download=False)
    if not dataset.real:
        raise SystemExit("the real MNIST is needed: set KDREP_DATA or run `python -m kdrep data`")
    (folder,) = [f for f in data.folders() if data.source(f, "train-images-idx3-ubyte")][:1]
    images = MNIST(folder, transform=ToTensor())
    # Two epochs make a teacher that is good enough to compare two loops.
    teacher = mnist.fit(dataset, Recipe(2, 256), sizes=MNIST_TEACHER, members=[0], keep=["weights", "train_logits"])
    weights, targets = teacher["weights"], teacher["train_logits"][0]
    cases: dict[str, tuple[Callable, float]] = {
        "textbook loop, float32": (
            lambda seed: textbook(images, dataset, weights, epochs, seed, device), ceilings[torch.float32]
        )
    }  # fmt: skip
    for dtype, ceiling in ceilings.items():
        for batch in BATCHES:
            name = f"kdrep, {dtype_name(dtype)}, batches of {batch}"
            cases[name] = (lambda s, d=dtype, b=batch: ours(dataset, targets, epochs, s, device, d, b), ceiling)
    print(f"\ndistilling 784-800-800-10 on MNIST, {epochs} epochs, {seeds} seeds")
    print(f"targets: {TARGET_TIMES} times as fast, {TARGET_SHARE} % of the ceiling of the faster precision")
    print(f"{'':34}{'s / epoch':>10}{'times as fast':>15}{'GFLOP/s':>10}{'% of ceiling':>14}   test errors")
    first = None
    for name, (run, ceiling) in cases.items():
        measured = [run(seed) for seed in range(seeds)]
        epoch = min(seconds for seconds, _ in measured) / epochs
        first, achieved = first or epoch, len(targets) * operations(MNIST_STUDENT) / epoch / 1e9
        wrong = with_interval(*mean_interval([errors for _, errors in measured]))
        print(
            f"{name:34}{epoch:10.2f}{first / epoch:15.1f}{achieved:10.0f}{100 * achieved / ceiling:14.0f}   {wrong}",
            flush=True,
        )
