"""Files of which nobody sees half: written aside, renamed, read back."""

import contextlib
import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent  # of the repository


class StageError(RuntimeError):
    """A kept result cannot be read, or the code that would make one is not what its key says; the message names the
    file."""


@contextlib.contextmanager
def aside(path: Path) -> Iterator[Path]:
    """A file to write beside `path`, whose place it takes at the end; interrupted, it leaves nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_aside(path: Path, text: str) -> None:
    """Write a text file, of which nobody reads half."""
    with aside(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def save(content: dict, path: Path) -> None:
    """torch.save, of which nobody sees half a file."""
    with aside(path) as part:
        torch.save(content, part)


def load(path: Path) -> dict:
    """What `save` wrote, on the CPU. Raises StageError if it cannot be read."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise StageError(f"{path}: cannot be read ({error}); delete it, and it is computed again") from error
