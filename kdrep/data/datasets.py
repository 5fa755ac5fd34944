"""Data sets in memory: images and recordings with their labels, whatever they were read from.

Apart from the code that finds and downloads them, on which no training depends: a stage's key holds their checksums.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import zip_longest

import torch


class DataError(RuntimeError):
    """A data file is missing, damaged or of the wrong shape; the message says which and what to do."""


@dataclass(frozen=True)
class Dataset:
    """Images (N, H, W), grey, or (N, H, W, 3), uint8, and labels (N,) int64 of a training and a test set.

    `real` says whether these are the data that the papers used, whole; `origin` says where they came from.
    """

    name: str
    train_images: torch.Tensor
    train_labels: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor
    real: bool
    origin: str

    def __post_init__(self):
        for part in ("train", "test"):
            images, labels = getattr(self, f"{part}_images"), getattr(self, f"{part}_labels")
            if (images.dim() != 3 and images.shape[3:] != (3,)) or images.dtype != torch.uint8:
                raise DataError(
                    f"{self.name}: {part} images must be (N, H, W) or (N, H, W, 3) uint8, "
                    f"not {tuple(images.shape)} {images.dtype}"
                )
            if labels.shape != images.shape[:1]:
                raise DataError(f"{self.name}: {len(images)} {part} images but labels of shape {tuple(labels.shape)}")

    @cached_property
    def checksum(self) -> str:
        """SHA-256 over images and labels: part of the key of everything that is made from them."""
        digest = hashlib.sha256(self.name.encode())
        for tensor in (self.train_images, self.train_labels, self.test_images, self.test_labels):
            digest.update(tensor.numpy().tobytes())
        return digest.hexdigest()

    def head(self, train: int, test: int) -> "Dataset":
        """The first so many examples, for a smoke run: no longer the real thing."""
        parts = self.train_images[:train], self.train_labels[:train], self.test_images[:test], self.test_labels[:test]
        return Dataset(f"{self.name}-slice", *parts, real=False, origin=f"a slice of {self.origin}")

    def sizes(self) -> str:
        """How much there is of it, in words."""
        return f"{len(self.train_labels):,} training and {len(self.test_labels):,} test images"


@dataclass(frozen=True)
class Corpus:
    """N recordings of single words: waves of int16 samples at `rate` Hz, the word and the speaker of each.

    `official_test` (N,) marks the publisher's own test part; `real` says whether these are whole and genuine.
    """

    name: str
    rate: int
    waves: tuple[torch.Tensor, ...]
    words: tuple[str, ...]
    speakers: tuple[str, ...]
    official_test: torch.Tensor
    real: bool
    origin: str

    def __post_init__(self):
        counts = {len(self.waves), len(self.words), len(self.speakers), len(self.official_test)}
        if len(counts) != 1:
            raise DataError(f"{self.name}: waves, words, speakers and test marks differ in number: {sorted(counts)}")

    def __len__(self) -> int:
        return len(self.waves)

    @cached_property
    def checksum(self) -> str:
        """SHA-256 over recordings and labels: part of the key of everything that is made from them."""
        digest = hashlib.sha256(f"{self.name} {self.rate} {self.official_test.tolist()}".encode())
        for recording, word, speaker in zip(self.waves, self.words, self.speakers, strict=True):
            digest.update(f"{word} {speaker} ".encode() + recording.numpy().tobytes())
        return digest.hexdigest()

    def where(self, chosen: Sequence[bool] | torch.Tensor) -> "Corpus":
        """The recordings that are marked."""
        kept = torch.as_tensor(chosen).nonzero().flatten().tolist()
        waves, words, speakers = (tuple(v[i] for i in kept) for v in (self.waves, self.words, self.speakers))
        return replace(self, waves=waves, words=words, speakers=speakers, official_test=self.official_test[kept])

    def head(self, speakers: int, recordings: int) -> "Corpus":
        """The first recordings of every word of the first speakers, for a smoke run: no longer the real thing.

        Where speakers say a word less often, more speakers; every second one from the publisher's test part, where
        that has speakers of its own.
        """
        taken: dict[tuple[str, str], int] = {}
        early = []
        for key in zip(self.speakers, self.words, strict=True):
            taken[key] = taken.get(key, 0) + 1
            early.append(taken[key] <= recordings)
        counts = Counter(speaker for speaker, kept in zip(self.speakers, early, strict=True) if kept)
        wanted, first = speakers * recordings * len(set(self.words)), set()
        for speaker in self.in_turn():
            if len(first) >= speakers and sum(counts[s] for s in first) >= wanted:
                break
            first.add(speaker)
        part = self.where([kept and speaker in first for speaker, kept in zip(self.speakers, early, strict=True)])
        return replace(part, name=f"{self.name}-slice", real=False, origin=f"a slice of {self.origin}")

    def in_turn(self) -> list[str]:
        """The speakers by name; those with and those without recordings in the test part in turn."""
        tested = {speaker for speaker, test in zip(self.speakers, self.official_test.tolist(), strict=True) if test}
        parts = sorted(set(self.speakers) - tested), sorted(tested)
        return [speaker for pair in zip_longest(*parts) for speaker in pair if speaker is not None]

    def sizes(self) -> str:
        """How much there is of it, in words."""
        minutes = sum(map(len, self.waves)) / self.rate / 60
        speakers = len(set(self.speakers))
        return f"{len(self):,} recordings, {minutes:.1f} minutes of {speakers} speakers, {self.rate} Hz"


def last(count: int, part: int) -> torch.Tensor:
    """Indices of the last `part`-th of so many examples, held out of training for choices without test examples."""
    return torch.arange(count - count // part, count)


def describe(dataset: Dataset | Corpus) -> str:
    """Name, sizes and origin, and a warning where it is a stand-in."""
    warning = "" if dataset.real else "\n** STAND-IN: nothing below may be compared with the paper **"
    return f"{dataset.name}: {dataset.sizes()}, {dataset.origin}{warning}"
