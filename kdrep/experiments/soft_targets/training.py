"""Learning from a part of the speech, with labels or with soft targets (Hinton et al. 2015, section 6)."""

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F

from kdrep.experiments.speech.front_end import Windows
from kdrep.experiments.speech.training import PREDICTION_BATCH, Task, fit, teacher_logits, transfer_set, windows
from kdrep.learning.training import Recipe
from kdrep.nets import inference
from kdrep.nets.population import Population


def part_of(task: Task, share: float, seed: int, *, by: str = "utterances") -> torch.Tensor:
    """Indices of the training frames of a random part; the parts of one seed are nested.

    `by` utterances: whole strings, until their frames make up the share; by frames: any frames.
    """
    generator = torch.Generator().manual_seed(seed)
    utterances = task.train.utterances
    total = len(task.train.labels)
    if by == "frames":
        return torch.randperm(total, generator=generator)[: max(1, round(share * total))].sort().values
    order = torch.randperm(len(utterances), generator=generator)
    frames = utterances.lengths[order].cumsum(0)
    marks = torch.zeros(len(utterances), dtype=torch.bool)
    marks[order[: int((frames < share * total).sum()) + 1]] = True
    return utterances.frames_of(marks).nonzero().flatten()


def learn_from_part(
    task: Task, recipe: Recipe, *, frames: torch.Tensor, width: int, depth: int,
    teacher: dict | None = None, teacher_width: int | None = None, temperatures: Sequence[float] = (),
    hard_weight: float = 0.0, copies: int = 0, keep: Sequence[str] = (),
    sample: int = 4000, seed: int = 0, device: str = "cpu", precision: torch.dtype = torch.float32,
    checkpoint: Path | None = None, label: str = "training",
) -> dict:  # fmt: skip
    """Train on a part of the frames one net with labels alone, then one with soft targets at each temperature, and
    labels with `hard_weight`, all from the same initial weights; accuracy (M,) on these frames, the held-out and the
    test ones.

    All learn from the frames and `copies` perturbed copies of them; `teacher` are the weights of the model that
    has seen everything, whose width may be another. `curve` (epochs, 3, M) holds the three accuracies after every
    epoch, on `sample` frames of each, and `cross_entropies`, of the same shape, how sure it was. `keep` may name
    "weights" to be returned as well.
    """
    inputs = {
        name: (windows(part.utterances, device, precision), part.labels.to(device))
        for name, part in (("train", task.train), ("held out", task.held_out), ("test", task.test))
    }
    chosen = {"train": frames, **{n: torch.arange(len(inputs[n][1])) for n in ("held out", "test")}}
    picked = {name: spread(index, sample).to(device) for name, index in chosen.items()}

    def tested(population: Population, indices: dict[str, torch.Tensor]) -> torch.Tensor:
        return torch.stack([quality(population, *inputs[n], index, precision) for n, index in indices.items()], 1)

    transfer = transfer_set(task.train, copies)
    every = torch.cat([frames + copy * len(task.train.labels) for copy in range(copies + 1)])
    logits = None
    if teacher is not None:
        wide = teacher_width or width
        logits = teacher_logits(teacher, wide, depth, transfer.utterances, device, precision, every)
    population, training = fit(
        transfer, recipe, width=width, depth=depth, members=[seed] * (1 + len(temperatures)),
        teacher_logits=logits, temperature=[1.0, *temperatures],
        hard_weight=[1.0] + [hard_weight] * len(temperatures), frames=every,
        seed=seed, device=device, precision=precision,
        observe=lambda p: tested(p, picked), checkpoint=checkpoint, label=label,
    )  # fmt: skip
    final = tested(population, {name: index.to(device) for name, index in chosen.items()})[0].cpu()
    curve, cross_entropies = training.observed.unbind(1)
    result = dict(zip(chosen, final, strict=True)) | {
        "curve": curve, "cross_entropies": cross_entropies, "seconds": training.seconds
    }  # fmt: skip
    if "weights" in keep:
        result["weights"] = inference.weights_of(population)
    return result


def spread(index: torch.Tensor, count: int) -> torch.Tensor:
    """At most so many of the indices, evenly spread."""
    return index[torch.linspace(0, len(index) - 1, min(count, len(index))).long()]


@torch.no_grad()
def quality(
    population: Population, inputs: Windows, labels: torch.Tensor, index: torch.Tensor, precision
) -> torch.Tensor:
    """Per cent of the frames `index` whose state is found, and their mean cross-entropy in nats: (2, M)."""
    found = torch.zeros(2, len(population), device=labels.device)
    for part in index.split(PREDICTION_BATCH):
        with torch.autocast(labels.device.type, torch.bfloat16, enabled=precision == torch.bfloat16):
            logits = population(inputs(part))
        right = logits.argmax(-1) == labels[part]
        wanted = labels[part].expand(len(logits), -1)
        losses = F.cross_entropy(logits.float().transpose(1, 2), wanted, reduction="none")
        found += torch.stack([100 * right.float(), losses]).sum(-1)
    return found / len(index)
