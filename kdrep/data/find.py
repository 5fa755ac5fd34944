"""Where data sets are looked for, and what is done when one is not there."""

import contextlib
import http.client
import socket
import warnings
from collections.abc import Callable
from pathlib import Path

from kdrep.data.datasets import DataError
from kdrep.environment import setting, switch
from kdrep.files import ROOT

DOWNLOAD_TIMEOUT = 5  # seconds without an answer until a host counts as out of reach


def folders(data_dir: str | Path | None = None) -> list[Path]:
    """Where data are looked for, in order: `data_dir` if given, else $KDREP_DATA, then data/.

    Raises DataError if what is named is a file, or $KDREP_DATA, into which nothing is downloaded, is nowhere.
    """
    if data_dir:
        data_dir = Path(data_dir).expanduser()
        if data_dir.is_file():
            raise DataError(f"data_dir: {data_dir} is a file; name the folder that holds the data, or is to hold them")
        return [data_dir]
    named = setting("KDREP_DATA")
    named = Path(named).expanduser() if named else None
    if named and not named.is_dir():
        raise DataError(f"KDREP_DATA: {named} is no folder; name the one that holds the data, or unset the variable")
    return [place for place in (named, ROOT / "data") if place]


def obtain(name: str, places: list[Path], read: Callable, fetch: Callable | None, stand_in: Callable):
    """A data set from the first place that has it, else downloaded to the last one, else its stand-in.

    `read(folder)` gives None where nothing is; `fetch(folder)` downloads. DataError, for damaged files, goes through.
    """
    for place in places:
        if (there := read(place)) is not None:
            return there
    if fetch and not switch("KDREP_OFFLINE"):
        try:
            return fetch(places[-1])
        except DataError:
            raise
        except (OSError, RuntimeError, http.client.HTTPException) as error:
            warnings.warn(f"{name} was not downloaded ({type(error).__name__}: {error})", stacklevel=3)
    return stand_in()


@contextlib.contextmanager
def quick_to_give_up(seconds: float = DOWNLOAD_TIMEOUT):
    """Within it, a host that does not answer is given up after so many seconds."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
