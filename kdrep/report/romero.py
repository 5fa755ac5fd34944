"""Romero et al. 2015, "FitNets: Hints for Thin Deep Nets" (arXiv 1412.6550): its claims.

Ranges: errors up to 1.1 times the published ones, an effect between half and twice the published one; other margins
say why.
"""

import math

from kdrep.report.needs import Claim, Figure, Need, Variant, above, around, below, no_more_errors, same_effect

_ERROR, _LOG_RATIO = "test error, geometric mean", "log ratio of test errors, pseudomedian"
_COMPRESSION = {1: 36, 2: 10.44, 3: 5.62, 4: 3.60}
_SPEED_UP = {1: 13.36, 2: 4.64, 3: 1.37, 4: 1.52}
_MODERN = "modern recipe: LeCun-normal weights, AdamW on one cycle"
_PAPERS_SIZE = above("nets trained", "multiplications as a share of the paper's", 0.99)


def _hints_win_on_mnist(recipe: str) -> tuple[Need, ...]:
    """The claim on MNIST under one recipe: pair by pair, by ranks, for a seed may not start at all."""
    return (
        above(f"backprop / FitNet{recipe}", _LOG_RATIO),
        above(f"KD / FitNet{recipe}", _LOG_RATIO),
        no_more_errors(f"FitNet{recipe}", _ERROR, 0.51),
    )


def _hints_go_deepest(recipe: str) -> tuple[Need, ...]:
    """The claim on depth under one recipe: pair by pair, by ranks."""
    return tuple(
        above(f"{deeper} - {other}, {recipe} recipe", "deepest net that trains, pseudomedian of differences")
        for deeper, other in (("hints", "KD"), ("KD", "backprop"), ("hints", "backprop"))
    )


CLAIMS = (
    Claim(
        "F1", "3.1", "05_fitnets", "On CIFAR-10 a thin deep FitNet beats its wide shallow teacher.",
        (
            Figure("FitNet 4", "test accuracy", 91.61, "%"), Figure("teacher", "test accuracy", 90.18, "%"),
            Figure("FitNet 1", "test accuracy", 89.01, "%"), Figure("FitNet 2", "test accuracy", 91.06, "%"),
            Figure("FitNet 3", "test accuracy", 91.10, "%"), Figure("FitNet 4", "test error", 100 - 91.61, "%"),
            Figure("FitNet - teacher", "difference in test accuracy", 91.61 - 90.18, "points"),
        ),
        (
            above("FitNet - teacher", "difference in test accuracy"),
            no_more_errors("FitNet 4", "test error", 100 - 91.61),
        ),
        full_size=_PAPERS_SIZE,
        fixed="one teacher",
    ),
    Claim(
        "F2", "3.1", "05_fitnets", "So it does on CIFAR-100.",
        (
            Figure("FitNet 4", "test accuracy", 64.96, "%"), Figure("teacher", "test accuracy", 63.54, "%"),
            Figure("FitNet 4", "test error", 100 - 64.96, "%"),
            Figure("FitNet - teacher", "difference in test accuracy", 64.96 - 63.54, "points"),
        ),
        (
            above("FitNet - teacher", "difference in test accuracy"),
            no_more_errors("FitNet 4", "test error", 100 - 64.96),
        ),
        full_size=_PAPERS_SIZE,
        fixed="one teacher",
    ),
    Claim(
        "F3", "3.2", "05_fitnets", "On SVHN the FitNet comes close to its teacher.",
        (
            Figure("FitNet 4", "test error", 2.42, "%"), Figure("teacher", "test error", 2.38, "%"),
            Figure("FitNet - teacher", "difference in test error", 2.42 - 2.38, "points"),
        ),
        (
            # "Close": within a tenth of the teacher's error; the paper's FitNet is 0.04 points behind.
            below("FitNet - teacher", "difference in test error", 0.24),
            no_more_errors("FitNet 4", "test error", 2.42),
        ),
        full_size=_PAPERS_SIZE,
        fixed="one teacher",
    ),
    Claim(
        "F4", "3.3", "05_fitnets", "On MNIST hints train a thin student better than distillation or labels do.",
        (
            Figure("FitNet", _ERROR, 0.51, "%"), Figure("KD", _ERROR, 0.65, "%"),
            Figure("backprop", _ERROR, 1.9, "%"), Figure("teacher", "test error", 0.55, "%"),
            Figure("backprop / FitNet", "ratio of test errors", 1.9 / 0.51, "ratio"),
            Figure("KD / FitNet", "ratio of test errors", 0.65 / 0.51, "ratio"),
            Figure("backprop / FitNet", _LOG_RATIO, math.log(1.9 / 0.51), "log ratio"),
            Figure("KD / FitNet", _LOG_RATIO, math.log(0.65 / 0.51), "log ratio"),
        ),
        _hints_win_on_mnist(""),
        variants=(Variant(_MODERN, _hints_win_on_mnist(", modern recipe")),),
        fixed="one teacher",
    ),
    Claim(
        "F5", "4.1", "05_fitnets",
        "Under a fixed budget, as depth grows, backprop stops training first, then distillation; hints go deepest.",
        (),
        _hints_go_deepest("published"),
        variants=(Variant(_MODERN, _hints_go_deepest("modern")),),
        fixed="MNIST instead of CIFAR-10, a budget of weights; one teacher; what begins within 940 updates",
    ),
    Claim(
        "F6", "4.2", "05_fitnets",
        "FitNets are smaller and faster than their teacher, FitNet 1 36 times and 13 times. (What accuracy they have "
        "for it: F1.)",
        (
            *(Figure(f"FitNet {k}", "compression", value, "ratio") for k, value in _COMPRESSION.items()),
            *(Figure(f"FitNet {k}", "speed-up", value, "ratio") for k, value in _SPEED_UP.items()),
        ),
        checks=(
            # The paper divides by rounded counts.
            *(around(f"FitNet {k}", "compression", _COMPRESSION[k], 0.03 * _COMPRESSION[k]) for k in (1, 2, 3, 4)),
            *(above(f"FitNet {k}", "speed-up", 1.0) for k in (1, 2, 3, 4)),
            *(same_effect(f"FitNet {k}", "speed-up", _SPEED_UP[k]) for k in (1, 2, 3, 4)),
        ),
        fixed="one machine",
    ),
)  # fmt: skip
