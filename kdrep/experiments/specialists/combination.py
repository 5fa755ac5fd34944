"""Which specialists are asked about an image, and what they say together (Hinton et al. 2015, section 5.4)."""

import math
from collections.abc import Callable, Sequence

import torch

from kdrep.experiments.specialists.dustbin import check_special

TOLERANCE = 1e-7
MOST_ROUNDS = 20_000
LOOK_EVERY = 20
LEAST_CURVATURE = 1e-4
TINY = 1e-12


def membership(sets: Sequence[Sequence[int]], classes: int) -> torch.Tensor:
    """Indicator (M, C): which classes are special to which specialist."""
    table = torch.zeros(len(sets), classes, dtype=torch.float64)
    for m, special in enumerate(sets):
        table[m, list(special)] = 1
    return table


def active(generalist: torch.Tensor, sets: Sequence[Sequence[int]], n: int = 1) -> torch.Tensor:
    """Which specialists (N, M), bool, are asked about each image: those whose special classes meet the n most
    probable ones of the generalist's probabilities (N, C) (section 5.4, steps 1 and 2)."""
    top = generalist.topk(n, dim=1).indices
    return (membership(sets, generalist.shape[1])[:, top].sum(-1) > 0).T


def combine(
    generalist: torch.Tensor, specialists: Sequence[torch.Tensor], sets: Sequence[Sequence[int]], asked: torch.Tensor,
    *, reverse: bool = False, tolerance: float = TOLERANCE,
) -> torch.Tensor:  # fmt: skip
    """The distribution q (N, C) that minimises KL(p_g, q) + sum over the asked specialists of KL(p_m, q) (eq. 5).

    For p_m, the q of all classes that are not special is summed. q = softmax(z); z descends the gradient for all
    images at once until no component of an image's gradient exceeds `tolerance`. `reverse` takes KL(q, p) throughout.
    generalist (N, C); specialists: M of (N, len(set) + 1), the dustbin last; asked (N, M).
    Raises ValueError on shapes that do not fit and RuntimeError if the descent does not converge.
    """
    check_shapes(generalist, specialists, sets, asked)
    q, some = generalist.double().clone(), asked.any(1)
    if some.any():
        problem = generalist[some].double(), [p[some].double() for p in specialists], sets, asked[some].double()
        gradient, parts = reverse_problem(*problem) if reverse else forward_problem(*problem)
        q[some] = descend(gradient, problem[0].clamp(min=TINY).log(), parts, tolerance)
    return q


def descend(gradient: Callable, start: torch.Tensor, parts: tuple[torch.Tensor, ...], tolerance: float) -> torch.Tensor:
    """softmax(z) (N, C) where `gradient(z, *parts)` (N, C) is zero but for `tolerance`, from z = `start`.

    Gradient descent with momentum, which an image loses when it climbs. Each step is divided by the curvature, about
    q (1 + |A|), the first of `parts` being 1 + |A|: along classes of little probability the slope is small and the way
    is long. Images that have arrived are taken out.
    """
    q, left = torch.empty_like(start), torch.arange(len(start))
    z = previous = start
    gone = torch.zeros(len(start), 1, dtype=start.dtype)  # steps since the image last climbed
    for step in range(MOST_ROUNDS):
        ahead = z + gone / (gone + 3) * (z - previous)
        slope = gradient(ahead, *parts)
        if step % LOOK_EVERY == 0:
            there = slope.abs().amax(1) < tolerance
            q[left[there]] = torch.softmax(ahead[there], 1)
            if there.all():
                return q
            left, z, ahead, slope, gone, *parts = (v[~there] for v in (left, z, ahead, slope, gone, *parts))
        stride = slope / (parts[0] * (torch.softmax(ahead, 1) + LEAST_CURVATURE))
        new = ahead - stride.clamp(-1, 1)
        climbs = (slope * (new - z)).sum(1, keepdim=True) > 0
        gone = torch.where(climbs, 0, gone + 1)
        previous, z = z, new
    raise RuntimeError(f"combine: not within {tolerance:g} after {MOST_ROUNDS} rounds; the predictions are too extreme")


def forward_problem(generalist, specialists, sets, asked) -> tuple[Callable, tuple[torch.Tensor, ...]]:
    """The gradient in z of the sum of KL(p, q), and what it needs of each image: (1 + |A|) q less p_g and every asked
    p_m, the dustbin's mass spread over the other classes in proportion to q."""
    special = membership(sets, generalist.shape[1])
    wanted = generalist.clone()
    for m, (own, p) in enumerate(zip(sets, specialists, strict=True)):
        wanted[:, list(own)] += asked[:, m, None] * p[:, :-1]
    dustbins = asked * torch.stack([p[:, -1] for p in specialists], 1)

    def gradient(z, total, wanted, dustbins) -> torch.Tensor:
        q = torch.softmax(z, 1)
        rest = (q @ (1 - special).T).clamp(min=1e-300)
        return total * q - wanted - q * ((dustbins / rest) @ (1 - special))

    return gradient, (1 + asked.sum(1, keepdim=True), wanted, dustbins)


def reverse_problem(generalist, specialists, sets, asked) -> tuple[Callable, tuple[torch.Tensor, ...]]:
    """The gradient in z of the sum of KL(q, p), by automatic differentiation, and what it needs of each image."""
    special = membership(sets, generalist.shape[1])
    log_g, log_m = (torch.log(torch.clamp(p, min=TINY)) for p in (generalist, torch.cat(specialists, 1)))

    def gradient(z, total, asked, log_g, log_m) -> torch.Tensor:
        z = z.clone().requires_grad_()
        log_q = torch.log_softmax(z, 1)
        loss = kl(log_q, log_g)
        for m, (own, log_p) in enumerate(zip(sets, log_m.split([len(own) + 1 for own in sets], 1), strict=True)):
            rest = log_q.masked_fill(special[m].bool(), -math.inf).logsumexp(1, keepdim=True)
            loss = loss + asked[:, m] * kl(torch.cat([log_q[:, list(own)], rest], 1), log_p)
        return torch.autograd.grad(loss.sum(), z)[0]

    return gradient, (1 + asked.sum(1, keepdim=True), asked, log_g, log_m)


def fixed_point(generalist, specialists, sets, asked, rounds: int = 20_000) -> torch.Tensor:
    """What `combine` finds (N, C), slowly and by another way: q, put for the mean of p_g and the asked p_m with their
    dustbins' mass spread in proportion to q, until that changes nothing, converges to the minimum."""
    q = generalist.double().clone().clamp(min=1e-12)
    outside, weights = 1 - membership(sets, q.shape[1]), asked.double()
    for _ in range(rounds):
        total = generalist.double().clone()
        for m, (own, p) in enumerate(zip(sets, specialists, strict=True)):
            others = q * outside[m]
            spread = p[:, -1:].double() * others / others.sum(1, keepdim=True)
            spread[:, list(own)] = p[:, :-1].double()
            total += weights[:, m, None] * spread
        before, q = q, total / (1 + weights.sum(1, keepdim=True))
        if (q - before).abs().max() < TINY:
            break
    return q


def kl(log_p: torch.Tensor, log_q: torch.Tensor) -> torch.Tensor:
    """KL(p, q) over the last axis."""
    return (log_p.exp() * (log_p - log_q)).sum(-1)


def mean_of_asked(
    generalist: torch.Tensor, specialists: Sequence[torch.Tensor], asked: torch.Tensor, *, geometric: bool = False
) -> torch.Tensor:
    """Mean (N, C) of the generalist and the asked specialists, all of them distributions over all classes: the
    minimum of the sum of KL(p, q) or, `geometric`, of KL(q, p)."""
    weights = asked.double()
    values = [p.double().clamp(min=1e-12).log() if geometric else p.double() for p in (generalist, *specialists)]
    total = values[0] + sum(weights[:, m, None] * value for m, value in enumerate(values[1:]))
    mean = total / (1 + weights.sum(1, keepdim=True))
    return torch.softmax(mean, 1) if geometric else mean


def check_shapes(generalist, specialists, sets, asked) -> None:
    """Raise ValueError where generalist, specialists, sets and asked do not belong together."""
    images, classes = generalist.shape
    if len(specialists) != len(sets) or asked.shape != (images, len(sets)):
        raise ValueError(f"specialists, sets, asked: {len(sets)} of each, asked (images, specialists), are needed")
    for m, (own, probabilities) in enumerate(zip(sets, specialists, strict=True)):
        check_special(own, classes)
        if probabilities.shape != (images, len(own) + 1):
            raise ValueError(
                f"specialist {m}: probabilities ({images}, {len(own) + 1}) are expected for its {len(own)} classes and "
                f"the dustbin, not {tuple(probabilities.shape)}"
            )
