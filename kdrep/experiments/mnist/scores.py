"""What nets that read digits are worth: errors, and which digits they take for which."""

from collections.abc import Sequence

import torch


def wrong(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Which test cases are misclassified, (M, N) bool."""
    return logits.argmax(-1) != labels


def errors(logits: torch.Tensor, labels: torch.Tensor) -> list[int]:
    """Number of misclassified cases of every member; logits (M, N, classes)."""
    return wrong(logits, labels).sum(-1).tolist()


def next_classes(logits: torch.Tensor, labels: torch.Tensor, temperature: float) -> torch.Tensor:
    """Mean soft targets (10, 10) of the images of every class; logits (N, 10)."""
    probabilities = torch.softmax(logits / temperature, -1)
    return torch.stack([probabilities[labels == label].mean(0) for label in range(logits.shape[-1])])


def lookalikes(
    logits: torch.Tensor, labels: torch.Tensor, *, digit: int, others: Sequence[int], temperature: float, count: int
) -> tuple[torch.Tensor, list[str]]:
    """Indices of the images of `digit` that look most like each of `others`, and a caption for each; logits (N, 10)."""
    probabilities = torch.softmax(logits / temperature, -1)
    indices = (labels == digit).nonzero().flatten()
    picked, captions = [], []
    for other in others:
        best = indices[probabilities[indices, other].argsort(descending=True)[:count]]
        picked.append(best)
        captions += [f"q({other}) = {q:.2f}" for q in probabilities[best, other].tolist()]
    return torch.cat(picked), captions
