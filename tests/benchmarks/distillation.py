"""Distilling 784-800-800-10 on MNIST: our loop against a textbook loop, seconds and test errors.

The textbook loop is what tutorials show: torchvision's data set with ToTensor, a DataLoader, the teacher's forward
pass in every step, Adam, float32. Both learn from the same teacher, with the same optimiser and as many epochs.
"""

import time
from collections.abc import Callable, Sequence
from statistics import median

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor

from kdrep.data import datasets, find
from kdrep.data.mnist import load_mnist, source
from kdrep.experiments.mnist import scores
from kdrep.experiments.mnist import training as mnist
from kdrep.learning.training import Recipe, dtype_name
from kdrep.nets.mlp import MNIST_STUDENT, MNIST_TEACHER, multiplications
from kdrep.report.rows import with_interval
from kdrep.report.statistics import mean_interval
from kdrep.run.doctor import matrix_speed

TEMPERATURE, HARD_WEIGHT = 20.0, 0.1
BATCHES = {128: 1e-3, 512: 2e-3}  # the textbook's and profile quick's, with the learning rate of each
TARGET_TIMES, TARGET_SHARE = 7, 75  # times as fast as the textbook, per cent of the ceiling


def operations(sizes: Sequence[int]) -> int:
    """Floating-point operations of one step for one image; none are for the gradient of the inputs."""
    return 2 * (3 * multiplications(sizes) - sizes[0] * sizes[1])


def textbook(images: MNIST, test: datasets.Dataset, teacher: dict, epochs: int, seed: int, device: str) -> tuple:
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
    return seconds, scores.errors(logits[None], test.test_labels)[0]


def ours(dataset: datasets.Dataset, targets, epochs: int, seed: int, device: str, precision, batch: int) -> tuple:
    """Seconds of so many epochs of our loop on soft targets that were computed beforehand, and test errors."""
    recipe = Recipe(epochs, batch, BATCHES[batch], decay="constant")
    student = mnist.fit(
        dataset, recipe, sizes=MNIST_STUDENT, members=[seed], seed=seed,
        teacher_logits=targets, temperature=TEMPERATURE, hard_weight=HARD_WEIGHT, device=device, precision=precision,
    )  # fmt: skip
    return student["seconds"], scores.errors(student["test_logits"], dataset.test_labels)[0]


def cases_of(dataset: datasets.Dataset, images: MNIST, teacher: dict, epochs: int, device: str) -> dict:
    """What is timed: its name, the precision whose ceiling it is held against, and a function of a seed."""
    weights, targets = teacher["weights"], teacher["train_logits"][0]
    cases: dict[str, tuple[torch.dtype, Callable]] = {
        "textbook loop, float32": (
            torch.float32, lambda seed: textbook(images, dataset, weights, epochs, seed, device)
        )
    }  # fmt: skip
    for dtype in (torch.float32, torch.bfloat16):
        for batch in BATCHES:
            name = f"kdrep, {dtype_name(dtype)}, batches of {batch}"
            cases[name] = (dtype, lambda s, d=dtype, b=batch: ours(dataset, targets, epochs, s, device, d, b))
    return cases


def report(device: str, epochs: int, seeds: int) -> None:
    """Measure, and print one table: medians over rounds, in each of which everything runs once, after its ceiling."""
    dataset = load_mnist(download=False)
    if not dataset.real:
        raise SystemExit("the real MNIST is needed: set KDREP_DATA or run `make data`")
    (folder,) = [f for f in find.folders() if source(f, "train-images-idx3-ubyte")][:1]
    # Two epochs make a teacher that is good enough to compare two loops.
    teacher = mnist.fit(dataset, Recipe(2, 256), sizes=MNIST_TEACHER, members=[0], keep=["weights", "train_logits"])
    cases = cases_of(dataset, MNIST(folder, transform=ToTensor()), teacher, epochs, device)
    rounds: dict[str, list[tuple]] = {name: [] for name in cases}
    for seed in range(seeds):
        for name, (dtype, run) in cases.items():
            rounds[name].append((matrix_speed(dtype, device, 4096), *run(seed)))
    work = epochs * len(dataset.train_labels) * operations(MNIST_STUDENT) / 1e9
    textbooks = [seconds for _, seconds, _ in next(iter(rounds.values()))]
    print(f"\ndistilling 784-800-800-10 on MNIST, {epochs} epochs, medians of {seeds} rounds")
    print(f"targets: {TARGET_TIMES} times as fast, {TARGET_SHARE} % of the ceiling of the faster precision")
    print(f"{'':34}{'s / epoch':>10}{'times as fast':>15}{'GFLOP/s':>10}{'% of ceiling':>14}   test errors")
    for name, measured in rounds.items():
        ceilings, seconds, errors = zip(*measured, strict=True)
        epoch, achieved = median(seconds) / epochs, median(work / s for s in seconds)
        faster = median(t / s for t, s in zip(textbooks, seconds, strict=True))
        share = median(100 * work / s / ceiling for s, ceiling in zip(seconds, ceilings, strict=True))
        wrong = with_interval(mean_interval(errors))
        print(f"{name:34}{epoch:10.2f}{faster:15.1f}{achieved:10.0f}{share:14.0f}   {wrong}", flush=True)
