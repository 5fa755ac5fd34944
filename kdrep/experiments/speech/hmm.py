"""Hidden Markov models: forced alignment and decoding, vectorised over states and batched over utterances.

Frames of all utterances are stacked: scores (F, K) hold the log likelihood of every frame in every state,
lengths (U,) the frames of each utterance. Every state has a self loop; leaving it costs the same wherever to.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch

from kdrep.data.lexicon import States


class Chains(NamedTuple):
    """Left-to-right graphs of U transcripts, padded to P positions: the state of each position, where a path
    may start and end, and where it may hop over an optional silence; all (U, P)."""

    states: torch.Tensor
    starts: torch.Tensor
    ends: torch.Tensor
    hops: torch.Tensor


class Loops(NamedTuple):
    """Log probabilities (K,) of staying in each state and of leaving it."""

    stay: torch.Tensor
    leave: torch.Tensor


def make_chains(transcripts: Sequence[Sequence[str]], states: States) -> Chains:
    """The graphs of transcripts: their words in order, with optional silence before, between and behind them."""
    silence = list(states.silence)
    rows = []
    for words in transcripts:
        unknown = sorted({word for word in words if word not in states.words})
        if unknown or not words:
            raise ValueError(f"transcripts: {unknown or 'an empty transcript'} cannot be spelled in states")
        row, starts, ends, hops = list(silence), [0, len(silence)], [], []
        for word in words:
            hops.append(len(row))
            row += states.words[word]
            ends = [len(row) - 1]
            row += silence
        ends.append(len(row) - 1)
        rows.append((row, starts, ends, hops[1:]))
    shape = len(rows), max(len(row) for row, *_ in rows)
    chains = Chains(torch.zeros(shape, dtype=torch.long), *(torch.zeros(shape, dtype=torch.bool) for _ in range(3)))
    for u, (row, *marks) in enumerate(rows):
        chains.states[u, : len(row)] = torch.tensor(row)
        for table, positions in zip(chains[1:], marks, strict=True):
            table[u, positions] = True
    return chains


def pad_frames(frames: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Stacked frames (F, D) as (T, U, D), zeros behind the shorter utterances."""
    parts = frames.split(lengths.tolist())
    return torch.nn.utils.rnn.pad_sequence(parts)


def align(scores: torch.Tensor, lengths: torch.Tensor, chains: Chains, loops: Loops, silence: int = 3) -> torch.Tensor:
    """The state of every frame (F,) on the best path through each utterance's chain (Viterbi).

    Raises ValueError if an utterance has fewer frames than its chain has states that cannot be left out.
    """
    device, emissions = scores.device, pad_frames(scores, lengths)
    states, starts, ends, hops = (table.to(device) for table in chains)
    stay, leave = loops.stay.to(device)[states], loops.leave.to(device)[states]
    lost = torch.tensor(-math.inf, device=device)
    best = torch.where(starts, emissions[0].gather(1, states), lost)
    choices = torch.zeros(len(emissions), *states.shape, dtype=torch.uint8, device=device)
    for t in range(1, len(emissions)):
        leaving = best + leave
        moves = torch.stack([best + stay, shifted(leaving, 1), torch.where(hops, shifted(leaving, silence + 1), lost)])
        value, choices[t] = moves.max(0)
        going_on = (t < lengths.to(device))[:, None]
        best = torch.where(going_on, value + emissions[t].gather(1, states), best)
    final, position = torch.where(ends, best, lost).max(1)
    if not bool(final.isfinite().all()):
        bad = (~final.isfinite()).nonzero().flatten().tolist()
        raise ValueError(f"utterances {bad[:5]}: fewer frames than their words have states; leave them out")
    steps = torch.tensor([0, 1, silence + 1], device=device)
    path = torch.zeros(choices.shape[:2], dtype=torch.long, device=device)
    for t in range(len(emissions) - 1, -1, -1):
        path[t] = states.gather(1, position[:, None]).squeeze(1)
        back = steps[choices[t].gather(1, position[:, None]).squeeze(1).long()]
        position = torch.where(t < lengths.to(device), position - back, position)
    return torch.cat([path[:n, u] for u, n in enumerate(lengths.tolist())])


def shifted(values: torch.Tensor, by: int) -> torch.Tensor:
    """Values (U, P) moved right by so many positions, minus infinity coming in."""
    return torch.nn.functional.pad(values, (by, 0), value=-math.inf)[:, : values.shape[1]]


def decode(
    scores: torch.Tensor, lengths: torch.Tensor, states: States, loops: Loops, *, penalty: float = 0.0
) -> list[list[str]]:
    """The words of every utterance: the best path (Viterbi) through a loop over all words and silence.

    Words are equally likely; every word costs `penalty` (natural log) besides, which trades insertions for deletions.
    """
    if not scores.isfinite().all():
        raise ValueError("scores: NaN or infinity among the log likelihoods")
    device, emissions = scores.device, pad_frames(scores, lengths)
    words = list(states.words)
    first = torch.tensor([states.words[w][0] for w in words], device=device)
    last = torch.tensor([states.words[w][-1] for w in words], device=device)
    quiet, loud = states.silence[0], states.silence[-1]
    stay, leave = loops.stay.to(device), loops.leave.to(device)
    entries = torch.cat([first, torch.tensor([quiet], device=device)])
    price = -math.log(len(words)) - penalty
    here = torch.arange(len(states), device=device)
    best = torch.full((len(lengths), len(states)), -math.inf, device=device)
    best[:, first], best[:, quiet] = price, 0.0
    best = best + emissions[0]
    sources = torch.zeros(len(emissions), len(lengths), len(states), dtype=torch.int32, device=device)
    for t in range(1, len(emissions)):
        leaving = best + leave
        enter, origin = shifted(leaving, 1), (here - 1).expand_as(best).clone()
        finished, which = leaving[:, last].max(1)
        ended = last[which]
        after_silence = leaving[:, loud] > finished
        enter[:, first] = (torch.maximum(finished, leaving[:, loud]) + price)[:, None]
        origin[:, first] = torch.where(after_silence, loud, ended)[:, None]
        enter[:, quiet], origin[:, quiet] = finished, ended
        staying = best + stay
        stays = staying >= enter
        sources[t] = torch.where(stays, here, origin)
        value = torch.where(stays, staying, enter) + emissions[t]
        best = torch.where((t < lengths.to(device))[:, None], value, best)
    closing = torch.cat([last, torch.tensor([loud], device=device)])
    position = closing[best[:, closing].argmax(1)]
    entered = torch.zeros(sources.shape[:2], dtype=torch.long, device=device)
    is_entry = torch.isin(here, entries)
    for t in range(len(emissions) - 1, -1, -1):
        inside = t < lengths.to(device)
        source = sources[t].gather(1, position[:, None]).squeeze(1).long()
        starts = is_entry[position] & ((source != position) | (t == 0)) & inside
        entered[t] = torch.where(starts, position + 1, 0)
        position = torch.where(inside & (t > 0), source, position)
    names = {states.words[word][0] + 1: word for word in words}
    return [[names[e] for e in column if e in names] for column in entered.T.tolist()]


def estimate_loops(labels: torch.Tensor, lengths: torch.Tensor, count: int) -> Loops:
    """Probabilities of staying and leaving from an alignment (F,), one visit added to each state."""
    frames = torch.bincount(labels, minlength=count).double()
    begins = torch.ones(len(labels), dtype=torch.bool, device=labels.device)
    begins[1:] = labels[1:] != labels[:-1]
    begins[lengths.cumsum(0)[:-1].to(labels.device)] = True
    visits = torch.bincount(labels[begins], minlength=count).double()
    leave = (visits + 1) / (frames + 2)
    return Loops((1 - leave).log().float(), leave.log().float())


class Gaussians(NamedTuple):
    """One Gaussian with diagonal covariance a state: means and variances (K, D)."""

    means: torch.Tensor
    variances: torch.Tensor


def fit_gaussians(frames: torch.Tensor, labels: torch.Tensor, count: int, floor: float = 0.1) -> Gaussians:
    """Maximum likelihood from labelled frames (F, D), variances of at least `floor` of the whole data's.

    A state without frames takes the whole data's Gaussian.
    """
    frames = frames.double()
    share = torch.bincount(labels, minlength=count).double()[:, None]
    sums = torch.zeros(count, frames.shape[1], dtype=torch.float64).index_add_(0, labels, frames)
    squares = torch.zeros_like(sums).index_add_(0, labels, frames.square())
    overall = frames.mean(0), frames.var(0, unbiased=False)
    means = torch.where(share > 0, sums / share.clamp(min=1), overall[0])
    variances = torch.where(share > 0, squares / share.clamp(min=1) - means.square(), overall[1])
    return Gaussians(means.float(), torch.maximum(variances, floor * overall[1]).float())


def gaussian_scores(frames: torch.Tensor, gaussians: Gaussians) -> torch.Tensor:
    """Log densities (F, K) of frames (F, D)."""
    means, precision = gaussians.means, 1 / gaussians.variances
    constant = (means.square() * precision).sum(1) + gaussians.variances.log().sum(1)
    constant = constant + frames.shape[1] * math.log(2 * math.pi)
    return -0.5 * (frames.square() @ precision.T - 2 * frames @ (means * precision).T + constant)
