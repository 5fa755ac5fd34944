"""The command line: python -m kdrep reproduce | data | scorecard | publish | doctor."""

import argparse
import os
import sys
from pathlib import Path

from kdrep import __version__

DESCRIPTION = "Reproduce Hinton et al. 2015 and Romero et al. 2015, claim by claim."


def parser() -> argparse.ArgumentParser:
    """The parser, with a help text for every command."""
    top = argparse.ArgumentParser(prog="python -m kdrep", description=DESCRIPTION)
    top.add_argument("--version", action="version", version=f"kdrep {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    run = commands.add_parser(
        "reproduce", help="execute the notebooks and print the scorecard",
        description="Execute the numbered notebooks through papermill into results/runs/NAME/, and print the "
        "scorecard: paper, published, this run. A run that was interrupted goes on where it stopped.",
    )  # fmt: skip
    run.add_argument(
        "notebooks", nargs="*", metavar="NOTEBOOK", help="a notebook's name or number (default: all), e.g. 01 06"
    )
    run.add_argument(
        "--profile",
        default="auto",
        help="smoke (does it run?), quick (45 minutes of a CPU), thorough (a night), full (a GPU), or auto (default)",
    )
    run.add_argument("--seeds", type=int, help="number of seeds, instead of the profile's")
    run.add_argument(
        "--device",
        default="auto",
        choices=["auto", "cpu", "cuda"],
        help="where to compute (default: the GPU if there is one)",
    )
    run.add_argument(
        "--precision", choices=["float32", "bfloat16"],
        help="what products are computed in (default: $KDREP_PRECISION, what the run began with, or the device's)",
    )  # fmt: skip
    run.add_argument("--name", help="name of the run (default: the profile's name)")
    run.add_argument("--fresh", action="store_true", help="delete what an earlier run of this name has computed")
    run.add_argument(
        "--keep-published", action="store_true",
        help="take over the published notebooks that are up to date, so that one notebook can be published anew",
    )  # fmt: skip
    run.add_argument(
        "--plan", action="store_true", help="get the data, say what would be done and for how long, and do no more"
    )
    run.add_argument(
        "--stand-in", choices=["smoke", "full"],
        help="settings of notebooks for whose data something stands in: smoke's (default), or the profile's in full",
    )  # fmt: skip
    run.add_argument("--data-dir", metavar="DIR", help="where the data are (default: $KDREP_DATA, then data/)")
    run.add_argument(
        "--scheduler", metavar="tcp://HOST:PORT",
        help="a Dask scheduler whose workers take the independent jobs (default: $KDREP_SCHEDULER, else all runs here)",
    )  # fmt: skip

    data = commands.add_parser(
        "data", help="fetch, verify and list the data sets",
        description="Look for every data set in $KDREP_DATA and data/, download what is missing, verify "
        "all, and list them.",
    )  # fmt: skip
    data.add_argument("--data-dir", metavar="DIR", help="look there only")
    data.add_argument("--offline", action="store_true", help="do not download")

    card = commands.add_parser(
        "scorecard", help="print a run's scorecard",
        description="Print the scorecard of a run, or of the published results: every claim with the paper's "
        "figure, this run's, and a verdict.",
    )  # fmt: skip
    card.add_argument("run", nargs="?", help="folder of a run (default: the newest, else what is published)")
    card.add_argument("--markdown", action="store_true", help="as a Markdown table")

    publish = commands.add_parser(
        "publish", help="promote a run to results/<profile>/",
        description="Copy a run to results/<profile>/ and its scorecard into the README. Refuses stand-in data, a "
        "dirty working tree, rows older than the code they depend on, and missing figures.",
    )  # fmt: skip
    publish.add_argument("run", help="folder of the run, e.g. results/runs/quick")

    doctor = commands.add_parser(
        "doctor", help="say what this machine has and lacks",
        description="Say what was found: device, speed, versions, which data are real and which would be a stand-in, "
        "and what to do about each lack. Changes nothing and downloads nothing.",
    )  # fmt: skip
    doctor.add_argument("--data-dir", metavar="DIR", help="look for data there only")
    return top


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that lacks a letter shows another, and nothing fails
            stream.reconfigure(errors="replace")
    try:
        return globals()[options.command](options)
    except KeyboardInterrupt:
        print(f"\n{interrupted(options)}", file=sys.stderr)
        return 130
    except ModuleNotFoundError as error:
        remedy = "run `make setup`, then `make doctor`, `make reproduce` or `.venv/bin/python -m kdrep`"
        print(f"error: {error.name} is not installed for {sys.executable}: {remedy}", file=sys.stderr)
        return 2
    except (ValueError, RuntimeError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def interrupted(options) -> str:
    """What to say when a command is interrupted."""
    same = "without --fresh it goes on" if getattr(options, "fresh", False) else "the same command goes on"
    return f"interrupted; what is finished is kept, and {same} where this one stopped"


def reproduce(options) -> int:
    """Execute notebooks."""
    from kdrep.run.interrupt import ends_at_once

    with ends_at_once(interrupted(options)):
        return reproduce_all(options)


def reproduce_all(options) -> int:
    """`reproduce`, which may be interrupted."""
    from kdrep.run import runner

    if options.data_dir:
        os.environ["KDREP_DATA"] = str(Path(options.data_dir).expanduser().resolve())
    if options.scheduler:
        os.environ["KDREP_SCHEDULER"] = options.scheduler
    if options.precision:
        os.environ["KDREP_PRECISION"] = options.precision
    if options.stand_in:
        os.environ["KDREP_STANDIN"] = options.stand_in
    return runner.reproduce(
        options.notebooks,
        options.profile,
        name=options.name,
        seeds=options.seeds,
        device=options.device,
        fresh=options.fresh,
        keep_published=options.keep_published,
        only_plan=options.plan,
    )


def data(options) -> int:
    """Fetch, verify and list the data sets."""
    from kdrep.run.doctor import data_report

    lines, lacking = data_report(options.data_dir, download=not options.offline)
    print("\n".join(["data", *lines]))
    return 1 if lacking else 0


def scorecard(options) -> int:
    """Print a scorecard."""
    from kdrep.report import scorecard as cards
    from kdrep.report.agreement import agreement_tally
    from kdrep.report.rows import read_rows
    from kdrep.run import outdated, runs

    folder = Path(options.run) if options.run else default_run()
    if not (folder / "rows.csv").exists():
        raise FileNotFoundError(
            f"{folder / 'rows.csv'} does not exist: run `make reproduce`, or name the folder of a run"
        )
    rows = read_rows(folder / "rows.csv")
    profile = rows["profile"].iloc[0] if len(rows) else runs.REFERENCE
    card = cards.scorecard(rows, runs.reference_rows(profile))
    print(cards.as_markdown(card) if options.markdown else cards.for_terminal(cards.as_table(card)))
    if not options.markdown:
        beside = agreement_tally(card, runs.reference_profile(profile))
        print(f"\n{cards.tally(card)} {beside}".rstrip())
        print(f"from {runs.shown(folder.resolve())}. {outdated.warn_of_outdated(rows)}".rstrip())
    return 0


def default_run() -> Path:
    """The reader's newest run, else the published one of the most notebooks."""
    from kdrep.run.runs import ROOT

    runs = sorted(ROOT.glob("results/runs/*/rows.csv"), key=lambda p: p.stat().st_mtime)
    published = sorted(ROOT.glob("results/*/rows.csv"), key=lambda p: len([*p.parent.glob("notebooks/*.ipynb")]))
    return (runs[-1:] + published[-1:] + [ROOT / "results" / "runs" / "quick" / "rows.csv"])[0].parent


def publish(options) -> int:
    """Promote a run."""
    from kdrep.run import publishing, runs

    target = publishing.publish(Path(options.run).resolve())
    print(f"published as {runs.shown(target)}, with the README's table of this profile, if it has one. Commit both.")
    return 0


def doctor(options) -> int:
    """Say what was found."""
    from kdrep.run import doctor as checks

    print("\n".join(checks.machine_report()))
    lines, lacking = checks.data_report(options.data_dir, download=False)
    print("\n".join(["data", *lines, *checks.profile_lines(), *checks.next_steps(lacking)]))
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main())
