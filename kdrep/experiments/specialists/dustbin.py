"""Special classes and a dustbin for the rest: labels, examples, correction (Hinton et al. 2015, section 5.2)."""

import math
from collections.abc import Sequence

import torch


def check_special(special: Sequence[int], classes: int) -> None:
    """Raise ValueError unless these are distinct class indices, some but not all."""
    if len(set(special)) != len(special) or not all(0 <= c < classes for c in special):
        raise ValueError(f"special: distinct classes from 0 to {classes - 1} are needed, not {list(special)}")
    if not 0 < len(special) < classes:
        raise ValueError(
            f"special: {len(special)} of {classes} classes leave nothing for the specialist or the dustbin"
        )


def dustbin_labels(labels: torch.Tensor, special: Sequence[int], classes: int) -> torch.Tensor:
    """Labels (N,) of a specialist: the place in `special`, or len(special) for the dustbin."""
    check_special(special, classes)
    if bool(((labels < 0) | (labels >= classes)).any()):
        raise ValueError(f"labels: must lie between 0 and {classes - 1}")
    places = torch.full((classes,), len(special), dtype=torch.long, device=labels.device)
    places[list(special)] = torch.arange(len(special), device=labels.device)
    return places[labels]


def half_and_half(labels: torch.Tensor, special: Sequence[int], count: int, generator: torch.Generator) -> torch.Tensor:
    """Indices (count,) to train on: half of the special classes, half of the rest (section 5.2).

    Neither half repeats an example before it has used up all of its own. Raises ValueError if one has none.
    """
    chosen = torch.isin(labels, torch.tensor(list(special), device=labels.device))
    parts = []
    for marks, wanted in ((chosen, count // 2), (~chosen, count - count // 2)):
        own = marks.nonzero().flatten()
        if not len(own):
            raise ValueError(f"labels: no example of the classes {list(special)}, or none of the others")
        rounds = -(-wanted // len(own))
        orders = [torch.randperm(len(own), generator=generator, device=labels.device) for _ in range(rounds)]
        parts.append(own[torch.cat(orders)[:wanted]])
    return torch.cat(parts)


def dustbin_correction(labels: torch.Tensor, special: Sequence[int]) -> float:
    """What is added to the dustbin's logit after half-and-half training: the log of how much oftener the special
    classes were seen, against the others, than they occur (section 5.2)."""
    share = float(torch.isin(labels, torch.tensor(list(special), device=labels.device)).double().mean())
    if not 0 < share < 1:
        raise ValueError(f"labels: a share {share:g} of special examples has no correction")
    return math.log((1 - share) / share)
