"""Seconds per epoch of distilling 784-800-800-10 on MNIST: our loop against a textbook loop, in one process.

    python tests/benchmarks/distillation.py [--batches N]

The textbook loop is what tutorials show: torchvision's data set with ToTensor, a DataLoader, the teacher's forward
pass in every step, Adam, float32. Beside both stands the speed of a large matrix product measured in the same run.
"""

import argparse
import time

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor

from kdrep import data, mnist
from kdrep.distill import DistillationLoss
from kdrep.doctor import matrix_speed
from kdrep.models import MNIST_STUDENT, MNIST_TEACHER
from kdrep.population import Population
from kdrep.training import Recipe, train

BATCH, LARGE_BATCH, TEMPERATURE = 128, 512, 20.0  # the textbook's, and that of profile quick


def textbook_seconds(images: MNIST, batches: int) -> float:
    """Seconds of so many textbook steps."""

    def net(sizes):
        layers = [nn.Flatten()]
        for a, b in zip(sizes, sizes[1:], strict=False):
            layers += [nn.Linear(a, b), nn.ReLU()]
        return nn.Sequential(*layers[:-1])

    teacher, student = net(MNIST_TEACHER).eval(), net(MNIST_STUDENT)
    optimizer = torch.optim.Adam(student.parameters())
    start = time.perf_counter()
    for step, (x, y) in enumerate(DataLoader(images, batch_size=BATCH, shuffle=True)):
        if step == batches:
            break
        with torch.no_grad():
            targets = F.softmax(teacher(x) / TEMPERATURE, dim=1)
        logits = student(x)
        soft = F.kl_div(F.log_softmax(logits / TEMPERATURE, dim=1), targets, reduction="batchmean")
        loss = 0.9 * TEMPERATURE**2 * soft + 0.1 * F.cross_entropy(logits, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return time.perf_counter() - start


def our_seconds(dataset: data.Dataset, batches: int, precision: torch.dtype, batch: int = BATCH) -> float:
    """Seconds of our loop for the images of so many textbook steps, the soft targets computed beforehand."""
    loss = DistillationLoss(
        1, torch.randn(len(dataset.train_labels), 10), dataset.train_labels, temperature=TEMPERATURE, hard_weight=0.1
    )
    return train(
        Population(MNIST_STUDENT, [0]),
        mnist.plain(dataset.train_images, precision),
        loss,
        Recipe(1, batch),
        examples=torch.arange(batches * BATCH) % len(dataset.train_labels),
        seed=0,
        precision=precision,
    ).seconds


def main() -> None:
    """Measure, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, default=469, help="steps to time; 469 are one epoch (default)")
    batches = parser.parse_args().batches
    dataset = data.load_mnist(download=False)
    if not dataset.real:
        raise SystemExit("the real MNIST is needed: set KDREP_DATA or run `python -m kdrep data`")
    (folder,) = [f for f in data.folders() if data.source(f, "train-images-idx3-ubyte")][:1]
    images = MNIST(folder, transform=ToTensor())
    products = sum(a * b for a, b in zip(MNIST_STUDENT, MNIST_STUDENT[1:], strict=False))
    flops = 2 * BATCH * batches * (3 * products - MNIST_STUDENT[0] * MNIST_STUDENT[1])  # none for the inputs' gradient
    ceilings = {dtype: matrix_speed(dtype, "cpu", 4096) for dtype in (torch.float32, torch.bfloat16)}
    lines = [("textbook loop, float32", textbook_seconds(images, batches), ceilings[torch.float32])]
    for dtype, ceiling in ceilings.items():
        for batch in (BATCH, LARGE_BATCH):
            our_seconds(dataset, 20, dtype, batch)
            name = f"kdrep, {str(dtype).removeprefix('torch.')}, batches of {batch}"
            lines.append((name, our_seconds(dataset, batches, dtype, batch), ceiling))
    print(f"{'':34}{'s / epoch':>12}{'times as fast':>15}{'GFLOP/s':>10}{'ceiling':>10}")
    for name, seconds, ceiling in lines:
        epoch, achieved = seconds * 60_000 / BATCH / batches, flops / seconds / 1e9
        print(f"{name:34}{epoch:12.2f}{lines[0][1] / seconds:15.1f}{achieved:10.0f}{ceiling:10.0f}")


if __name__ == "__main__":
    main()
