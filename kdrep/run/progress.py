"""What a run that goes on says: on a terminal one line that changes, elsewhere a line every half minute."""

import contextlib
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, TextIO

from kdrep.run.minutes import in_words

EVERY = {True: 0.5, False: 30.0}  # seconds between two lines, on a terminal and elsewhere
JOBS = "jobs"  # what a batch of jobs reports under


class Expected(NamedTuple):
    """Minutes that the notebook that is running is expected to take, and those after it."""

    this: float
    later: float


@contextlib.contextmanager
def shown(head: str, expected: Expected, out: TextIO | None = None) -> Iterator[None]:
    """Within it, whatever kernels report is shown, with the time that is left."""
    out = out or sys.stderr
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "progress"
        path.touch()
        os.environ["KDREP_PROGRESS"] = str(path)
        stop = threading.Event()
        teller = threading.Thread(target=tell, args=(path, head, expected, stop, out), daemon=True)
        teller.start()
        try:
            yield
        finally:
            stop.set()
            teller.join()
            del os.environ["KDREP_PROGRESS"]


def tell(path: Path, head: str, expected: Expected, stop: threading.Event, out: TextIO) -> None:
    """Show what is appended to a file, until `stop` is set."""
    terminal, start, state = out.isatty(), time.monotonic(), {}
    with path.open(encoding="utf-8", errors="replace") as source:
        while not stop.wait(EVERY[terminal]):
            read_reports(source, state)
            line = f"{head}: {doing(state)}{remaining(expected, (time.monotonic() - start) / 60)}"
            out.write(f"\r\x1b[K{line[: shutil.get_terminal_size().columns - 1]}" if terminal else line + "\n")
            out.flush()
        if terminal:
            out.write("\r\x1b[K")


def read_reports(source: TextIO, state: dict) -> None:
    """Take in new reports: by process what it trains and how far it is; by JOBS how many of a batch are done."""
    for line in source.read().splitlines():
        with contextlib.suppress(ValueError):  # a line that another process is just writing
            process, name, done, total = line.split("\t")
            key = JOBS if name == JOBS else process
            state.pop(key, None)
            if done != total:
                state[key] = (name, int(done), int(total))


def doing(state: Mapping[str, tuple[str, int, int]]) -> str:
    """What is being trained, for people."""
    trained = [value for key, value in state.items() if key != JOBS]
    parts = []
    if JOBS in state:
        parts.append("{1} of {2} jobs done".format(*state[JOBS]))
    if trained:
        name, done, total = trained[-1]
        more = f" and {len(trained) - 1} more" if len(trained) > 1 else ""
        parts.append(name + f", epoch {done} of {total}" * (total > 1) + more)
    return "; ".join(parts) or "computing"


def remaining(expected: Expected, elapsed: float) -> str:
    """The minutes that have gone by and those that are left, for people; what is past its time is said to be."""
    said = f"; {elapsed:.1f} min"
    if expected.this != expected.this:  # nobody knows
        return said
    left = expected.this - elapsed
    said += f", about {max(left, 0.1):.1f} left" if left > 0 else ", longer than expected"
    total = max(left, 0) + expected.later
    return said + (f"; {in_words(total)} to the end of all" if expected.later else "")
