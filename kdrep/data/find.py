"""Where data sets are looked for, and what is done when one is not there."""

import http.client
import warnings
from collections.abc import Callable
from pathlib import Path

from kdrep.data.datasets import DataError
from kdrep.data.near_misses import near_miss
from kdrep.data.reading import is_there
from kdrep.environment import setting, switch
from kdrep.files import ROOT

TITLES = {
    "mnist": "MNIST",
    "digits": "the Free Spoken Digit Dataset",
    "cifar10": "CIFAR-10",
    "cifar100": "CIFAR-100",
    "svhn": "SVHN",
    "speechcommands": "Speech Commands",
}


def folders(data_dir: str | Path | None = None) -> list[Path]:
    """Where data are looked for, in order: `data_dir` if given, else $KDREP_DATA, then data/.

    Raises DataError if what is named is a file, or $KDREP_DATA, into which nothing is downloaded, is nowhere.
    """
    if data_dir:
        data_dir = Path(data_dir).expanduser()
        if is_there(data_dir) and not data_dir.is_dir():
            raise DataError(f"data_dir: {data_dir} is a file; name the folder that holds the data, or is to hold them")
        return [data_dir]
    named = setting("KDREP_DATA")
    named = Path(named).expanduser() if named else None
    if named and not (is_there(named) and named.is_dir()):
        raise DataError(f"KDREP_DATA: {named} is no folder; name the one that holds the data, or unset the variable")
    return [place for place in (named, ROOT / "data") if place]


def obtain(name: str, places: list[Path], read: Callable, fetch: Callable | None, stand_in: Callable):
    """A data set, by its name in TITLES: from the first place that has it, else downloaded to the last one, else its
    stand-in.

    `read(folder)` gives None where nothing is; `fetch(folder)` downloads. DataError, for damaged files, goes through.
    What lies there in another form, or why nothing was downloaded, is warned of.
    """
    for place in places:
        if (there := read(place)) is not None:
            return there
    warn_of_near_miss(name, places)
    if fetch and not switch("KDREP_OFFLINE"):
        try:
            return fetch(places[-1])
        except DataError:
            raise
        except (OSError, RuntimeError, http.client.HTTPException) as error:
            warnings.warn(not_downloaded(name, error, places[-1]), stacklevel=3)
    return stand_in()


def warn_of_near_miss(name: str, places: list[Path]) -> None:
    """Warn of what lies at the places in another form than the one that is read, if anything does."""
    if near := near_miss(name, places):
        warnings.warn(f"{TITLES[name]} was not found, but {near}", stacklevel=4)


def not_downloaded(name: str, error: Exception, place: Path) -> str:
    """That a data set was not downloaded, why, what becomes of it and how to get it."""
    return (
        f"{TITLES[name]} was not downloaded ({type(error).__name__}: {error}); a stand-in takes its place. To get it, "
        "run `make data` with a network, set KDREP_DATA to a folder that has it, or put its files into "
        f"{place} as data/README.md says"
    )
