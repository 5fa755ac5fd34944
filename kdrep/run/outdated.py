"""What is out of date: rows whose notebook, settings, claims or code have changed since."""

import json

import pandas as pd

from kdrep.files import ROOT
from kdrep.report import papers
from kdrep.report.papers import CLAIMS
from kdrep.run.profiles import PROFILES, settings
from kdrep.run.stages import canonical, code_fingerprint, imports_of

NOTEBOOKS = ROOT / "notebooks"
# Claims and settings, of which a notebook depends on its own alone.
OF_EVERYONE = ("report/papers.py", "report/hinton.py", "report/romero.py", "run/profiles.py")


def notebook_code(notebook: str) -> str:
    """Hash of a notebook's own source cells and of the files of kdrep that it imports: a row's `code`.

    Of the settings and of the claims it takes in those of this notebook only: others may change without it.
    """
    cells = json.loads((NOTEBOOKS / f"{notebook}.ipynb").read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    plain = "\n".join(line for source in sources for line in source.splitlines() if not line.startswith("%"))
    own = [vars(settings(notebook, profile)) for profile in PROFILES]
    own += [str(claim) for claim in CLAIMS if claim.notebook == notebook]
    sources.append(json.dumps(canonical(own), sort_keys=True))
    return code_fingerprint(imports_of(plain), "\0".join(sources), without=OF_EVERYONE)[:16]


def outdated(rows: pd.DataFrame) -> list[str]:
    """The notebooks whose rows are older than the code they depend on."""
    codes = rows.groupby(rows["claim"].map(lambda claim: papers.claim(claim).notebook))["code"]
    return [notebook for notebook, found in codes if set(found) != {notebook_code(notebook)}]


def warn_of_outdated(rows: pd.DataFrame) -> str:
    """A sentence on the notebooks whose rows are outdated, empty if there are none."""
    old = outdated(rows[rows["claim"].isin(papers.BY_ID)])
    return (
        f"Measured by other code than there is now: {', '.join(old)}. `make reproduce` runs them again." if old else ""
    )
