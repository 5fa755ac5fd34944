"""How far a computation is: a bar where it runs, or lines for the command that runs the notebook."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tqdm.auto import tqdm

from kdrep.environment import setting

EVERY = 0.5  # seconds between two lines, at least


def report(name: str, done: int, total: int) -> None:
    """Tell the command that runs this notebook, if one does, that so much of something is done."""
    if path := setting("KDREP_PROGRESS"):
        with contextlib.suppress(OSError), Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{os.getpid()}\t{name}\t{done}\t{total}\n")


@contextlib.contextmanager
def epoch_by_epoch(label: str, total: int, done: int) -> Iterator[Callable[[], None]]:
    """Within it, the function that is given says that one epoch more of `total` is done, `done` of them before."""
    bar = tqdm(
        total=total, initial=done, desc=label, unit="epoch", leave=False, disable=bool(setting("KDREP_PROGRESS"))
    )
    last = time.monotonic()
    report(label, done, total)

    def advance() -> None:
        nonlocal done, last
        done += 1
        bar.update()
        if done == total or time.monotonic() - last >= EVERY:
            last = time.monotonic()
            report(label, done, total)

    try:
        yield advance
    finally:
        bar.close()
