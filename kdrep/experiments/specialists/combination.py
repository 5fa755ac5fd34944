"""Specialists for confusable classes: clusters, the dustbin, and inference (Hinton et al. 2015, section 5)."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from sklearn.cluster import AgglomerativeClustering, MiniBatchKMeans

TOLERANCE = 1e-7
MOST_ROUNDS = 20_000
LOOK_EVERY = 20
LEAST_CURVATURE = 1e-4
TINY = 1e-12
STARTS = 100


def prediction_covariance(probabilities: torch.Tensor) -> torch.Tensor:
    """Covariance (C, C) of the predictions (N, C): which classes a net predicts together. No labels are needed."""
    if probabilities.dim() != 2 or not bool(probabilities.isfinite().all()):
        raise ValueError(f"probabilities: (images, classes), all finite, not {tuple(probabilities.shape)}")
    return torch.cov(probabilities.double().T)


def confusion_columns(covariance: torch.Tensor) -> np.ndarray:
    """What is clustered (C, C): each class's column, without the class's own variance, brought to length one."""
    columns = covariance.clone().fill_diagonal_(0).T
    return torch.nn.functional.normalize(columns, dim=1).numpy()


def online_kmeans(columns: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Cluster (C,) of every class by on-line K-means (section 5.3), none of them empty.

    Raises ValueError if many starts leave a cluster empty: there are too many of them.
    """
    for start in range(STARTS):
        chosen = MiniBatchKMeans(count, batch_size=32, n_init=10, random_state=STARTS * seed + start)
        clusters = chosen.fit_predict(columns)
        if len(np.unique(clusters)) == count:
            return clusters
    raise ValueError(f"count: {len(columns)} classes do not make {count} clusters; ask for fewer")


def agglomerative(columns: np.ndarray, count: int) -> np.ndarray:
    """Cluster (C,) of every class by merging the nearest (Ward): the other algorithm, without randomness."""
    return AgglomerativeClustering(count).fit_predict(columns)


def special_sets(columns: np.ndarray, clusters: np.ndarray, size: int) -> list[list[int]]:
    """For each cluster the `size` classes nearest to its centre: sets of equal size that may overlap.

    Raises ValueError for an empty cluster or a size that no set can have.
    """
    if not 1 <= size < len(columns):
        raise ValueError(f"size: must lie between 1 and {len(columns) - 1}, not {size}")
    sets = []
    for cluster in range(int(clusters.max()) + 1):
        if not (clusters == cluster).any():
            raise ValueError(f"clusters: cluster {cluster} is empty; ask for fewer clusters")
        centre = columns[clusters == cluster].mean(0)
        nearest = np.argsort(np.linalg.norm(columns - centre, axis=1), kind="stable")
        sets.append(sorted(int(c) for c in nearest[:size]))
    return sets


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
