"""Whether a run agrees with the published one, need by need: it settles less, and may still say the same."""

import math
from collections.abc import Iterable

import pandas as pd

from kdrep.report.needs import Need
from kdrep.report.rows import EXACT
from kdrep.report.verdicts import outcome

AGREES, DIFFERS, UNCERTAIN = "agrees", "differs", "too uncertain to tell"
GRAVITY = (DIFFERS, UNCERTAIN, AGREES)


def agreement(needs: Iterable[Need], rows: pd.DataFrame, published: pd.DataFrame) -> str:
    """What a line's needs say of a run beside the published one, the gravest of them; "" where the two have no need in
    common that both measured on the same data. Both tables hold the rows of one claim."""
    pairs = ((need, row_of(need, rows), row_of(need, published)) for need in needs)
    both = [pair for pair in pairs if pair[1] is not None and pair[2] is not None]
    found = [compared(*pair) for pair in both if pair[1]["dataset"] == pair[2]["dataset"]]
    return min(found, key=GRAVITY.index) if found else ""


def row_of(need: Need, rows: pd.DataFrame) -> pd.Series | None:
    """The row that a need asks for, if there is one."""
    chosen = rows[(rows["arm"] == need.arm) & (rows["quantity"] == need.quantity)]
    return None if chosen.empty else chosen.iloc[0]


def compared(need: Need, mine: pd.Series, theirs: pd.Series) -> str:
    """What one need says of two rows.

    Intervals that do not meet differ. Those that meet agree, unless this run's reaches over an end of the need's
    range, so that it would agree with the opposite as well. Plain numbers agree that lie on the same side."""
    if mine[["low", "high"]].isna().any() or theirs[["low", "high"]].isna().any():
        return UNCERTAIN
    if EXACT in (mine["over"], theirs["over"]):
        sides = [outcome(need, row["value"], row["value"]) for row in (mine, theirs)]
        return AGREES if sides[0] == sides[1] else DIFFERS
    if mine["low"] > theirs["high"] or mine["high"] < theirs["low"]:
        return DIFFERS
    crosses = any(mine["low"] <= end <= mine["high"] for end in (need.low, need.high) if math.isfinite(end))
    return UNCERTAIN if crosses or math.isinf(theirs["low"]) or math.isinf(theirs["high"]) else AGREES


def agreement_tally(card: pd.DataFrame, name: str) -> str:
    """How many lines of a scorecard agree with the published run of this name, in a sentence; "" if none compares."""
    lines = card["agreement"].value_counts()
    if not any(verdict in lines for verdict in GRAVITY):
        return ""
    apart = ", ".join(dict.fromkeys(card.loc[card["agreement"] == DIFFERS, "claim"]))
    counts = f"{lines.get(AGREES, 0)} agree, {lines.get(DIFFERS, 0)} differ{f' ({apart})' if apart else ''}"
    return f"Lines beside the published run ({name}): {counts}, {lines.get(UNCERTAIN, 0)} too uncertain to tell."
