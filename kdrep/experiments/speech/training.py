"""Acoustic models trained and tested: the experiments of Hinton et al. 2015, sections 4 and 6."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from kdrep.data.datasets import Corpus
from kdrep.data.lexicon import make_states
from kdrep.experiments.speech.front_end import (
    AFTER,
    BEFORE,
    MELS,
    STRINGS,
    Utterances,
    Windows,
    label,
    log_priors,
    make_utterances,
    scaled_likelihoods,
    train_aligner,
    with_copies,
    word_errors,
)
from kdrep.experiments.speech.hmm import Loops, decode
from kdrep.learning.distill import DistillationLoss, soft_targets
from kdrep.learning.training import Recipe, train
from kdrep.nets import inference
from kdrep.nets.population import Population

STATES = make_states()
INPUTS = (BEFORE + 1 + AFTER) * MELS
PENALTIES = (0.0, 2.5, 5.0, 7.5, 10.0, 15.0, 20.0)
PREDICTION_BATCH = 8192
MOST_FOLDS = 10
HELD_OUT_EVERY = 10  # every tenth recording of a speaker and word is held out of training


@dataclass(frozen=True)
class Labelled:
    """Utterances and the state of every frame (F,), from forced alignment."""

    utterances: Utterances
    labels: torch.Tensor


@dataclass(frozen=True)
class Task:
    """What acoustic models learn from and are tested on: connected digits, single ones, and the HMM's transitions."""

    train: Labelled
    held_out: Labelled
    test: Labelled
    single: Utterances
    loops: Loops
    priors: torch.Tensor
    changes: list[float]
    likelihoods: list[float]


def layers(width: int, depth: int = 8) -> tuple[int, ...]:
    """Layer sizes of the paper's acoustic model: 26 frames of 40 coefficients, hidden layers, a softmax over states."""
    return (INPUTS, *[width] * depth, len(STATES))


def conditions(corpus: Corpus) -> dict[str, torch.Tensor]:
    """Masks (N,) of test recordings: each speaker left out in turn, then the publisher's own test part.

    Where there are more than ten speakers, so many groups of them are left out instead.
    """
    speakers = sorted(set(corpus.speakers))
    if len(speakers) <= MOST_FOLDS:
        left_out = {speaker: {speaker} for speaker in speakers}
    else:
        left_out = {f"group {fold + 1}": set(speakers[fold::MOST_FOLDS]) for fold in range(MOST_FOLDS)}
    masks = {name: torch.tensor([s in group for s in corpus.speakers]) for name, group in left_out.items()}
    return masks | {"official split": corpus.official_test}


def held_out(corpus: Corpus) -> torch.Tensor:
    """Mask (N,) of every tenth recording of each speaker and word, for choices without test recordings; of each word
    where speakers say a word less often, on average."""
    both = list(zip(corpus.speakers, corpus.words, strict=True))
    often = len(both) >= HELD_OUT_EVERY * len(set(both))
    seen: dict[tuple[str, str] | str, int] = {}
    marks = []
    for key in both if often else corpus.words:
        seen[key] = seen.get(key, 0) + 1
        marks.append(seen[key] % HELD_OUT_EVERY == 0)
    return torch.tensor(marks)


def align_corpus(corpus: Corpus, test: torch.Tensor, *, seed: int = 0) -> dict:
    """Train the aligner on the training recordings, one by one; it labels the connected strings of all parts."""
    parts = split(corpus, test)
    aligner = train_aligner(make_utterances(parts["train"]), STATES)
    return {
        "labels": {name: label(connected(part, seed), STATES, aligner) for name, part in parts.items()},
        "stay": aligner.loops.stay, "leave": aligner.loops.leave,
        "changes": aligner.changes, "likelihoods": aligner.likelihoods,
    }  # fmt: skip


def split(corpus: Corpus, test: torch.Tensor) -> dict[str, Corpus]:
    """The training, held-out and test recordings."""
    held = held_out(corpus)
    return {
        "train": corpus.where(~test & ~held), "held out": corpus.where(~test & held), "test": corpus.where(test)
    }  # fmt: skip


def connected(corpus: Corpus, seed: int) -> Utterances:
    """Strings of three to seven digits of a speaker, every recording in one of them (the last may be shorter)."""
    return make_utterances(corpus, words=STRINGS, seed=seed)


def make_task(corpus: Corpus, test: torch.Tensor, alignment: dict, *, seed: int = 0) -> Task:
    """Utterances with the labels of `align_corpus`."""
    parts = split(corpus, test)
    labelled = {name: Labelled(connected(part, seed), alignment["labels"][name]) for name, part in parts.items()}
    return Task(
        labelled["train"], labelled["held out"], labelled["test"], make_utterances(parts["test"]),
        Loops(alignment["stay"], alignment["leave"]), log_priors(labelled["train"].labels, len(STATES)),
        alignment["changes"], alignment["likelihoods"],
    )  # fmt: skip


def windows(utterances: Utterances, device: str, precision: torch.dtype) -> Windows:
    """The windows of utterances on a device."""
    return Windows(utterances.features.to(device), utterances.lengths, precision)


def predict(
    population: Population, inputs: Windows, precision: torch.dtype, frames: torch.Tensor | None = None
) -> torch.Tensor:
    """Logits (M, F, states) of all frames, or of those whose indices are given, on the CPU."""
    frames = torch.arange(len(inputs)) if frames is None else frames
    return inference.predict(population, inputs, frames, precision, PREDICTION_BATCH)


def fit(
    labelled: Labelled, recipe: Recipe, *, width: int, depth: int, members: Sequence[int],
    teacher_logits: torch.Tensor | None = None, temperature: float | Sequence[float] = 1.0,
    hard_weight: float | Sequence[float] = 1.0, frames: torch.Tensor | None = None,
    own_frames: torch.Tensor | None = None, observe=None, seed: int = 0, device: str = "cpu",
    precision: torch.dtype = torch.float32, checkpoint: Path | None = None, label: str = "training",
):  # fmt: skip
    """Train a population of acoustic models on labelled frames: the population and its Training.

    `frames` (n,) are the indices to train on (all by default); `teacher_logits` (n, states) are theirs, and
    `own_frames` (M, n) says which of them each member sees.
    """
    frames = torch.arange(len(labelled.labels)) if frames is None else frames
    labels, places = labelled.labels[frames].to(device), frames.to(device)
    inputs = windows(labelled.utterances, device, precision)
    population = Population(layers(width, depth), members, recipe.dropout).to(device)
    targets = None if teacher_logits is None else teacher_logits.to(device)
    mask = None if own_frames is None else own_frames.to(device)
    loss = DistillationLoss(
        len(population), targets, labels, temperature=temperature, hard_weight=hard_weight, mask=mask
    )
    training = train(
        population, lambda index, generator: inputs(places[index]), loss, recipe, seed=seed, precision=precision,
        examples=torch.arange(len(places), device=device), observe=observe, checkpoint=checkpoint, label=label,
    )  # fmt: skip
    return population, training


def recognise(logits: torch.Tensor, utterances: Utterances, task: Task, penalty: float) -> list[list[int]]:
    """Substitutions, deletions and insertions of every utterance; logits (F, states)."""
    scores = scaled_likelihoods(logits, task.priors)
    found = decode(scores, utterances.lengths, STATES, task.loops, penalty=penalty)
    return word_errors(utterances.transcripts, found)


def choose_penalty(logits: torch.Tensor, task: Task) -> float:
    """The insertion penalty with which M models together make the fewest word errors on the held-out recordings; logits
    (M, F, states)."""

    def errors(penalty: float) -> int:
        return sum(sum(map(sum, recognise(d, task.held_out.utterances, task, penalty))) for d in logits)

    return min(PENALTIES, key=errors)


def measure(on: Mapping[str, torch.Tensor], task: Task) -> dict:
    """What M models' logits (M, F, states) on the `held out` and `test` strings and the `single` recordings are worth:
    predictions (M, F), substitutions, deletions and insertions of every utterance, (M, U, 3) each, and the insertion
    penalty that suits these models."""
    penalty = choose_penalty(on["held out"], task)
    return {
        "predictions": on["test"].argmax(-1).to(torch.uint8),
        "words": torch.tensor([recognise(d, task.test.utterances, task, penalty) for d in on["test"]]),
        "single": torch.tensor([recognise(d, task.single, task, penalty) for d in on["single"]]),
        "penalty": penalty,
    }


def logits_of(population: Population, task: Task, device: str, precision: torch.dtype) -> dict[str, torch.Tensor]:
    """Logits (M, F, states) on the held-out and the test strings, and on the single recordings."""
    asked = {"held out": task.held_out.utterances, "test": task.test.utterances, "single": task.single}
    return {name: predict(population, windows(part, device, precision), precision) for name, part in asked.items()}


def train_ensemble(
    task: Task, recipe: Recipe, *, width: int, depth: int, members: int, parts: bool = False, example: int = 0,
    seed: int = 0, device: str = "cpu", precision: torch.dtype = torch.float32, checkpoint: Path | None = None,
    label: str = "training",
) -> dict:  # fmt: skip
    """Train the members on labels and measure them, and the ensembles of 1 to all of them, on the test recordings.

    With `parts`, every member sees four fifths of the training utterances, each another four (H4.2). Returns what
    `measure` gives for the members, and for the arithmetic and the geometric mean; without `parts` the members'
    weights, from which students learn; and the posteriors of one utterance for a figure.
    """
    own = own_parts(task.train.utterances, members) if parts else None
    population, training = fit(
        task.train, recipe, width=width, depth=depth, members=[1000 * seed + m for m in range(members)], own_frames=own,
        seed=seed, device=device, precision=precision, checkpoint=checkpoint, label=label,
    )  # fmt: skip
    on = logits_of(population, task, device, precision)
    taught = predict(population, windows(task.train.utterances, device, precision), precision)
    means = {
        name: measure({part: mean(logits)[None] for part, logits in on.items()}, task)
        for name, mean in (("arithmetic", log_arithmetic_mean), ("geometric", geometric_logits))
    }
    sizes = [log_arithmetic_mean(on["test"][: m + 1]).argmax(-1) for m in range(members)]
    return {
        "members": measure(on, task), "means": means,
        "by_size": [float((p == task.test.labels).double().mean()) for p in sizes],
        "train_accuracy": [float(a) for a in (taught.argmax(-1) == task.train.labels).double().mean(1)],
        "losses": training.losses, "seconds": training.seconds,
        "posteriors": posteriors(torch.stack([on["test"][0], log_arithmetic_mean(on["test"])]), task, example),
    } | ({} if parts else {"weights": inference.weights_of(population)})  # fmt: skip


def log_arithmetic_mean(logits: torch.Tensor) -> torch.Tensor:
    """Logits (F, states) of the arithmetic mean of M distributions; logits (M, F, states)."""
    return logits.log_softmax(-1).logsumexp(0) - math.log(len(logits))


def geometric_logits(logits: torch.Tensor) -> torch.Tensor:
    """Logits (F, states) of the geometric mean of M distributions."""
    return logits.mean(0)


def own_parts(utterances: Utterances, members: int, leave_out: int = 5) -> torch.Tensor:
    """Mask (M, F): member m does without every fifth utterance, from the m-th on."""
    number = torch.arange(len(utterances))
    return torch.stack([utterances.frames_of(number % leave_out != m % leave_out) for m in range(members)])


def posteriors(logits: torch.Tensor, task: Task, example: int) -> torch.Tensor:
    """Probabilities (M, frames, states) of one test utterance."""
    marks = torch.arange(len(task.test.utterances)) == example
    return soft_targets(logits[:, task.test.utterances.frames_of(marks)])


def transfer_set(labelled: Labelled, copies: int) -> Labelled:
    """Labelled utterances and perturbed copies of them, which keep their labels."""
    return Labelled(with_copies(labelled.utterances, copies), labelled.labels.repeat(copies + 1))


def teacher_logits(
    weights: dict, width: int, depth: int, utterances: Utterances, device: str, precision: torch.dtype,
    frames: torch.Tensor | None = None,
) -> torch.Tensor:  # fmt: skip
    """Logits (n, states) of the geometric mean of an ensemble with these weights, for some frames (n,) or all."""
    members = len(weights["weights.0"])
    population = Population(layers(width, depth), range(members)).to(device)
    population.load_state_dict(weights)
    inputs = windows(utterances, device, precision)
    frames = torch.arange(len(inputs)) if frames is None else frames
    parts = frames.split(10 * PREDICTION_BATCH)
    return torch.cat([predict(population, inputs, precision, index).mean(0) for index in parts])


def train_students(
    task: Task, recipe: Recipe, *, width: int, depth: int, teacher: dict,
    members: Sequence[int], temperature: Sequence[float], hard_weight: Sequence[float], copies: int = 0,
    example: int = 0, seed: int = 0, device: str = "cpu", precision: torch.dtype = torch.float32,
    checkpoint: Path | None = None, label: str = "training",
) -> dict:  # fmt: skip
    """Distil single models of the same size from an ensemble, and measure each (see `measure`).

    `teacher` are the weights of the ensemble. Besides the training frames the students learn from `copies` perturbed
    copies of them: the members never saw these, so that what the ensemble says about them is no mere echo of labels.
    """
    transfer = transfer_set(task.train, copies)
    logits = teacher_logits(teacher, width, depth, transfer.utterances, device, precision)
    population, training = fit(
        transfer, recipe, width=width, depth=depth, members=members, teacher_logits=logits, temperature=temperature,
        hard_weight=hard_weight, seed=seed, device=device, precision=precision, checkpoint=checkpoint, label=label,
    )  # fmt: skip
    on = logits_of(population, task, device, precision)
    each = [measure({part: logits[m : m + 1] for part, logits in on.items()}, task) for m in range(len(members))]
    return {
        "members": {name: torch.cat([one[name] for one in each]) for name in ("predictions", "words", "single")},
        "penalties": [one["penalty"] for one in each],
        "posteriors": posteriors(on["test"], task, example), "losses": training.losses, "seconds": training.seconds,
    }  # fmt: skip
