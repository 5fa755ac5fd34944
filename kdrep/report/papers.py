"""The claims of both papers: what they say, the published figures, and what counts as reproduced.

H: Hinton, Vinyals, Dean 2015, "Distilling the Knowledge in a Neural Network" (arXiv 1503.02531).
F: Romero et al. 2015, "FitNets: Hints for Thin Deep Nets" (arXiv 1412.6550).
"""

from dataclasses import dataclass

PAPERS = {"H": "Hinton et al. 2015", "F": "Romero et al. 2015"}
# Where our data are the paper's, so that figures may be compared; elsewhere only relations between them may.
SAME_DATA = {"H": ("mnist",), "F": ("mnist", "cifar10", "cifar100", "svhn")}


@dataclass(frozen=True)
class Figure:
    """One published figure; a row with the same claim, arm and quantity stands beside it."""

    arm: str
    quantity: str
    value: float
    unit: str


@dataclass(frozen=True)
class Need:
    """What one row must show for its claim to count as reproduced.

    kind     the row's interval must
    exact    have a value within `bound` of the published one
    near     meet the published figure +/- `bound` as a share of it, or be better (lower)
    order    have a value of the published one's order of magnitude: within a factor of 10 ** 0.5, about 3.2
    above    lie above `bound`: the direction of the claim, which it must show with statistical certainty
    at least / at most   have a value of at least / at most `bound`: the size of the claim
    scale    have a value of at least `bound`, or the experiment is too small to tell, whatever else it shows
    """

    kind: str
    arm: str
    quantity: str
    bound: float = 0.0


@dataclass(frozen=True)
class Claim:
    """A claim; the scorecard shows `needs[0]`, or whichever need decided against it, and how its experiment departs."""

    id: str
    section: str
    notebook: str
    sentence: str
    figures: tuple[Figure, ...] = ()
    needs: tuple[Need, ...] = ()
    departs: str = ""

    @property
    def paper(self) -> str:
        """Authors and year."""
        return PAPERS[self.id[0]]


# Section 2's worked example is not in the paper's text; it is the temperature softmax at logits 2, 7, 10.
SOFTMAX_EXAMPLE = {
    1: (0.00032, 0.04741, 0.95227),
    5: (0.11532, 0.31348, 0.57120),
    10: (0.20516, 0.33825, 0.45659),
    20: (0.26484, 0.34006, 0.39510),
}
_SOFTMAX = tuple(
    Figure(f"T = {temperature}", f"probability of logit {logit}", value, "probability")
    for temperature, values in SOFTMAX_EXAMPLE.items()
    for logit, value in zip((2, 7, 10), values, strict=True)
)
# Hinton et al., Table 4: relative change of accuracy in % with 0, 1, … 9, 10 or more specialists for the true class.
TABLE_4 = (0.0, 3.4, 7.4, 8.8, 10.5, 11.1, 11.3, 12.8, 13.6, 16.6, 14.1)
_CONTROLS = "generalist", "generalist trained on, same time"
_BEFORE, _AFTER, _ERROR = "no bias correction", "bias chosen on the test set", "test error, geometric mean"
_HONEST = "before - after, chosen on held-out images"
_MEANS, _DIFFERENCE = ("arithmetic mean", "geometric mean"), "difference in test errors"
_COPIES = "with perturbed copies of the transfer set, which the paper does not have"
_FITNET_WINS = (
    Need("above", "FitNet - teacher", "difference in test accuracy"),
    Need("scale", "nets trained", "multiplications as a share of the paper's", 1.0),
    Need("near", "FitNet 4", "test error", 0.10),
)

CLAIMS = (
    Claim(
        "H2.1", "2", "00_distillation",
        "Dividing the logits by a higher temperature gives a softer distribution over the classes.",
        _SOFTMAX,
        tuple(Need("exact", f.arm, f.quantity, 6e-6) for f in _SOFTMAX[::-1]),
    ),
    Claim(
        "H2.2", "2", "00_distillation",
        "The soft targets' gradients scale as 1/T^2, so their term is multiplied by T^2 to keep its balance "
        "with the hard targets' term when T changes.",
        (
            Figure("without the factor", "slope of log gradient norm over log T", -2.0, "exponent"),
            Figure("with the factor T^2", "slope of log gradient norm over log T", 0.0, "exponent"),
        ),
        (
            Need("exact", "without the factor", "slope of log gradient norm over log T", 0.1),
            Need("exact", "with the factor T^2", "slope of log gradient norm over log T", 0.1),
            Need("at least", "hard term times 1/T^2", "cosine of its gradient with that of the T^2 form", 0.999999),
        ),
    ),
    Claim(
        "H2.3", "2.1", "00_distillation",
        "At high temperature distillation becomes logit matching; for a student too small for all of the "
        "teacher's knowledge, an intermediate temperature, which ignores very negative logits, is better.",
        (Figure("T = 1000", "exact gradient over logit-matching gradient", 1.0, "ratio"),),
        (
            Need("exact", "T = 1000", "exact gradient over logit-matching gradient", 0.01),
            Need("above", "logit matching - moderate T", "difference in test errors"),
        ),
    ),
    Claim(
        "H2.4", "2", "00_distillation", "The transfer set may be unlabelled: soft targets alone are enough to distil.",
        (),
        (Need("above", "labels alone - soft targets alone", "difference in test errors"),),
    ),
    Claim(
        "H2.5", "2", "00_distillation",
        "An ensemble can be the teacher, its predictions averaged arithmetically or geometrically.",
        (),
        (
            *(Need("above", f"distilled from one member - from {mean}", _DIFFERENCE) for mean in _MEANS),
            *(Need("above", f"labels alone - distilled from {mean}", _DIFFERENCE) for mean in _MEANS),
            *(Need("above", f"members - {mean}", _DIFFERENCE) for mean in _MEANS),
        ),
    ),
    Claim(
        "H3.1", "3", "01_mnist",
        "A 784-1200-1200-10 net with dropout, max-norm weights and inputs jittered by up to two pixels.",
        (Figure("teacher", "test errors", 67, "errors"),),
        (
            Need("near", "teacher", "test errors", 0.10),
            Need("above", "baseline - teacher", "difference in test errors"),
        ),
    ),
    Claim(
        "H3.2", "3", "01_mnist",
        "A 784-800-800-10 net without any regularisation.",
        (Figure("baseline", "test errors", 146, "errors"),),
        (Need("near", "baseline", "test errors", 0.10),),
    ),
    Claim(
        "H3.3", "3", "01_mnist",
        "The same small net, regularised only by the added task of matching the teacher's soft targets at T = 20.",
        (
            Figure("distilled", "test errors", 74, "errors"),
            Figure("distilled", "share of the teacher's gain kept", (146 - 74) / (146 - 67), "share"),
        ),
        (
            Need("near", "distilled", "test errors", 0.10),
            Need("above", "baseline - distilled", "difference in test errors"),
        ),
    ),
    Claim(
        "H3.4", "3", "01_mnist",
        "With 300 or more units a layer all temperatures above 8 give similar results; with 30 units, "
        "2.5 to 4 work significantly better than higher or lower ones.",
        (),
        (
            Need("above", "30 units: T below 2.5 - T of 2.5 to 4", "difference in test errors"),
            Need("above", "30 units: T above 4 - T of 2.5 to 4", "difference in test errors"),
            *(Need("at most", f"{width} units: T above 8", "largest likely departure", 0.10) for width in (300, 800)),
        ),
    ),
    Claim(
        "H3.5", "3", "01_mnist",
        "With no 3s in the transfer set the distilled net still recognises most 3s, and nearly all once the "
        "bias of class 3 is raised.",
        (
            Figure(_AFTER, "test errors", 109, "errors"),
            Figure(_BEFORE, "test errors", 206, "errors"),
            Figure(_BEFORE, "test errors on 3s", 133, "errors"),
            Figure(_AFTER, "test errors on 3s", 14, "errors"),
            Figure(_AFTER, "test 3s right", 98.6, "%"),
            Figure(_AFTER, "shift of the bias", 3.5, "logits"),
            Figure("before - after", "errors removed by the bias", 206 - 109, "errors"),
        ),
        (
            Need("order", "before - after", "errors removed by the bias"),
            Need("above", _HONEST, "errors removed by the bias"),
            Need("at least", _AFTER, "test 3s right", 90.0),
        ),
    ),
    Claim(
        "H3.6", "3", "01_mnist",
        "With only 7s and 8s in the transfer set the distilled net makes 47.3 % errors, and 13.2 % once the "
        "biases of 7 and 8 are lowered.",
        (
            Figure(_AFTER, "test error rate", 13.2, "%"),
            Figure(_BEFORE, "test error rate", 47.3, "%"),
            Figure(_AFTER, "shift of the bias", -7.6, "logits"),
            Figure("before - after", "error rate removed by the bias", 47.3 - 13.2, "points"),
        ),
        (
            Need("order", "before - after", "error rate removed by the bias"),
            Need("above", _HONEST, "error rate removed by the bias"),
            Need("order", _AFTER, "test error rate"),
        ),
    ),
    Claim(
        "H4.1", "4", "02_speech",
        "An ensemble of ten acoustic models beats its members, and one net distilled from it keeps more than "
        "80 % of the gain in frame accuracy and the gain in word error rate.",
        (
            Figure("distilled", "frame accuracy", 60.8, "%"), Figure("distilled", "word error rate", 10.7, "%"),
            Figure("ensemble", "frame accuracy", 61.1, "%"), Figure("ensemble", "word error rate", 10.7, "%"),
            Figure("baseline", "frame accuracy", 58.9, "%"), Figure("baseline", "word error rate", 10.9, "%"),
            Figure("distilled", "share of the ensemble's gain kept", (60.8 - 58.9) / (61.1 - 58.9), "share"),
        ),
        (
            Need("at least", "distilled", "share of the ensemble's gain kept", 0.8),
            Need("above", "ensemble - baseline", "difference in frame accuracy"),
            Need("above", "distilled - baseline", "difference in frame accuracy"),
            Need("above", "baseline - ensemble", "word errors a string, matched pairs"),
            Need("above", "baseline - distilled", "word errors a string, matched pairs"),
            Need("at least", "distilled", "share of the ensemble's gain in word errors kept", 0.8),
        ),
        _COPIES,
    ),
    Claim(
        "H4.2", "4", "02_speech",
        "Giving the members of the ensemble different parts of the data does not change the result much.",
        (),
        (Need("at most", "different parts - the same data", "largest likely difference, share of the gain", 0.5),),
    ),
    Claim(
        "H5.1", "5.2", "03_specialists",
        "A specialist starts from the generalist, knows its classes and a dustbin, and trains on half its own, "
        "half other examples; the dustbin logit is then corrected by the log of the oversampling.",
        (),
        (
            Need("above", "without - with correction", "difference in calibration error of the dustbin"),
            Need("at most", "with correction", "calibration error of the dustbin", 0.05),
        ),
    ),
    Claim(
        "H5.2", "5.3", "03_specialists",
        "K-means on the covariance of the generalist's predictions finds confusable classes without labels; "
        "other algorithms give similar clusters.",
        (),
        (
            Need("above", "K-means sets - random sets", "share of the generalist's errors inside a set"),
            Need("at least", "other algorithm", "agreement with K-means as a share of K-means' with itself", 0.8),
        ),
    ),
    Claim(
        "H5.3", "5.4", "03_specialists",
        "For every image the distribution that minimises the summed KL divergences to the generalist and the "
        "active specialists is found by gradient descent.",
        (),
        (Need("at most", "gradient descent - fixed point", "largest difference of a probability", 1e-3),),
    ),
    Claim(
        "H5.4", "5.5", "03_specialists",
        "Specialists raise the conditional and the overall test accuracy.",
        (
            Figure("generalist + specialists", "relative gain in test accuracy", 4.4, "%"),
            Figure("generalist", "test accuracy", 25.0, "%"),
            Figure("generalist + specialists", "test accuracy", 26.1, "%"),
            Figure("generalist", "conditional test accuracy", 43.1, "%"),
            Figure("specialists", "conditional test accuracy", 45.9, "%"),
        ),
        (
            Need("order", "generalist + specialists", "relative gain in test accuracy"),
            *(
                Need("above", f"generalist + specialists - {arm}", f"difference in test accuracy{over}")
                for over in ("", ", over seeds") for arm in _CONTROLS
            ),
            *(Need("above", f"specialists - {arm}", "difference in conditional test accuracy") for arm in _CONTROLS),
        ),
    ),
    Claim(
        "H5.5", "5.5", "03_specialists", "The more specialists cover a class, the larger the gain.",
        tuple(Figure(f"{k} specialists", "relative change in accuracy", v, "%") for k, v in enumerate(TABLE_4)),
        (Need("above", "each specialist more that covers the class", "change in test accuracy"),),
    ),
    Claim(
        "H5.6", "5.5", "03_specialists", "Specialists train fast and independently of one another.", (),
        (
            Need("at most", "one specialist", "training time as a share of the generalist's", 0.25),
            Need("at most", "one specialist", "images seen as a share of the generalist's", 0.25),
            Need("above", "generalist + specialists - generalist", "difference in test accuracy"),
        ),
    ),
    Claim(
        "H6.1", "6", "04_soft_targets",
        "With 3 % of the data, soft targets recover most of what hard targets lose, and need no early stopping.",
        (
            Figure("3 %, soft targets", "test frame accuracy", 57.0, "%"),
            Figure("3 %, hard targets, stopped early", "test frame accuracy", 44.5, "%"),
            Figure("all data, hard targets", "test frame accuracy", 58.9, "%"),
            Figure("3 %, soft targets", "training frame accuracy", 65.4, "%"),
            Figure("3 %, hard targets, stopped early", "training frame accuracy", 67.3, "%"),
            Figure("all data, hard targets", "training frame accuracy", 63.4, "%"),
            Figure("3 %, soft targets", "share of the loss recovered", (57.0 - 44.5) / (58.9 - 44.5), "share"),
            # Training less test accuracy: 22.8 points with hard targets, 8.4 with soft ones, 4.5 with all data.
            Figure("3 %, soft targets", "share of the overfitting removed", (22.8 - 8.4) / (22.8 - 4.5), "share"),
        ),
        (
            Need("at least", "3 %, soft targets", "share of the loss recovered", 0.5),
            Need("above", "3 %, soft - hard targets", "difference in test frame accuracy"),
            Need("above", "3 %, hard - soft targets", "difference in overfitting"),
            Need("at least", "3 %, soft targets", "share of the overfitting removed", 0.5),
            Need("at most", "3 %, soft targets", "lost by not stopping early", 0.5),
        ),
        _COPIES,
    ),
    Claim(
        "H6.2", "6.1", "03_specialists",
        "Proposed: specialists with a full softmax and soft targets for their other classes overfit less.",
        (),
        (
            Need("above", "dustbin - full softmax", "difference in overfitting"),
            Need("at least", "full softmax - dustbin", "difference in conditional test accuracy", -0.5),
        ),
    ),
    Claim(
        "H7.1", "7", "03_specialists",
        "Mixtures of experts must train gate and experts together; specialists need no such coupling.",
        (),
        (Need("at least", "mixture of experts", "change of an expert's gradient when another changes", 0.01),),
    ),
    Claim(
        "H8.1", "8", "03_specialists",
        "Not yet shown by the authors: the specialists' knowledge distilled back into one large net.",
        (),
        (
            Need("above", "distilled back - labels alone", "difference in test accuracy"),
            Need("above", "distilled back - self-distilled", "difference in test accuracy"),
        ),
    ),
    Claim(
        "F1", "3.1", "05_fitnets", "On CIFAR-10 a thin deep FitNet beats its wide shallow teacher.",
        (
            Figure("FitNet 4", "test accuracy", 91.61, "%"), Figure("teacher", "test accuracy", 90.18, "%"),
            Figure("FitNet 1", "test accuracy", 89.01, "%"), Figure("FitNet 2", "test accuracy", 91.06, "%"),
            Figure("FitNet 3", "test accuracy", 91.10, "%"), Figure("FitNet 4", "test error", 100 - 91.61, "%"),
        ),
        _FITNET_WINS,
    ),
    Claim(
        "F2", "3.1", "05_fitnets", "So it does on CIFAR-100.",
        (
            Figure("FitNet 4", "test accuracy", 64.96, "%"), Figure("teacher", "test accuracy", 63.54, "%"),
            Figure("FitNet 4", "test error", 100 - 64.96, "%"),
        ),
        _FITNET_WINS,
    ),
    Claim(
        "F3", "3.2", "05_fitnets", "On SVHN the FitNet comes close to its teacher.",
        (Figure("FitNet 4", "test error", 2.42, "%"), Figure("teacher", "test error", 2.38, "%")),
        (
            Need("at most", "FitNet - teacher", "difference in test error", 0.5),
            Need("scale", "nets trained", "multiplications as a share of the paper's", 1.0),
            Need("near", "FitNet 4", "test error", 0.10),
        ),
    ),
    Claim(
        "F4", "3.3", "05_fitnets", "On MNIST hints train a thin student better than distillation or labels do.",
        (
            Figure("FitNet", _ERROR, 0.51, "%"), Figure("KD", _ERROR, 0.65, "%"),
            Figure("backprop", _ERROR, 1.9, "%"), Figure("teacher", "test error", 0.55, "%"),
            Figure("backprop / FitNet", "ratio of test errors", 1.9 / 0.51, "ratio"),
            Figure("KD / FitNet", "ratio of test errors", 0.65 / 0.51, "ratio"),
        ),
        (
            Need("above", "backprop / FitNet", "ratio of test errors", 1.0),
            Need("above", "KD / FitNet", "ratio of test errors", 1.0),
            Need("near", "FitNet", _ERROR, 0.10),
        ),
    ),
    Claim(
        "F5", "4.1", "05_fitnets",
        "Under a fixed budget, as depth grows, backprop stops training first, then distillation; hints go deepest.",
        (),
        (
            Need("above", "backprop - hints, published recipe", "test error, mean over depths"),
            Need("above", "KD - hints, published recipe", "test error, mean over depths"),
            Need("above", "backprop - KD, published recipe", "test error, mean over depths"),
        ),
    ),
    Claim(
        "F6", "4.2", "05_fitnets",
        "FitNets are smaller and faster than their teacher, FitNet 1 36 times and 13 times. (What accuracy they have "
        "for it: F1.)",
        (
            Figure("FitNet 1", "compression", 36, "ratio"), Figure("FitNet 1", "speed-up", 13.36, "ratio"),
            Figure("FitNet 2", "compression", 10.44, "ratio"), Figure("FitNet 2", "speed-up", 4.64, "ratio"),
            Figure("FitNet 3", "compression", 5.62, "ratio"), Figure("FitNet 3", "speed-up", 1.37, "ratio"),
            Figure("FitNet 4", "compression", 3.60, "ratio"), Figure("FitNet 4", "speed-up", 1.52, "ratio"),
        ),
        (
            *(Need("exact", f"FitNet {k}", "compression", 0.5) for k in (1, 2, 3, 4)),
            *(Need("order", f"FitNet {k}", "speed-up") for k in (1, 2, 3, 4)),
            *(Need("above", f"FitNet {k}", "speed-up", 1.0) for k in (1, 2, 3, 4)),
        ),
    ),
)  # fmt: skip

BY_ID = {claim.id: claim for claim in CLAIMS}


def claim(claim_id: str) -> Claim:
    """The claim with this id. Raises ValueError that lists the ids."""
    if claim_id not in BY_ID:
        raise ValueError(f"claim: must be one of {', '.join(BY_ID)}, not {claim_id!r}")
    return BY_ID[claim_id]


def published(claim_id: str, arm: str, quantity: str) -> float | None:
    """The published figure that a row stands beside, or None."""
    for figure in claim(claim_id).figures:
        if (figure.arm, figure.quantity) == (arm, quantity):
            return figure.value
    return None
