"""The MNIST experiments of Hinton et al. 2015, section 3."""

from collections.abc import Sequence
from pathlib import Path

import torch

from kdrep.data.datasets import Dataset
from kdrep.experiments.mnist.scores import errors
from kdrep.learning.augment import Jitter
from kdrep.learning.distill import DistillationLoss, logit_matching_loss
from kdrep.learning.training import Recipe, train
from kdrep.nets import inference
from kdrep.nets.population import Population


def fit(
    dataset: Dataset,
    recipe: Recipe,
    *,
    sizes: tuple[int, ...],
    members: Sequence[int],
    teacher_logits: torch.Tensor | None = None,
    temperature: float | Sequence[float] = 1.0,
    hard_weight: float | Sequence[float] = 1.0,
    match_logits: bool = False,
    examples: torch.Tensor | None = None,
    keep: Sequence[str] = (),
    seed: int = 0,
    device: str = "cpu",
    precision: torch.dtype = torch.float32,
    checkpoint: Path | None = None,
    label: str = "training",
) -> dict:
    """Train a population on MNIST and return its test logits (M, 10000, 10), losses, biases and seconds.

    `members` are the initialisation seeds, `seed` orders the batches that they share; `examples` are the
    training indices that make up the transfer set (all by default); `match_logits` trains by logit
    matching instead of soft targets; `keep` may name "train_logits", "weights" and "curve", the test errors after
    every epoch (epochs, M), to be returned as well.
    """
    images, labels = dataset.train_images.to(device), dataset.train_labels.to(device)
    population = Population(sizes, members, recipe.dropout).to(device)
    targets = None if teacher_logits is None else teacher_logits.to(device)
    if match_logits and targets is None:
        raise ValueError("teacher_logits: logit matching needs them")
    if match_logits:
        loss = logit_matching_loss(targets)
    else:
        loss = DistillationLoss(len(population), targets, labels, temperature=temperature, hard_weight=hard_weight)
    examples = torch.arange(len(images)) if examples is None else examples

    def test_errors(population: Population) -> torch.Tensor:
        return torch.tensor(errors(predict(population, dataset.test_images.to(device)), dataset.test_labels))

    training = train(
        population,
        Jitter(images, recipe.jitter, precision) if recipe.jitter else plain(images, precision),
        loss,
        recipe,
        examples=examples.to(device),
        seed=seed,
        precision=precision,
        observe=test_errors if "curve" in keep else None,
        checkpoint=checkpoint,
        label=label,
    )
    result = {
        "test_logits": predict(population, dataset.test_images.to(device)),
        "output_bias": population.biases[-1].detach().cpu(),
        "losses": training.losses,
        "seconds": training.seconds,
    }
    if "curve" in keep:
        result["curve"] = training.observed
    if "train_logits" in keep:
        result["train_logits"] = predict(population, images)
    if "weights" in keep:
        result["weights"] = inference.weights_of(population)
    return result


def pixels(images: torch.Tensor, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Images (N, H, W) uint8 as inputs (N, H * W) in [0, 1]."""
    return images.flatten(1).to(dtype).div_(255)


def plain(images: torch.Tensor, dtype: torch.dtype):
    """The inputs of `train` without augmentation: converted once, then indexed."""
    flat = pixels(images, dtype)
    return lambda index, generator: flat[index]


def predict(population: Population, images: torch.Tensor) -> torch.Tensor:
    """Logits (M, N, classes) on the CPU, without dropout and in float32, whatever the net was trained in."""
    return inference.predict(population, lambda index: pixels(images[index]), torch.arange(len(images)))
