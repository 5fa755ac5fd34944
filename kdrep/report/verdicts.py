"""Verdicts: what follows from rows, by one rule for every claim. Pure functions."""

import math
from typing import NamedTuple

import pandas as pd

from kdrep.report.needs import Claim, Need
from kdrep.report.papers import CLAIMS
from kdrep.report.rows import EXACT, is_stand_in, number, stands_in, with_interval
from kdrep.report.statistics import Interval

# What was trained anew for a claim. Of test images, strings, classes, timings or students that share a teacher an
# interval says how well a figure is known, not whether the finding comes again.
UNITS = ("seeds", "ensembles", "speakers", "generalists")
FEWEST = 3  # units without which nothing is settled
MET, MISSED, OPEN = "met", "missed", "not settled"
BETWEEN = "; "  # the findings of a verdict's basis
VERDICTS = {
    "reproduced": "every direction and every size is met",
    "partly": "every direction is met, a size is missed or not settled",
    "not reproduced": "a direction is missed; or a size, where not every direction is met",
    "not settled": "no need is missed, but a direction is not settled, or a size where there is no direction",
    "checked": "it holds by construction or by counting: worth showing, no evidence",
    "check failed": "what must hold does not",
    "answered: yes": "proposed or left open by the authors; every need is met",
    "answered: no": "the same; a need is missed",
    "answered: not settled": "the same; a need is not settled",
    "reduced": "the paper's data, but nets smaller than the paper's: shown, not judged",
    "stand-in": "not measured on the data that were meant",
    "not run": "no rows yet",
}


class Finding(NamedTuple):
    """A need, its outcome, why it is not met, and what was found."""

    need: Need
    outcome: str
    why: str
    text: str


class Verdict(NamedTuple):
    """A verdict, the need that decided it (the first where none did), why it is no better, and all that it rests on,
    the gravest first."""

    verdict: str
    decided: Need | None
    why: str
    basis: str


def find(need: Need, rows: pd.DataFrame, *, check: bool = False) -> Finding:
    """What the rows of one claim say of one need.

    Met if the row's interval lies inside the range, missed if it lies wholly outside, else not settled. It needs three
    units at least, of a kind that counts, or, for a `check`, of any; a plain number has none, and settles checks alone.
    """
    chosen = rows[(rows["arm"] == need.arm) & (rows["quantity"] == need.quantity)]
    name = f"{need.arm}, {need.quantity}"
    if chosen.empty:
        return Finding(need, OPEN, "not measured", f"{name}: not measured ({in_words(need)})")
    row = chosen.iloc[0]
    measured = with_interval(Interval(row["value"], row["low"], row["high"]))
    text = f"{name}: {measured}{counted(row['over'], row['units'])} ({in_words(need)})"
    if row["over"] == EXACT and not check:
        return Finding(need, OPEN, "a number without units", text)
    if row["over"] != EXACT:
        if not check and row["over"] not in UNITS:
            return Finding(need, OPEN, f"{row['over']} are no units of a verdict", text)
        if row["units"] < FEWEST:
            return Finding(need, OPEN, f"fewer than {FEWEST} {row['over']}", text)
    said = outcome(need, row["low"], row["high"])
    return Finding(need, said, {MET: "", MISSED: "outside the range", OPEN: "the interval crosses an end"}[said], text)


def outcome(need: Need, low: float, high: float) -> str:
    """Whether an interval lies inside a need's range, wholly outside, or neither; the range is without its ends."""
    if (low > need.low or need.low == -math.inf) and (high < need.high or need.high == math.inf):
        return MET
    return MISSED if high <= need.low or low >= need.high else OPEN


def in_words(need: Need) -> str:
    """A need's range for people."""
    low, high = number(need.low, 6), number(need.high, 6)
    if need.high == math.inf:
        return f"above {low}"
    return f"below {high}" if need.low == -math.inf else f"between {low} and {high}"


def counted(over: str, units: float) -> str:
    """How many of what an interval is over, for people: ", 5 seeds"; 0 where rows do not say."""
    if over == EXACT:
        return ""
    return f", {int(units):,} {over}" if units else f", over {over}"


def judge(claim: Claim, rows: pd.DataFrame) -> Verdict:
    """The verdict on a claim's main line: its needs, or its checks where it has nothing else."""
    return judge_needs(claim, claim.needs or claim.checks, rows, check=not claim.needs)


def judge_needs(claim: Claim, needs: tuple[Need, ...], rows: pd.DataFrame, *, check: bool = False) -> Verdict:
    """The verdict on some of a claim's needs: the gravest finding decides, and is the one that is shown."""
    rows = rows[rows["claim"] == claim.id]
    first = needs[0] if needs else None
    if rows.empty:
        return Verdict("not run", first, "", "no rows")
    if stands_in(rows) and not all(as_meant(need, rows) for need in needs):
        names = sorted({name for name in rows["dataset"] if is_stand_in(name)})
        return Verdict("stand-in", first, "", f"measured on {', '.join(names)}")
    findings = sorted((find(need, rows, check=check) for need in needs), key=gravity)
    gravest, basis = findings[0], BETWEEN.join(f"{f.outcome}: {f.text}" for f in findings)
    if is_reduced(claim, rows):
        return Verdict("reduced", first, "nets smaller than the paper's", basis)
    outcomes = [(finding.need.direction, finding.outcome) for finding in findings]
    verdict = of_check(outcomes) if check else of_question(outcomes) if claim.question else of_claim(outcomes)
    if gravest.outcome == MET:
        return Verdict(verdict, first, "", basis)
    kind = "direction" if gravest.need.direction else "size"
    why = gravest.why if check or claim.question else f"{kind} {gravest.outcome}: {gravest.why}"
    return Verdict(verdict, gravest.need, why, basis)


def as_meant(need: Need, rows: pd.DataFrame) -> bool:
    """Whether a need has a row that comes of no stand-in: of real data, or of mathematics, which needs none."""
    chosen = rows[(rows["arm"] == need.arm) & (rows["quantity"] == need.quantity)]
    return not chosen.empty and not stands_in(chosen)


def is_reduced(claim: Claim, rows: pd.DataFrame) -> bool:
    """Whether the nets that were trained for a claim are smaller than the paper's."""
    return claim.full_size is not None and find(claim.full_size, rows, check=True).outcome == MISSED


def gravity(finding: Finding) -> tuple[int, bool]:
    """The order in which findings decide: what is missed before what is not settled, directions before sizes."""
    return (MISSED, OPEN, MET).index(finding.outcome), not finding.need.direction


def of_claim(outcomes: list[tuple[bool, str]]) -> str:
    """The verdict that follows from pairs (is it a direction, outcome).

    One need that is missed outweighs any number that are not settled: what is left then is *partly*, which a claim
    earns by directions that are all met, and else *not reproduced*; so where a size is missed and a direction is still
    open, too, and more units can turn that into *partly*.
    """
    directions = [outcome for direction, outcome in outcomes if direction]
    every = [outcome for _, outcome in outcomes]
    shown = bool(directions) and all(outcome == MET for outcome in directions)
    if all(outcome == MET for outcome in every):
        return "reproduced"
    if shown:
        return "partly"
    return "not reproduced" if MISSED in every else "not settled"


def of_check(outcomes: list[tuple[bool, str]]) -> str:
    """The verdict on what must hold by construction or by counting."""
    every = [outcome for _, outcome in outcomes]
    return "check failed" if MISSED in every else "not settled" if OPEN in every else "checked"


def of_question(outcomes: list[tuple[bool, str]]) -> str:
    """The answer to what the authors proposed or left open."""
    every = [outcome for _, outcome in outcomes]
    return "answered: " + ("no" if MISSED in every else "not settled" if OPEN in every else "yes")


def with_outcomes(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows, each with the outcome of its own need; of two needs on one row the graver."""
    outcomes = {}
    for claim in CLAIMS:
        mine = rows[rows["claim"] == claim.id]
        for need in claim.every_need if len(mine) and not is_reduced(claim, mine) else ():
            if as_meant(need, mine):
                finding = find(need, mine, check=need in claim.checks)
                outcomes.setdefault((claim.id, need.arm, need.quantity), []).append(finding)
    gravest = {key: min(found, key=gravity).outcome for key, found in outcomes.items()}
    keys = zip(rows["claim"], rows["arm"], rows["quantity"], strict=True)
    return rows.assign(need=[gravest.get(key, "") for key in keys])
