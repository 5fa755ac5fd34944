"""The claims of both papers, and their published figures."""

from kdrep.report.hinton import CLAIMS as HINTON
from kdrep.report.hinton import SOFTMAX_EXAMPLE, TABLE_4
from kdrep.report.needs import Claim
from kdrep.report.romero import CLAIMS as ROMERO

__all__ = ["BY_ID", "CLAIMS", "SAME_DATA", "SOFTMAX_EXAMPLE", "TABLE_4", "claim", "published"]

# Where our data are the paper's, so that figures may be compared; elsewhere only relations between them may.
SAME_DATA = {"H": ("mnist",), "F": ("mnist", "cifar10", "cifar100", "svhn")}
CLAIMS = HINTON + ROMERO
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
