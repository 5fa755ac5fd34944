"""The one training loop: it trains one network or a population, and resumes where it was killed."""

import ctypes
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from kdrep.files import load, save
from kdrep.learning.progress import epoch_by_epoch

BFLOAT16 = ("amx_bf16", "avx512_bf16", "sve_bf16", "bf16")  # instructions of processors, as torch names them
CHECKPOINT_EVERY = 15  # seconds: what a killed run may lose
CHECKPOINT_SHARE = 0.1  # of the time, at most, for checkpoints

OPTIMIZERS = ("adam", "adamw", "rmsprop", "sgd")
DECAYS = ("linear", "cosine", "constant")

Inputs = Callable[[torch.Tensor, torch.Generator], torch.Tensor]
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


class TrainingError(RuntimeError):
    """Training went wrong in a way that more training does not mend."""


class Training(NamedTuple):
    """Mean losses (epochs, M); the seconds that the training took, earlier tries of a killed run included; and
    what was observed after each epoch (epochs, …), None if nothing was."""

    losses: torch.Tensor
    seconds: float
    observed: torch.Tensor | None = None


@dataclass(frozen=True)
class Recipe:
    """How a net is trained: everything that a reader may want to change, and part of its stage's key.

    `decay` is the shape in which the rate falls to zero, unless it is `constant`; `max_norm` bounds the Euclidean norm
    of every hidden unit's incoming weights, `max_gradient` that of the whole gradient, all members together; `dropout`
    is the rate of every layer's input; `jitter` is in pixels; `weight_decay` is for sgd and adamw, `nesterov` for sgd,
    `smoothing` and `epsilon`, which is added to the root mean square of the gradients, for rmsprop. With `patience`,
    training stops after so many epochs without a lower mean of what is observed, and ends with the weights that had
    the lowest.
    """

    epochs: int
    batch_size: int = 128
    learning_rate: float = 1e-3
    optimizer: str = "adam"
    decay: str = "linear"
    warmup: float = 0.0
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 0.0
    smoothing: float = 0.9
    epsilon: float = 1e-8
    max_norm: float | None = None
    max_gradient: float | None = None
    patience: int | None = None
    dropout: tuple[float, ...] = ()
    jitter: int = 0

    def __post_init__(self):
        if self.epochs < 1 or self.batch_size < 1:
            raise ValueError(f"recipe: epochs and batch_size must be positive, not {self.epochs}, {self.batch_size}")
        if not self.learning_rate > 0:
            raise ValueError(f"recipe: learning_rate must be positive, not {self.learning_rate}")
        for name, choices in (("optimizer", OPTIMIZERS), ("decay", DECAYS)):
            if getattr(self, name) not in choices:
                raise ValueError(f"recipe: {name} must be one of {', '.join(choices)}, not {getattr(self, name)!r}")
        if not 0 <= self.warmup < 1:
            raise ValueError(f"recipe: warmup must be a share of the training below 1, not {self.warmup}")
        if self.patience is not None and self.patience < 1:
            raise ValueError(f"recipe: patience must be a positive number of epochs, not {self.patience}")


def keep_memory() -> None:
    """Let glibc keep freed memory: gradients that are mapped anew in every step took a third of the time."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):
            mmap_threshold, trim_threshold, top_pad = -3, -1, -2
            libc.mallopt(mmap_threshold, 30 << 20)
            libc.mallopt(trim_threshold, 1 << 30)
            libc.mallopt(top_pad, 64 << 20)


keep_memory()
torch.backends.cudnn.deterministic = True  # what has no fixed order is then left to max pools that overlap
torch.backends.cudnn.allow_tf32 = False  # whoever asks for float32 gets it in convolutions as well


def native_precision(device: str) -> tuple[torch.dtype, str]:
    """What products are computed in on this device, and why: bfloat16 where it has instructions for it, else float32.

    The same machine always chooses the same, whatever else it does: figures depend on it, so no stopwatch decides.
    """
    if device.startswith("cuda"):
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        found = ["bfloat16"] if native else []
    else:
        capabilities = torch.cpu.get_capabilities()
        found = [name for name in BFLOAT16 if capabilities.get(name)]
    return (torch.bfloat16, f"the device has {found[0]}") if found else (torch.float32, "the device has no bfloat16")


def dtype_name(dtype: torch.dtype) -> str:
    """`bfloat16`, not `torch.bfloat16`."""
    return str(dtype).removeprefix("torch.")


def rate_factor(progress: float, recipe: Recipe) -> float:
    """Share of the learning rate after a share of the training: a linear warm-up, then the decay to zero, if any."""
    if progress < recipe.warmup:
        return progress / recipe.warmup
    left = (1 - progress) / (1 - recipe.warmup)
    return {"linear": left, "cosine": 0.5 * (1 - math.cos(math.pi * left)), "constant": 1.0}[recipe.decay]


def train(
    population: nn.Module,
    inputs: Inputs,
    loss: Loss,
    recipe: Recipe,
    *,
    examples: torch.Tensor | Callable[[torch.Generator], torch.Tensor],
    seed: int,
    precision: torch.dtype = torch.float32,
    rate_shares: Sequence[float] | None = None,
    observe: Callable[[nn.Module], torch.Tensor] | None = None,
    anneal: Callable[[float], None] | None = None,
    checkpoint: Path | None = None,
    label: str = "training",
) -> Training:
    """Train every member of a population, or one net that gives outputs (1, B, ...), on the same batches.

    `inputs(index, generator)` gives a batch (B, ...), `loss(logits, index)` the losses (M,); `examples` (n,)
    are the indices to train on, or a function that draws as many anew for every epoch; `rate_shares` (M,) scale the
    learning rate of each member. `observe(population)` is called after every epoch, in evaluation mode, and gives a
    tensor to keep. `anneal(progress)` is called before every step with the share of the training that is done.
    With `checkpoint`, the state is saved there and training goes on from it if it exists.
    Raises ValueError for what cannot be trained, TrainingError as soon as an epoch's loss is not finite.
    """
    if recipe.patience and not observe:
        raise ValueError("observe: early stopping (`patience`) needs something to observe")
    if not callable(examples) and len(examples) == 0:
        raise ValueError("examples: there is none to train on")
    if recipe.max_norm and not hasattr(population, "limit_norms"):
        raise ValueError(f"recipe: max_norm is not for a {type(population).__name__}, which bounds no norms")
    device = next(population.parameters()).device
    generator = torch.Generator(device).manual_seed(seed)
    optimizer = make_optimizer(population, recipe)
    shares = None if rate_shares is None else torch.tensor(rate_shares, device=device)
    step = make_step(population, optimizer, inputs, loss, recipe, generator, precision, shares, anneal)
    state = load_checkpoint(checkpoint, population, optimizer, generator)
    history, start = state["history"], time.monotonic() - state["seconds"]
    due = time.monotonic() + CHECKPOINT_EVERY
    population.train()
    with epoch_by_epoch(label, recipe.epochs, len(history)) as advance:
        for epoch in range(len(history), recipe.epochs):
            if ran_out(state["observed"], recipe.patience):
                break
            drawn = examples(generator) if callable(examples) else examples
            order = drawn[torch.randperm(len(drawn), generator=generator, device=device)]
            batches, total = order.split(recipe.batch_size), torch.zeros(len(population), device=device)
            for done, index in enumerate(batches, start=epoch * len(batches)):
                total += step(index, done / (recipe.epochs * len(batches)))
            history.append(check_finite(total / len(batches), label, epoch))
            if observe:
                state["observed"].append(observation(population, observe))
                if recipe.patience and lowest(state["observed"]) == epoch:
                    state["best"] = {name: value.clone() for name, value in population.state_dict().items()}
            if checkpoint and (now := time.monotonic()) > due:
                save_checkpoint(checkpoint, population, optimizer, generator, state, now - start)
                # Of a large population a checkpoint is gigabytes, and takes as long as several epochs.
                due = time.monotonic() + max(CHECKPOINT_EVERY, (time.monotonic() - now) / CHECKPOINT_SHARE)
            advance()
    if state["best"]:
        population.load_state_dict(state["best"])
    population.eval()
    observed = torch.stack(state["observed"]) if observe else None
    return Training(torch.stack(history), time.monotonic() - start, observed)


def make_step(
    population: nn.Module, optimizer: torch.optim.Optimizer, inputs: Inputs, loss: Loss, recipe: Recipe,
    generator: torch.Generator, precision: torch.dtype, shares: torch.Tensor | None, anneal: Callable | None,
) -> Callable[[torch.Tensor, float], torch.Tensor]:  # fmt: skip
    """A function that takes one step on the examples `index` (B,), with so great a share of the training behind it,
    and gives the losses (M,). Nothing in it waits for the device."""

    def step(index: torch.Tensor, progress: float) -> torch.Tensor:
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * rate_factor(progress, recipe)
        if anneal:
            anneal(progress)
        batch = inputs(index, generator)
        optimizer.zero_grad(set_to_none=True)  # before the forward pass, which would else lie beside old gradients
        with torch.autocast(batch.device.type, torch.bfloat16, enabled=precision == torch.bfloat16):
            logits = population(batch)
        losses = loss(logits.float(), index)
        losses.sum().backward()
        if recipe.max_gradient:
            torch.nn.utils.clip_grad_norm_(population.parameters(), recipe.max_gradient, foreach=True)
        update(population, optimizer, shares)
        if recipe.max_norm:
            population.limit_norms(recipe.max_norm)
        return losses.detach()

    return step


def lowest(observed: list[torch.Tensor]) -> int:
    """The first epoch, from 0, in which the mean of what was observed was lowest."""
    return int(torch.stack([seen.double().mean() for seen in observed]).argmin())


def ran_out(observed: list[torch.Tensor], patience: int | None) -> bool:
    """Whether so many epochs have gone by without a lower mean."""
    return bool(patience and observed) and len(observed) - 1 - lowest(observed) >= patience


@torch.no_grad()
def observation(population: nn.Module, observe: Callable[[nn.Module], torch.Tensor]) -> torch.Tensor:
    """What `observe` sees of the population in evaluation mode, on the CPU."""
    population.eval()
    seen = observe(population).cpu()
    population.train()
    return seen


def make_optimizer(population: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimiser over all members' stacked weights."""
    parameters = list(population.parameters())
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(
            parameters, recipe.learning_rate, recipe.momentum, weight_decay=recipe.weight_decay,
            nesterov=recipe.nesterov, fused=True,
        )  # fmt: skip
    if recipe.optimizer == "rmsprop":
        return torch.optim.RMSprop(parameters, recipe.learning_rate, alpha=recipe.smoothing, eps=recipe.epsilon)
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(parameters, recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True)
    return torch.optim.Adam(parameters, recipe.learning_rate, fused=True)


@torch.no_grad()
def update(population: nn.Module, optimizer: torch.optim.Optimizer, shares: torch.Tensor | None) -> None:
    """One optimiser step, of which member m takes the share `shares[m]`."""
    if shares is None:
        return optimizer.step()
    before = [parameter.clone() for parameter in population.parameters()]
    optimizer.step()
    for old, parameter in zip(before, population.parameters(), strict=True):
        parameter.copy_(torch.lerp(old, parameter, shares.view(-1, *[1] * (old.dim() - 1))))


def check_finite(losses: torch.Tensor, label: str, epoch: int) -> torch.Tensor:
    """The losses (M,) on the CPU; TrainingError if one is not finite."""
    losses = losses.cpu()
    bad = (~losses.isfinite()).nonzero().flatten().tolist()
    if bad:
        raise TrainingError(
            f"{label}: the loss of member(s) {bad} is not finite in epoch {epoch + 1}; "
            "lower the learning rate or look for NaN in the inputs and targets"
        )
    return losses


def save_checkpoint(path, population, optimizer, generator, progress, seconds) -> None:
    """Write everything that the rest of the training depends on."""
    state = {
        "population": population.state_dict(),
        "optimizer": optimizer.state_dict(),
        "generators": [g.get_state() for g in (generator, *population.generators)],
        "history": progress["history"],
        "observed": progress["observed"],
        "best": progress["best"],
        "seconds": seconds,
    }
    save(state, path)


def load_checkpoint(path, population, optimizer, generator) -> dict:
    """Restore what `save_checkpoint` wrote; a fresh start if there is none."""
    if path is None or not path.exists():
        return {"history": [], "observed": [], "best": None, "seconds": 0.0}
    state = load(path)
    population.load_state_dict(state["population"])
    optimizer.load_state_dict(state["optimizer"])
    first, *members = state["generators"]
    generator.set_state(first)
    population.generators = [torch.Generator(generator.device) for _ in members]
    for member, saved in zip(population.generators, members, strict=True):
        member.set_state(saved)
    return state
