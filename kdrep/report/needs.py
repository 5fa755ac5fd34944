"""What a claim is made of: published figures, needs, variants."""

import math
from dataclasses import dataclass

PAPERS = {"H": "Hinton et al. 2015", "F": "Romero et al. 2015"}


@dataclass(frozen=True)
class Figure:
    """One published figure; a row with the same claim, arm and quantity stands beside it."""

    arm: str
    quantity: str
    value: float
    unit: str


@dataclass(frozen=True)
class Need:
    """The range, without its ends, in which a row's whole 95 % interval must lie."""

    arm: str
    quantity: str
    low: float
    high: float

    @property
    def direction(self) -> bool:
        """Whether it says which of two is ahead: a difference above 0, or a ratio above 1, without an upper end."""
        return self.high == math.inf and self.low in (0, 1)


@dataclass(frozen=True)
class Variant:
    """What was added because it works better than the paper's own method; judged on a line of its own."""

    name: str
    needs: tuple[Need, ...]


@dataclass(frozen=True)
class Claim:
    """A claim of a paper, and what it needs.

    needs      what is judged: the paper's own method
    checks     what must hold by construction or by counting: worth showing, no evidence
    variants   what was added, under the claim
    full_size  missed where the nets are smaller than the paper's, so that nothing is judged
    question   whether the authors proposed it or left it open, and measured nothing
    fixed      what the units share all the same
    """

    id: str
    section: str
    notebook: str
    sentence: str
    figures: tuple[Figure, ...] = ()
    needs: tuple[Need, ...] = ()
    checks: tuple[Need, ...] = ()
    variants: tuple[Variant, ...] = ()
    full_size: Need | None = None
    question: bool = False
    fixed: str = "one data set"

    @property
    def paper(self) -> str:
        """Authors and year."""
        return PAPERS[self.id[0]]

    @property
    def every_need(self) -> tuple[Need, ...]:
        """The needs of all its lines."""
        return self.needs + self.checks + tuple(need for variant in self.variants for need in variant.needs)


def above(arm: str, quantity: str, low: float = 0.0) -> Need:
    """More than `low`: a direction where that is 0 (of a difference) or 1 (of a ratio), else a size."""
    return Need(arm, quantity, low, math.inf)


def below(arm: str, quantity: str, high: float) -> Need:
    """Less than `high`."""
    return Need(arm, quantity, -math.inf, high)


def around(arm: str, quantity: str, value: float, margin: float) -> Need:
    """Within a margin of a value."""
    return Need(arm, quantity, value - margin, value + margin)


def no_more_errors(arm: str, quantity: str, published: float) -> Need:
    """Errors up to 1.1 times the published ones, or fewer."""
    return below(arm, quantity, 1.1 * published)


def same_effect(arm: str, quantity: str, published: float) -> Need:
    """An effect of between half and twice the published one."""
    return Need(arm, quantity, published / 2, 2 * published)
