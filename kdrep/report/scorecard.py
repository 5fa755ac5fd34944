"""The scorecard: a line for every claim, and one for each of its variants and checks."""

import pandas as pd

from kdrep.report import papers
from kdrep.report.agreement import agreement
from kdrep.report.needs import Claim, Need
from kdrep.report.papers import CLAIMS
from kdrep.report.rows import number, stands_in, with_interval
from kdrep.report.statistics import Interval
from kdrep.report.verdicts import Verdict, counted, in_words, judge, judge_needs

SAYS = "the paper says"
NOT_JUDGED = ("reduced", "stand-in", "not run")
EFFECT, CHECK, QUESTION, VARIANT, PART = "effect", "check", "question", "variant", "check of a claim"  # kinds of lines


def scorecard(rows: pd.DataFrame, published: pd.DataFrame | None = None) -> pd.DataFrame:
    """Every claim's lines: published, this run, verdict, and what it rests on, and whether they agree with `published`
    rows of another run. Claims without rows are `not run`."""
    return pd.DataFrame([line for claim in CLAIMS for line in lines_of(claim, rows, published)])


def lines_of(claim: Claim, rows: pd.DataFrame, published: pd.DataFrame | None = None) -> list[dict]:
    """The lines of one claim: its own, its checks' if it has needs beside them, and its variants'."""
    kind = QUESTION if claim.question else EFFECT if claim.needs else CHECK
    own = claim.needs or claim.checks
    parts = [(kind, claim.sentence, own, judge(claim, rows))]
    if claim.needs and claim.checks:
        checked = judge_needs(claim, claim.checks, rows, check=True)
        parts.append((PART, "What must hold by construction.", claim.checks, checked))
    for variant in claim.variants:
        parts.append((VARIANT, f"{variant.name}.", variant.needs, judge_needs(claim, variant.needs, rows)))
    mine, theirs = (None if table is None else table[table["claim"] == claim.id] for table in (rows, published))
    return [
        line_of(claim, kind, sentence, found, rows)
        | {"agreement": "" if theirs is None or found.verdict in NOT_JUDGED else agreement(needs, mine, theirs)}
        for kind, sentence, needs, found in parts
    ]


def line_of(claim: Claim, kind: str, sentence: str, found: Verdict, rows: pd.DataFrame) -> dict:
    """One line of the scorecard, with the figures of the need that decided."""
    mine = rows[rows["claim"] == claim.id]
    line = dict(claim=claim.id, kind=kind, paper=claim.paper, section=claim.section, sentence=sentence)
    line |= dict(decided="", published=None, value=None, low=None, high=None, unit="", over="", units=0)
    line |= dict(verdict=found.verdict, why=found.why, evidence=evidence(mine), fixed=claim.fixed, basis=found.basis)
    if found.decided is not None:
        line |= figures_of(claim, found.decided, mine)
    return line | dict(notebook=claim.notebook, dataset=", ".join(sorted(mine["dataset"].unique())))


def figures_of(claim: Claim, need: Need, rows: pd.DataFrame) -> dict:
    """What the scorecard says of one need."""
    chosen = rows[(rows["arm"] == need.arm) & (rows["quantity"] == need.quantity)]
    found = dict(decided=f"{need.arm}, {need.quantity}: {in_words(need)}")
    found |= dict(published=None if stands_in(chosen) else papers.published(claim.id, need.arm, need.quantity))
    if not chosen.empty:
        found |= chosen.iloc[0][["value", "low", "high", "unit", "over", "units"]].to_dict()
    return found


def evidence(rows: pd.DataFrame) -> str:
    """Confirmed, if all rows bear the commit in which claim, seeds and lengths were declared, else exploratory."""
    if rows.empty:
        return ""
    return "confirmed" if (rows["declared"] != "").all() and rows["declared"].nunique() == 1 else "exploratory"


def label(line: pd.Series | dict) -> str:
    """A claim's number, and what else the line is of it."""
    return line["claim"] + {VARIANT: " variant", PART: " check"}.get(line["kind"], "")


def ours(line: pd.Series) -> str:
    """A measured value with its interval, for a table."""
    if pd.isna(line["value"]):
        return "—"
    return with_interval(Interval(line["value"], line["low"], line["high"])) + counted(line["over"], line["units"])


def as_table(card: pd.DataFrame) -> pd.DataFrame:
    """The scorecard with the columns that people read."""
    reasons = [f" ({why})" if why else "" for why in card["why"]]
    units = [f", {unit}" if unit else "" for unit in card["unit"]]
    beside = {"beside the published run": card["agreement"]} if card["agreement"].any() else {}
    return pd.DataFrame(
        {
            "claim": [label(line) for _, line in card.iterrows()],
            SAYS: card["sentence"],
            "what decided": [f"{text}{unit}" or "—" for text, unit in zip(card["decided"], units, strict=True)],
            "paper": [number(v) or "—" for v in card["published"]],
            "this run": [ours(line) for _, line in card.iterrows()],
            "verdict": card["verdict"] + reasons,
            **beside,
            "evidence": card["evidence"],
            "held fixed": card["fixed"].where(card["verdict"] != "not run", ""),
        }
    )


def for_terminal(table: pd.DataFrame) -> str:
    """A table of `as_table` as text, without what needs the room of a page."""
    return table.drop(columns=[SAYS, "held fixed"]).to_string(index=False, max_colwidth=64, justify="left")


def as_markdown(card: pd.DataFrame) -> str:
    """The scorecard as a Markdown table, for the README."""
    table = as_table(card)
    lines = ["| " + " | ".join(table.columns) + " |", "|" + " --- |" * len(table.columns)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in table.itertuples(index=False)])


def tally(card: pd.DataFrame) -> str:
    """How many claims have which verdict, kind by kind, in a sentence; variants and checks of claims are left out."""
    kinds = {
        EFFECT: ("claim{} of effects", ("reproduced", "partly", "not reproduced", "not settled")),
        CHECK: ("check{}", ("checked", "check failed", "not settled")),
        QUESTION: ("question{}", ("answered: yes", "answered: no", "answered: not settled")),
    }
    own = card[card["kind"].isin(kinds)]
    judged = own[~own["verdict"].isin(NOT_JUDGED)]
    parts = []
    for kind, (name, verdicts) in kinds.items():
        counts = judged.loc[judged["kind"] == kind, "verdict"].value_counts()
        said = ", ".join(f"{counts.get(v, 0)} {v.replace(':', '')}" for v in verdicts)
        total = int(counts.sum())
        parts += [f"{total} {name.format('s' * (total != 1))}: {said}"] if total else []
    counts = own["verdict"].value_counts()
    return "; ".join(parts + [f"{counts[name]} {name}" for name in NOT_JUDGED if name in counts]) + "."
