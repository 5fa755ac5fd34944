"""Teachers and FitNets trained in one or two stages: the experiments of Romero et al. 2015, sections 3 and 4."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from kdrep.data.datasets import Dataset, last
from kdrep.learning.hints import (
    Guided,
    HintLoss,
    KnowledgeLoss,
    check_layer,
    check_table,
    entropy,
    entropy_of_hardest,
    hints_of,
)
from kdrep.learning.training import Recipe, train
from kdrep.nets import inference
from kdrep.nets.maxout import PUBLISHED, Layers, MaxoutNet, shapes

BATCH = 1000
WATCHED = 2000  # training images whose losses are looked at after every epoch
CONTRAST, SMALLEST, RIDGE = 55.0, 1e-8, 0.1  # of global contrast normalisation and ZCA, as the authors' library has it


@dataclass(frozen=True)
class Pictures:
    """Inputs (N, C, H, W) and labels (N,) of a training and a test set; `checksum` stands for them in a stage's key."""

    train_images: torch.Tensor
    train_labels: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor
    classes: int
    checksum: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        return tuple(self.train_images.shape[1:])


def grey(dataset: Dataset, precision: torch.dtype, count: int | None = None) -> Pictures:
    """Grey images as inputs in [0, 1]; the first `count` of the training images, all by default."""
    train, test = (
        images[:, None].to(precision) / 255 for images in (dataset.train_images[:count], dataset.test_images)
    )
    return labelled(dataset, train, test, f"grey {precision} {count}")


def whitened(dataset: Dataset, precision: torch.dtype, count: int | None = None) -> Pictures:
    """Colour images after global contrast normalisation and ZCA whitening (section 3.1) as the training images are."""
    parts = [contrast(images) for images in (dataset.train_images[:count], dataset.test_images)]
    mean = parts[0].mean(0)
    values, vectors = torch.linalg.eigh(torch.cov((parts[0] - mean).T, correction=0))
    matrix = (vectors * (values.clamp(min=0) + RIDGE).rsqrt()) @ vectors.T
    train, test = (((p - mean) @ matrix).unflatten(1, (3, 32, 32)).to(precision) for p in parts)
    return labelled(dataset, train, test, f"whitened {precision} {count}")


def mirrored(pictures: Pictures) -> Pictures:
    """The same with each training image twice, the second time mirrored: the paper's random flips (section 3.1), for
    which a teacher's logits and hints can be kept as well. Not for a recipe with a `patience`: the images that it
    holds out would be mirror images of those that are learned from."""
    images, labels = pictures.train_images, pictures.train_labels
    return replace(
        pictures, train_images=torch.cat([images, images.flip(-1)]), train_labels=labels.repeat(2),
        checksum=f"{pictures.checksum} mirrored",
    )  # fmt: skip


def contrast(images: torch.Tensor) -> torch.Tensor:
    """Each image (N, H, W, 3) as a vector (N, 3 H W) of mean zero and norm 55 (global contrast normalisation)."""
    flat = images.permute(0, 3, 1, 2).flatten(1).float()
    flat = flat - flat.mean(1, keepdim=True)
    norms = flat.norm(dim=1, keepdim=True)
    return CONTRAST * flat / torch.where(norms < SMALLEST, 1.0, norms)


def labelled(dataset: Dataset, train: torch.Tensor, test: torch.Tensor, how: str) -> Pictures:
    """Inputs with the data set's labels."""
    labels, classes = dataset.train_labels[: len(train)], int(dataset.train_labels.max()) + 1
    return Pictures(train, labels, test, dataset.test_labels, classes, f"{dataset.checksum} {how}")


def divided(pictures: Pictures, recipe: Recipe) -> tuple[torch.Tensor, torch.Tensor]:
    """Indices of the training images that are learned from, and of those held out for early stopping: the last twelfth
    if the recipe has a `patience`, else none."""
    indices = torch.arange(len(pictures.train_labels))
    held = last(len(indices), 12) if recipe.patience else indices[:0]
    if recipe.patience and len(held) == 0:
        raise ValueError(f"patience: early stopping needs 12 training images at least, not {len(indices)}")
    return indices[: len(indices) - len(held)], held


def predict(net: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """What a net says about images on its device, (N, outputs) on the CPU, in evaluation mode."""
    return inference.predict(net, lambda i: channels_last(images[i]), torch.arange(len(images)), images.dtype)[0]


def channels_last(images: torch.Tensor) -> torch.Tensor:
    """The same images, in the order in memory that convolutions like."""
    channels, height, width = images.shape[1:]
    # Of one channel both orders are the same: without its strides a convolution takes the other, many times slower one.
    strides = channels * height * width, 1, channels * width, channels
    return images.contiguous(memory_format=torch.channels_last).as_strided(images.shape, strides)


def make_net(pictures: Pictures, layers: Layers, seed: int, bound: float | None, start: dict | None) -> MaxoutNet:
    """A maxout net for these pictures, with the weights `start` if they are given."""
    net = MaxoutNet(layers, pictures.shape, pictures.classes, seed, bound)
    if start is not None:
        net.load_state_dict(start)
    return net


def train_net(
    pictures: Pictures, recipe: Recipe, *, layers: Layers, published: bool = False, start: dict | None = None,
    teacher_logits: torch.Tensor | None = None, temperature: float = 3.0, weights: tuple[float, float] = (4.0, 1.0),
    watch: bool = False, keep_train_logits: bool = False, seed: int = 0, device: str = "cpu",
    precision: torch.dtype = torch.float32, checkpoint: Path | None = None, label: str = "training",
) -> dict:  # fmt: skip
    """Train a whole net: on labels, or with `teacher_logits` by distillation (stage 2 if `start` comes from hints).

    `published` takes the paper's initial weights. With the recipe's `patience` it stops early, and keeps the weights of
    the epoch with the fewest errors on held-out training images. With `watch`, which excludes that, `entropy`
    (epochs, 3) is the teacher's entropy on the tenth of the training images that carries most loss, over that on all:
    with the weight of the soft targets as it is then, as it was at first, and as it will be at last. Returns weights,
    test logits, losses and seconds; training logits as well if wanted.
    """
    if watch and teacher_logits is None:
        raise ValueError("watch: the entropy is a teacher's; give teacher_logits")
    if watch and recipe.patience:
        raise ValueError("watch: early stopping observes held-out images instead; give a recipe without patience")
    if teacher_logits is not None:
        check_table(teacher_logits, len(pictures.train_labels), pictures.classes, "teacher_logits")
    net = make_net(pictures, layers, seed, PUBLISHED if published else None, start).to(device)
    examples, held = divided(pictures, recipe)
    inputs, labels = pictures.train_images.to(device, precision), pictures.train_labels.to(device)
    targets = None if teacher_logits is None else teacher_logits.to(device)
    loss = KnowledgeLoss(labels, targets, temperature, weights)

    def hardest(net: nn.Module) -> torch.Tensor:
        logits, index = predict(net, inputs[:WATCHED]).to(device), torch.arange(min(WATCHED, len(labels)))
        entropies, found = entropy(teacher_logits[index], temperature), []
        for weight in (loss.weight, *weights):
            # What no student can take away, the teacher's own entropy, would put its doubtful images first.
            excess = loss.each(logits, index.to(device), weight).cpu() - weight * entropies
            found.append(entropy_of_hardest(excess, entropies))
        return torch.tensor(found)

    def wrong(net: nn.Module) -> torch.Tensor:
        return (predict(net, inputs[held]).argmax(1) != pictures.train_labels[held]).double().mean()

    training = train(
        net, lambda index, generator: channels_last(inputs[index]), loss, recipe,
        examples=examples.to(device), seed=seed, precision=precision, anneal=loss.anneal, checkpoint=checkpoint,
        observe=wrong if recipe.patience else hardest if watch else None, label=label,
    )  # fmt: skip
    result = {
        "weights": inference.weights_of(net),
        "test_logits": predict(net, pictures.test_images.to(device, precision)),
        "losses": training.losses, "seconds": training.seconds,
    }  # fmt: skip
    if watch:
        result["entropy"] = training.observed
    if keep_train_logits:
        result["train_logits"] = predict(net, inputs)
    return result


def make_hints(pictures: Pictures, *, layers: Layers, weights: dict, layer: int, device: str = "cpu") -> dict:
    """A teacher's hints (N, features) for all training images, in their precision."""
    teacher = make_net(pictures, layers, 0, None, weights).to(device).eval()
    parts = [hints_of(teacher, channels_last(p.to(device)), layer).cpu() for p in pictures.train_images.split(BATCH)]
    return {"hints": torch.cat(parts)}


def train_hints(
    pictures: Pictures, recipe: Recipe, *, layers: Layers, guided: int, hints: torch.Tensor, hint_shape: tuple,
    published: bool = False, seed: int = 0, device: str = "cpu",
    precision: torch.dtype = torch.float32, checkpoint: Path | None = None, label: str = "training",
) -> dict:  # fmt: skip
    """Stage 1: train a student up to its layer `guided`, and a regressor, to predict hints (N, features).

    With the recipe's `patience` it stops early, on held-out training images. Returns the student's weights, without
    the regressor, the losses and seconds.
    """
    check_table(hints, len(pictures.train_labels), math.prod(hint_shape), "hints")
    net = make_net(pictures, layers, seed, PUBLISHED if published else None, None)
    stage = Guided(net, guided, hint_shape, seed, published).to(device)
    inputs, table = pictures.train_images.to(device, precision), hints.to(device)
    loss = HintLoss(table)
    examples, held = divided(pictures, recipe)

    def distance(stage: nn.Module) -> torch.Tensor:
        return (predict(stage, inputs[held]) - hints[held].float()).square().sum(1).mean() / 2

    training = train(
        stage, lambda index, generator: channels_last(inputs[index]), loss, recipe, examples=examples.to(device),
        seed=seed, precision=precision, observe=distance if recipe.patience else None, checkpoint=checkpoint,
        label=label,
    )  # fmt: skip
    return {"weights": inference.weights_of(net), "losses": training.losses, "seconds": training.seconds}


def hint_shape(pictures: Pictures, layers: Layers, layer: int) -> tuple[int, int, int]:
    """Shape of a teacher's hint: the output of its convolution `layer`, counted from 1, after pooling.

    Raises ValueError if that is none of its convolutions.
    """
    check_layer(layer, layers, "hint")
    return shapes(layers, pictures.shape)[layer - 1]
