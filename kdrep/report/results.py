"""Rows, verdicts and the scorecard: what a run measured, and what follows from it."""

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from kdrep.report import papers
from kdrep.report.papers import CLAIMS, Claim, Need
from kdrep.report.statistics import Interval

COLUMNS = [
    "claim", "arm", "quantity", "value", "low", "high", "unit", "seeds", "published",
    "verdict", "dataset", "profile", "device", "seconds", "code",
]  # fmt: skip
DERIVED = ("H2.1", "H2.2", "H2.3")  # their figures follow from the paper, which does not print them
EXACT = 5  # significant digits of what must agree exactly
ROUNDING = 1e-15  # what is left of zero after a mean of differences
SAYS = "the paper says"
NO_DATA = "none"  # the data set of claims that are mathematics
VERDICTS = {
    "reproduced": "every direction holds with an interval that excludes the bound, and every size is met",
    "partly": "the directions hold, a size is missed",
    "not reproduced": "a direction is contradicted, or a claim without one misses a size",
    "inconclusive": "a direction has an interval that includes the bound, or the experiment is far smaller than the "
    "paper's",
    "stand-in": "not measured on the paper's data",
    "not run": "no rows yet",
}
OUTCOMES = {  # of a claim's needs, the gravest first, as a verdict names them
    "too small": "too small to tell", "contradicted": "contradicted", "open": "open", "failed": "missed", "met": "met"
}  # fmt: skip
BETWEEN = "; "  # the findings of a verdict's basis


def make_row(claim: str, arm: str, quantity: str, measured: Interval | float, unit: str, **rest) -> dict:
    """One row; `rest` gives seeds, dataset, profile, device, seconds, code. Raises ValueError for NaN."""
    interval = measured if isinstance(measured, Interval) else Interval(*[float(measured)] * 3)
    if math.isnan(interval.value) or math.isnan(interval.low) or math.isnan(interval.high):
        raise ValueError(f"{claim}, {arm}, {quantity}: a measured value must be a number, not {measured}")
    published = None if is_stand_in(rest["dataset"]) else papers.published(claim, arm, quantity)
    row = dict(claim=claim, arm=arm, quantity=quantity, unit=unit, published=published, verdict="", **rest)
    return row | interval._asdict()


def is_stand_in(dataset: str) -> bool:
    """Whether this is the name of a stand-in or of a slice instead of the data themselves."""
    return "embedded" in dataset or "slice" in dataset


def stands_in(rows: pd.DataFrame) -> bool:
    """Whether any of the rows came from a stand-in or a slice."""
    return any(map(is_stand_in, rows["dataset"]))


class Verdict(NamedTuple):
    """A claim's verdict, what it rests on, need by need, the need that the scorecard shows, and why it is no better."""

    verdict: str
    basis: str
    shown: Need | None
    why: str = ""


def judge(claim: Claim, rows: pd.DataFrame) -> Verdict:
    """Verdict of a claim on its rows: pure. Shown is the first need, or the gravest that is not met, sizes of the
    experiment itself aside."""
    first = claim.needs[0] if claim.needs else None
    rows = rows[rows["claim"] == claim.id]
    if rows.empty:
        return Verdict("not run", "no rows", first)
    if stands_in(rows):
        return Verdict("stand-in", f"measured on {rows['dataset'].iloc[0]}, not on the paper's data", first)
    if not claim.needs:
        return Verdict("not run", "no criterion yet", None)
    findings = [(need, *check(need, rows)) for need in claim.needs]
    missing = [text for _, met, text in findings if met is None]
    if missing and all(met != "too small" for _, met, _ in findings):
        return Verdict("not run", "missing: " + "; ".join(missing), first)
    return weigh(claim, [found for found in findings if found[1] is not None])


def weigh(claim: Claim, findings: Sequence[tuple[Need, str, str]]) -> Verdict:
    """The verdict that follows from the needs of a claim, their outcomes and what was found: the gravest decides."""
    has_direction = any(need.kind == "above" for need in claim.needs)
    verdicts = {
        "too small": "inconclusive", "contradicted": "not reproduced", "open": "inconclusive",
        "failed": "partly" if has_direction else "not reproduced", "met": "reproduced",
    }  # fmt: skip
    order = list(OUTCOMES)
    gravest, *rest = sorted(findings, key=lambda finding: order.index(finding[1]))
    basis = BETWEEN.join(f"{OUTCOMES[outcome]}: {text}" for _, outcome, text in (gravest, *rest))
    shown = next((need for need, _, _ in (gravest, *rest) if need.kind != "scale"), gravest[0])
    why = "" if gravest[1] == "met" else OUTCOMES[gravest[1]]
    return Verdict(verdicts[gravest[1]], basis, shown, why)


def check(need: Need, rows: pd.DataFrame) -> tuple[str | None, str]:
    """Whether one need is met, failed, (for a direction) open or contradicted, or (for a scale) too small; None if the
    row is missing."""
    chosen = rows[(rows["arm"] == need.arm) & (rows["quantity"] == need.quantity)]
    name = f"{need.arm}, {need.quantity}"
    if chosen.empty:
        return None, name
    row = chosen.iloc[0]
    value, low, high, published = (row[column] for column in ("value", "low", "high", "published"))
    text = f"{name}: {with_interval(value, low, high)}"
    source = "reference" if row["claim"] in DERIVED else "published"
    if need.kind == "above":
        met = "met" if low > need.bound else "contradicted" if high < need.bound else "open"
        return met, f"{text} (above {number(need.bound)})"
    if need.kind == "exact":
        text = f"{name}: {with_interval(value, low, high, EXACT)} ({source} {number(published, EXACT)})"
        return verdict_of(abs(value - published) <= need.bound), text
    if need.kind == "near":
        # Without a finite limit, as with one seed, the value itself must be near enough.
        reached = low if math.isfinite(low) else value
        away = f"{100 * (value / published - 1):+.0f} %".replace("-", "−")
        text = f"{text} (published {number(published)}: {away}, the interval must reach +{100 * need.bound:.0f} %)"
        return verdict_of(reached <= published * (1 + need.bound)), text
    if need.kind == "order":
        met = value > 0 and abs(math.log10(value / published)) <= 0.5
        return verdict_of(met), f"{text} (published {number(published)}: a factor of {10**0.5:.1f} allowed)"
    if need.kind == "at least":
        return verdict_of(value >= need.bound), f"{text} (at least {number(need.bound, 12)})"
    if need.kind == "scale":
        return "met" if value >= need.bound else "too small", f"{text} (at least {number(need.bound)})"
    if need.kind == "at most":
        return verdict_of(value <= need.bound), f"{text} (at most {number(need.bound)})"
    raise ValueError(f"need: unknown kind {need.kind!r} in a claim's needs")


def verdict_of(met: bool) -> str:
    """A finding about a size."""
    return "met" if met else "failed"


def number(value: float, digits: int = 4) -> str:
    """A figure for people: so many significant digits, no trailing zeros."""
    if value is None or pd.isna(value):
        return ""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    value = 0.0 if abs(value) < ROUNDING else value
    return f"{value:.{digits}g}".replace("-", "−") if abs(value) < 10_000 else f"{value:,.0f}"


def with_interval(value: float, low: float, high: float, digits: int = 4) -> str:
    """A figure and its interval, for people; without one if it is exact."""
    if math.isinf(low) and math.isinf(high):
        return f"{number(value, digits)} (no interval)"
    middle, *limits = (number(v, digits) for v in (value, low, high))
    return middle if set(limits) == {middle} else f"{middle} [{', '.join(limits)}]"


def with_verdicts(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with every claim's verdict filled in."""
    verdicts = {claim.id: judge(claim, rows).verdict for claim in CLAIMS}
    return rows.assign(verdict=rows["claim"].map(verdicts))


def scorecard(rows: pd.DataFrame) -> pd.DataFrame:
    """One line per claim: published, this run, verdict, and what it rests on. Claims without rows are `not run`."""
    return pd.DataFrame([scorecard_line(claim, rows) for claim in CLAIMS])


def scorecard_line(claim: Claim, rows: pd.DataFrame) -> dict:
    """The scorecard's line for one claim, with the figures of the need that its verdict shows."""
    verdict, basis, need, why = judge(claim, rows)
    mine = rows[rows["claim"] == claim.id]
    line = dict(claim=claim.id, paper=claim.paper, section=claim.section, sentence=claim.sentence)
    line |= dict(measure="", published=None, value=None, low=None, high=None, unit="")
    line |= dict(verdict=verdict, why=why, basis=basis)
    if need is not None:
        line |= dict(measure=f"{need.arm}, {need.quantity}" + f" ({claim.departs})" * bool(claim.departs))
        line |= dict(published=None if stands_in(mine) else papers.published(claim.id, need.arm, need.quantity))
        match = mine[(mine["arm"] == need.arm) & (mine["quantity"] == need.quantity)]
        if not match.empty:
            line |= match.iloc[0][["value", "low", "high", "unit"]].to_dict()
    return line | dict(notebook=claim.notebook, dataset=", ".join(sorted(mine["dataset"].unique())))


def ours(line: pd.Series) -> str:
    """A measured value with its interval, for a table."""
    if pd.isna(line["value"]):
        return "—"
    return with_interval(line["value"], line["low"], line["high"])


def for_terminal(table: pd.DataFrame) -> str:
    """A table of `as_table` as text, without the claims' sentences."""
    return table.drop(columns=SAYS).to_string(index=False, max_colwidth=56, justify="left")


def as_table(card: pd.DataFrame) -> pd.DataFrame:
    """The scorecard with the columns that people read; where there is room, "the paper says" among them."""
    published = [number(v) or "—" for v in card["published"]]
    reasons = [f" ({why})" if why else "" for why in card["why"]]
    return pd.DataFrame(
        {
            "claim": card["claim"],
            SAYS: card["sentence"],
            "what is measured": card["measure"].where(card["measure"] != "", "—"),
            "unit": card["unit"],
            "paper": published,
            "this run": [ours(line) for _, line in card.iterrows()],
            "verdict": card["verdict"] + reasons,
        }
    )


def as_markdown(card: pd.DataFrame) -> str:
    """The scorecard as a Markdown table, for the README."""
    table = as_table(card)
    lines = ["| " + " | ".join(table.columns) + " |", "|" + " --- |" * len(table.columns)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in table.itertuples(index=False)])


def tally(card: pd.DataFrame) -> str:
    """How many claims have which verdict, in a sentence."""
    counts = card["verdict"].value_counts()
    return f"{len(card)} claims: " + ", ".join(f"{counts[v]} {v}" for v in VERDICTS if v in counts) + "."


def read_rows(path: Path) -> pd.DataFrame:
    """Rows of a rows.csv. Raises ValueError if the file is cut off or lacks a column."""
    text = path.read_text()
    if not text.endswith("\n"):
        raise ValueError(f"{path}: is cut off; delete it and run the notebooks again")
    rows = pd.read_csv(
        io.StringIO(text),
        dtype={"claim": str, "arm": str, "quantity": str, "dataset": str, "code": str},
        keep_default_na=False,
        na_values={"published": [""], "value": [""], "low": [""], "high": [""]},
    )
    missing = [column for column in COLUMNS if column not in rows.columns]
    if missing:
        raise ValueError(f"{path}: the columns {', '.join(missing)} are missing; run the notebooks again")
    if rows[["value", "low", "high", "code"]].isna().any(axis=None):
        raise ValueError(f"{path}: a row has no value, limits or code; delete it and run the notebooks again")
    return rows
