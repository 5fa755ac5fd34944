"""Acoustic models in the manner of Hinton et al. 2015, section 4: front end, windows, alignment, recognition."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import jiwer
import torch
from torchaudio.functional import compute_deltas, create_dct
from torchaudio.transforms import MelSpectrogram

from kdrep.data.datasets import Corpus
from kdrep.data.lexicon import States
from kdrep.experiments.speech.hmm import (
    Chains,
    Gaussians,
    Loops,
    align,
    estimate_loops,
    fit_gaussians,
    gaussian_scores,
    make_chains,
)

MELS, HOP_MS, WINDOW_MS = 40, 10, 25
BEFORE, AFTER = 20, 5  # frames of context: 26 in all, the 21st is classified
FLOOR = 1e-8  # of an utterance's loudest filter output: 80 dB
CEPSTRA = 13
STRINGS = 3, 7  # words of a connected string, at least and at most


@dataclass(frozen=True)
class Utterances:
    """U utterances: features (F, 40) of all frames, stacked; frames (U,), transcript and speaker of each."""

    features: torch.Tensor
    lengths: torch.Tensor
    transcripts: tuple[tuple[str, ...], ...]
    speakers: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.transcripts)

    def where(self, chosen: Sequence[bool] | torch.Tensor) -> "Utterances":
        """The utterances that are marked."""
        chosen = torch.as_tensor(chosen)
        kept = chosen.nonzero().flatten().tolist()
        return Utterances(
            self.features[self.frames_of(chosen)], self.lengths[chosen],
            tuple(self.transcripts[i] for i in kept), tuple(self.speakers[i] for i in kept),
        )  # fmt: skip

    def frames_of(self, chosen: torch.Tensor) -> torch.Tensor:
        """Mask (F,) of the frames of the utterances that are marked."""
        return torch.repeat_interleave(torch.as_tensor(chosen), self.lengths)


@lru_cache
def filterbank(rate: int) -> MelSpectrogram:
    """25 ms windows every 10 ms, power, 40 mel filters; what lies beyond the ends is mirrored."""
    window = rate * WINDOW_MS // 1000
    return MelSpectrogram(
        rate, n_fft=2 ** math.ceil(math.log2(2 * window)), win_length=window, hop_length=rate * HOP_MS // 1000,
        n_mels=MELS, f_min=60.0,
    )  # fmt: skip


def log_mel(samples: torch.Tensor, rate: int) -> torch.Tensor:
    """Log mel filterbank coefficients (frames, 40), floored 80 dB below the utterance's loudest; samples (n,) int16.

    Raises ValueError if there is nothing but silence.
    """
    if samples.numel() == 0 or not bool(samples.any()):
        raise ValueError("samples: an empty or silent utterance has no spectrum; leave it out")
    power = filterbank(rate)(samples.float() / 2**15).T
    return power.clamp(min=float(power.max()) * FLOOR).log()


def background(count: int, neighbours: torch.Tensor, rate: int, generator: torch.Generator) -> torch.Tensor:
    """Noise (count,) int16 as loud as the quietest tenth of 10 ms pieces of the neighbouring recording."""
    pieces = neighbours[: len(neighbours) // (rate // 100) * (rate // 100)].float().view(-1, rate // 100)
    level = pieces.square().mean(1).sqrt().quantile(0.1).clamp(min=1)
    return (torch.randn(count, generator=generator) * level).round().clamp(-(2**15), 2**15 - 1).to(torch.int16)


def string_lengths(count: int, shortest: int, longest: int, generator: torch.Generator) -> list[int]:
    """Random numbers of words between the limits that add up to `count`, but for what is left at the end."""
    lengths = []
    while (left := count - sum(lengths)) > 0:
        drawn = int(torch.randint(shortest, longest + 1, (), generator=generator))
        lengths.append(min(drawn, left))
    return lengths


def make_utterances(corpus: Corpus, *, words: tuple[int, int] = (1, 1), seed: int = 0) -> Utterances:
    """Utterances of so many words each (at least, at most), every recording in exactly one of them.

    One word: the recordings as they are. More: recordings of one speaker in random order, joined with 30 to 150 ms
    of noise at the recordings' own level. The features are normalised to mean 0 and variance 1 for each speaker and
    coefficient, over all of the speaker's frames here.
    """
    if not len(corpus):
        raise ValueError(f"corpus: no recordings of {corpus.name} are left; at least ten of each word are needed")
    generator = torch.Generator().manual_seed(seed)
    features, transcripts, speakers = [], [], []
    for speaker in sorted(set(corpus.speakers)):
        own = [i for i, name in enumerate(corpus.speakers) if name == speaker]
        if words != (1, 1):
            own = [own[i] for i in torch.randperm(len(own), generator=generator).tolist()]
        spoken = []
        start = 0
        for count in string_lengths(len(own), *words, generator):
            group = own[start : start + count]
            start += count
            samples = join([corpus.waves[i] for i in group], corpus.rate, generator)
            spoken.append(log_mel(samples, corpus.rate))
            transcripts.append(tuple(corpus.words[i] for i in group))
            speakers.append(speaker)
        frames = torch.cat(spoken)
        mean, deviation = frames.mean(0), frames.std(0).clamp(min=1e-3)
        features += [(part - mean) / deviation for part in spoken]
    lengths = torch.tensor([len(part) for part in features])
    return Utterances(torch.cat(features), lengths, tuple(transcripts), tuple(speakers))


def join(waves: Sequence[torch.Tensor], rate: int, generator: torch.Generator) -> torch.Tensor:
    """Recordings (n,) int16 one after another, with background noise between them if there are several."""
    parts = [waves[0]]
    for recording in waves[1:]:
        gap = int(torch.randint(rate * 30 // 1000, rate * 150 // 1000, (), generator=generator))
        parts += [background(gap, recording, rate, generator), recording]
    return torch.cat(parts)


def with_copies(
    utterances: Utterances, copies: int, *, shift: float = 2.0, noise: float = 0.3, seed: int = 0
) -> Utterances:
    """The utterances, followed by perturbed copies of all of them.

    In a copy the mel axis of each utterance is shifted by up to `shift` filters, as another vocal tract would do,
    and normal noise of deviation `noise` is added to every coefficient.
    """
    generator = torch.Generator().manual_seed(seed)
    parts = [utterances.features]
    for _ in range(copies):
        shifts = (2 * torch.rand(len(utterances), generator=generator) - 1) * shift
        moved = shifted_filters(utterances.features, torch.repeat_interleave(shifts, utterances.lengths))
        parts.append(moved + noise * torch.randn(moved.shape, generator=generator))
    times = copies + 1
    return Utterances(
        torch.cat(parts), utterances.lengths.repeat(times), utterances.transcripts * times, utterances.speakers * times
    )


def shifted_filters(features: torch.Tensor, shifts: torch.Tensor) -> torch.Tensor:
    """Features (F, 40) with each frame's filters moved by a number of filters (F,), linearly interpolated."""
    last = features.shape[1] - 1
    places = (torch.arange(last + 1) + shifts[:, None]).clamp(0, last)
    below = places.floor().long()
    share = places - below
    return features.gather(1, below) * (1 - share) + features.gather(1, (below + 1).clamp(max=last)) * share


class Windows:
    """Gathers windows of 26 frames, the 21st being the one that is asked for; edges repeat the first or last frame.

    Called with frame indices (B,), gives (B, 26 * 40); the corpus is never unfolded whole. Nothing is drawn.
    """

    def __init__(self, features: torch.Tensor, lengths: torch.Tensor, dtype: torch.dtype):
        ends = lengths.cumsum(0).to(features.device)
        counts = lengths.to(features.device)
        self.features = features.to(dtype)
        self.first = torch.repeat_interleave(ends - counts, counts)[:, None]
        self.last = torch.repeat_interleave(ends - 1, counts)[:, None]
        self.offsets = torch.arange(-BEFORE, AFTER + 1, device=features.device)

    def __len__(self) -> int:
        return len(self.features)

    def __call__(self, index: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """A batch of windows."""
        frames = torch.clamp(index[:, None] + self.offsets, self.first[index], self.last[index])
        return self.features[frames].flatten(1)


def cepstra(utterances: Utterances) -> torch.Tensor:
    """Thirteen cepstral coefficients with their first and second differences (F, 39), for the Gaussians."""
    static = utterances.features @ create_dct(CEPSTRA, MELS, "ortho")
    parts = []
    for part in static.split(utterances.lengths.tolist()):
        first = compute_deltas(part.T[None])
        parts.append(torch.cat([part.T[None], first, compute_deltas(first)], 1)[0].T)
    return torch.cat(parts)


@dataclass(frozen=True)
class Aligner:
    """Gaussians and transitions that label frames, and how they came about, one entry a round."""

    gaussians: Gaussians
    loops: Loops
    changes: list[float]
    likelihoods: list[float]


def flat_start(utterances: Utterances, states: States) -> torch.Tensor:
    """Labels (F,): every utterance cut evenly into its words' states; the quietest tenth of all frames is silence."""
    labels = []
    for words, length in zip(utterances.transcripts, utterances.lengths.tolist(), strict=True):
        own = torch.tensor([state for word in words for state in states.words[word]])
        labels.append(own[torch.arange(length) * len(own) // length])
    labels = torch.cat(labels)
    loudness = utterances.features.mean(1)
    quiet = (loudness <= loudness.quantile(0.1)).nonzero().flatten()
    labels[quiet] = torch.tensor(states.silence)[torch.arange(len(quiet)) % len(states.silence)]
    return labels


def train_aligner(utterances: Utterances, states: States, *, most_rounds: int = 30, settled: float = 0.005) -> Aligner:
    """Viterbi re-estimation from a flat start, until fewer than the share `settled` of the labels change."""
    frames, lengths = cepstra(utterances), utterances.lengths
    chains = make_chains(utterances.transcripts, states)
    labels = flat_start(utterances, states)
    changes, likelihoods = [], []
    loops = Loops(*torch.full((2, len(states)), math.log(0.5)))
    for _ in range(most_rounds):
        gaussians = fit_gaussians(frames, labels, len(states))
        scores = gaussian_scores(frames, gaussians)
        new = align(scores, lengths, chains, loops, len(states.silence))
        changes.append(float((new != labels).double().mean()))
        likelihoods.append(float(scores.gather(1, new[:, None]).mean()))
        labels, loops = new, estimate_loops(new, lengths, len(states))
        if changes[-1] < settled:
            break
    return Aligner(fit_gaussians(frames, labels, len(states)), loops, changes, likelihoods)


def label(utterances: Utterances, states: States, aligner: Aligner) -> torch.Tensor:
    """The aligner's label (F,) of every frame, given the transcripts."""
    chains: Chains = make_chains(utterances.transcripts, states)
    scores = gaussian_scores(cepstra(utterances), aligner.gaussians)
    return align(scores, utterances.lengths, chains, aligner.loops, len(states.silence))


def log_priors(labels: torch.Tensor, count: int) -> torch.Tensor:
    """Log frequencies (K,) of the states among training labels, one added to each."""
    frequencies = torch.bincount(labels, minlength=count).float() + 1
    return (frequencies / frequencies.sum()).log()


def scaled_likelihoods(logits: torch.Tensor, priors: torch.Tensor) -> torch.Tensor:
    """Log posteriors over priors (..., K): what a hybrid recogniser takes for log likelihoods."""
    return torch.log_softmax(logits.float(), -1) - priors


def word_errors(references: Sequence[Sequence[str]], hypotheses: Sequence[Sequence[str]]) -> list[list[int]]:
    """Substitutions, deletions and insertions of every utterance.

    Raises ValueError for an utterance without reference words.
    """
    if not all(references):
        raise ValueError("references: an utterance without words has no word error rate; leave it out")
    alignments = jiwer.process_words(list(map(" ".join, references)), list(map(" ".join, hypotheses))).alignments
    kinds = [Counter() for _ in alignments]
    for kind, chunks in zip(kinds, alignments, strict=True):
        for chunk in chunks:
            kind[chunk.type] += max(chunk.ref_end_idx - chunk.ref_start_idx, chunk.hyp_end_idx - chunk.hyp_start_idx)
    return [[kind[name] for name in ("substitute", "delete", "insert")] for kind in kinds]
