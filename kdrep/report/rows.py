"""Rows: what a run measured, one quantity a line."""

import io
import math
from pathlib import Path

import pandas as pd

from kdrep.report import papers
from kdrep.report.statistics import Interval

COLUMNS = [
    "claim", "arm", "quantity", "value", "low", "high", "unit", "over", "units", "published", "need",
    "dataset", "profile", "device", "seconds", "code", "declared",
]  # fmt: skip
EXACT = "exact"  # in place of what an interval is over: a plain number, counted or computed; it settles checks alone
NO_DATA = "none"  # the data set of claims that are mathematics
ROUNDING = 1e-15  # what is left of zero after a mean of differences
BOUNDS = {  # of levels; differences have no such bounds
    "%": (0, 100), "errors": (0, math.inf), "probability": (0, 1), "ratio": (0, math.inf), "layers": (0, math.inf),
    "s": (0, math.inf), "ms": (0, math.inf), "cosine": (-1, 1),
}  # fmt: skip
DIFFERENCES = ("difference", "change", "relative", "removed", "gain")  # words for a quantity that may fall below zero


def make_row(
    claim: str, arm: str, quantity: str, measured: Interval | float, unit: str, *, over: str = "", **rest
) -> dict:
    """One row; `over` says what an interval is over, `rest` gives dataset, profile, device, seconds, code.

    A plain number is exact. An interval is cut where its quantity ends. Raises ValueError for NaN, and for an interval
    over nothing: a label that is forgotten must not count as evidence.
    """
    exact = not isinstance(measured, Interval)
    if not exact and not over:
        raise ValueError(f"{claim}, {arm}, {quantity}: say what the interval is over, such as over='seeds'")
    interval = Interval(*[float(measured)] * 3) if exact else measured
    if any(map(math.isnan, (interval.value, interval.low, interval.high))):
        raise ValueError(f"{claim}, {arm}, {quantity}: a measured value must be a number, not {measured}")
    if not math.isinf(interval.low):
        interval = interval.within(*bounds(arm, quantity, unit))
    published = None if is_stand_in(rest["dataset"]) else papers.published(claim, arm, quantity)
    row = dict(claim=claim, arm=arm, quantity=quantity, value=interval.value, low=interval.low, high=interval.high)
    row |= dict(unit=unit, over=EXACT if exact else over, units=interval.units, published=published, need="")
    return row | rest | dict(declared="")


def bounds(arm: str, quantity: str, unit: str) -> tuple[float, float]:
    """The least and the greatest value that a quantity can have."""
    level = " - " not in arm and not any(word in quantity for word in DIFFERENCES)
    return BOUNDS.get(unit, (-math.inf, math.inf)) if level else (-math.inf, math.inf)


def is_stand_in(dataset: str) -> bool:
    """Whether this is the name of a stand-in or of a slice instead of the data themselves."""
    return "embedded" in dataset or "slice" in dataset


def stands_in(rows: pd.DataFrame) -> bool:
    """Whether any of the rows came from a stand-in or a slice."""
    return any(map(is_stand_in, rows["dataset"]))


def number(value: float, digits: int = 4) -> str:
    """A figure for people: so many significant digits, no trailing zeros."""
    if value is None or pd.isna(value):
        return ""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    value = 0.0 if abs(value) < ROUNDING else value
    return f"{value:.{digits}g}".replace("-", "−") if abs(value) < 10_000 else f"{value:,.0f}"


def with_interval(interval: Interval, digits: int = 4) -> str:
    """A figure and its interval, for people; without one if it is exact."""
    if math.isinf(interval.low) and math.isinf(interval.high):
        return f"{number(interval.value, digits)} (no interval)"
    middle, *limits = (number(v, digits) for v in (interval.value, interval.low, interval.high))
    return middle if set(limits) == {middle} else f"{middle} [{', '.join(limits)}]"


def read_rows(path: Path) -> pd.DataFrame:
    """Rows of a rows.csv. Raises ValueError if the file is cut off or lacks a column."""
    text = path.read_text(encoding="utf-8")
    if not text.endswith("\n"):
        raise ValueError(f"{path}: is cut off; delete it and run the notebooks again")
    plain = ("claim", "arm", "quantity", "unit", "over", "need", "dataset", "code", "declared")
    rows = pd.read_csv(
        io.StringIO(text),
        dtype=dict.fromkeys(plain, str),
        keep_default_na=False,
        na_values={"published": [""], "value": [""], "low": [""], "high": [""], "units": [""]},
    )
    missing = [column for column in COLUMNS if column not in rows.columns]
    if missing:
        raise ValueError(f"{path}: the columns {', '.join(missing)} are missing; run the notebooks again")
    if rows[["value", "low", "high", "units", "code"]].isna().any(axis=None):
        raise ValueError(f"{path}: a row has no value, limits, units or code; delete it and run the notebooks again")
    return rows
