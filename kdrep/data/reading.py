"""Files of data sets, read so that whatever hinders it is said of the very file.

A file that may not be read is never called damaged, and nobody is told to delete it.
"""

import os
import shlex
from pathlib import Path

from kdrep.data.datasets import DataError


def is_there(path: Path) -> bool:
    """Whether there is such a file or folder. Raises DataError if this user may not look."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise hindered(path, error) from error
    return True


def names_in(folder: Path) -> list[str]:
    """What is in a folder, sorted, without hidden files; [] where there is none. Raises DataError if it is barred."""
    try:
        return sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise hindered(folder, error) from error


def read_bytes(path: Path) -> bytes:
    """The content of a file. Raises DataError that names it and says what hinders."""
    if os.path.isdir(path):
        raise DataError(f"{path}: a folder, where the publisher's file of that name is expected; put the file there")
    try:
        return path.read_bytes()
    except OSError as error:
        raise hindered(path, error) from error


def hindered(path: Path, error: OSError) -> DataError:
    """The error to raise of a path that the system does not give."""
    if isinstance(error, PermissionError):
        return barred(path)
    if isinstance(error, FileNotFoundError):
        return DataError(f"{path}: missing; copy the publisher's file there")
    return DataError(f"{path}: cannot be read ({error.strerror or error}); look after the disk, or copy it again")


def barred(path: Path) -> DataError:
    """The error to raise of a path that this user may not read: the outermost that bars the way, and what to do."""
    effective = os.access in os.supports_effective_ids
    closed = [p for p in path.absolute().parents if not os.access(p, os.X_OK, effective_ids=effective)]
    culprit = closed[-1] if closed else path
    rights = "a+x" if closed else "a+rx" if os.path.isdir(path) else "a+r"
    return DataError(
        f"{culprit}: may not be read by this user: change its permissions, e.g. as its owner with "
        f"`chmod {rights} {shlex.quote(str(culprit))}`"
    )


def remedy(folder: Path) -> str:
    """What to do about a missing or damaged file of a data set that has a folder of its own."""
    return f"copy the publisher's file there, or move {folder} away and run `make data`"
