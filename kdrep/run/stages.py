"""Stages: named computations whose results are kept under a key made of all their inputs."""

import ast
import contextlib
import dataclasses
import functools
import hashlib
import inspect
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.util import resolve_name
from pathlib import Path

import torch
from threadpoolctl import threadpool_limits

from kdrep.files import ROOT, StageError, load, save
from kdrep.learning.progress import report

PACKAGE = ROOT / "kdrep"
AT_START = {path: path.read_bytes() for path in PACKAGE.rglob("*.py") if path.is_file()}  # what this process runs
# Keep results, and say how far they are; what these are does not depend on them.
OWN_FILES = ("run/stages.py", "files.py", "learning/progress.py")
# Threads of whatever has the machine for itself, on every machine: with another number sums are taken in another order,
# and their last bits are others.
THREADS = 2
ONE_AT_A_TIME = threading.RLock()


def run_stage(folder: Path, name: str, function: Callable, *, threads: int = THREADS, **inputs) -> dict:
    """The result of `function(**inputs)`: read from `folder` if it was computed before, else computed and kept.

    The key is made of the inputs, of the code that `function` depends on and of the number of threads, so whatever
    changes one of them is computed again. A function that takes `checkpoint` gets a path at which to keep its state,
    so that a killed run goes on there; one that takes `label` gets the stage's name. The result is a dict of tensors
    and plain values; `seconds`, what it took, is added unless the function says it, and `wall`, what all of it took.
    """
    path = stage_path(folder, name, function, inputs, threads)
    keep(path, name, function, inputs, threads)
    return load(path)


def keep(path: Path, name: str, function: Callable, inputs: dict, threads: int, code: str | None = None) -> None:
    """Compute a stage and keep its result, unless it is kept already; `code` as for `compute`."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        checkpoint = path.with_suffix(".checkpoint")
        save(compute(name, function, inputs, threads, checkpoint, code), path)
        checkpoint.unlink(missing_ok=True)


def stage_path(folder: Path, name: str, function: Callable, inputs: dict, threads: int) -> Path:
    """Where the result of a stage is kept."""
    key = stage_key(function, inputs, threads)
    return folder / f"{name.replace(' ', '-').replace('/', '-')}-{key[:16]}.pt"


def compute(
    name: str, function: Callable, inputs: dict, threads: int, checkpoint: Path | None, code: str | None = None
) -> dict:
    """The result of a stage's function on so many threads, with the seconds that it took. Raises StageError if this
    process runs other code for it than `code`, which whoever asked for it has."""
    if code and code != fingerprint_at_start(function):
        raise StageError(f"{name}: this worker runs another version of kdrep than the notebook: start it again")
    extra = {"checkpoint": checkpoint, "label": name}
    wanted = inspect.signature(function).parameters
    start = time.perf_counter()
    report(name, 0, 1)
    with on_threads(threads):
        result = function(**inputs, **{k: v for k, v in extra.items() if k in wanted})
    wall = time.perf_counter() - start
    report(name, 1, 1)
    return {"seconds": wall, **result, "wall": wall}


@contextlib.contextmanager
def on_threads(count: int) -> Iterator[None]:
    """Within it, torch and the libraries under numpy take so many threads; one job of a process at a time, for these
    numbers are the whole process's."""
    before = torch.get_num_threads()
    with ONE_AT_A_TIME, threadpool_limits(count):
        torch.set_num_threads(count)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def stage_key(function: Callable, inputs: dict, threads: int) -> str:
    """SHA-256 over the function, the code it depends on, torch's version, the inputs and the number of threads."""
    code = [function.__module__, function.__qualname__, function_code(function), torch.__version__.split("+")[0]]
    content = [*code, canonical(inputs), threads]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def canonical(value):
    """A JSON value that is equal for equal inputs. Raises TypeError for what has no such form."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, torch.Tensor):
        content = value.detach().cpu().contiguous()
        return [
            str(content.dtype),
            list(content.shape),
            hashlib.sha256(content.reshape(-1).view(torch.uint8).numpy().tobytes()).hexdigest(),
        ]
    if isinstance(value, torch.dtype | torch.device | Path):
        return str(value)
    if hasattr(value, "checksum"):
        return value.checksum
    if dataclasses.is_dataclass(value):
        return [type(value).__name__, {f.name: canonical(getattr(value, f.name)) for f in dataclasses.fields(value)}]
    if isinstance(value, dict):
        return {str(k): canonical(v) for k, v in value.items()}
    if isinstance(value, list | tuple | range):
        return [canonical(v) for v in value]
    raise TypeError(f"a stage's inputs must be plain values, tensors or dataclasses, not {type(value).__name__}")


def function_code(function: Callable) -> str:
    """Fingerprint of the code that a function depends on: from outside kdrep, its own text and all of kdrep.

    Raises StageError if a file has changed since this process began: what runs here is then not what lies there.
    """
    files, own = files_of(function)
    for path in dependencies(files):
        if path.read_bytes() != AT_START.get(path):
            raise StageError(
                f"kdrep/{inside(path)} has changed since this kernel started, and runs here as it was: restart the "
                "kernel (or give the same command again); what is finished is kept"
            )
    return code_fingerprint(files, own, OWN_FILES)


def fingerprint_at_start(function: Callable) -> str | None:
    """The same, None if the files have changed since: what this process runs is then not known to be that."""
    try:
        return function_code(function)
    except StageError:
        return None


def files_of(function: Callable) -> tuple[list[Path], str]:
    """The files of kdrep that a function depends on directly, and its own text if it is none of kdrep's."""
    name = function.__module__
    if name.startswith("kdrep."):
        return files_named(name), ""
    return sorted(AT_START), inspect.getsource(function)


def code_fingerprint(files: list[Path], extra: str = "", without: Sequence[str] = ()) -> str:
    """SHA-256 over some files of kdrep, all files of kdrep that these import but those named and what is imported
    through those alone, and `extra`."""
    digest = hashlib.sha256(extra.encode())
    for path in dependencies(files, without):
        # A clone with another system's line ends is the same code.
        digest.update(inside(path).encode() + b"\0" + path.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()


def inside(path: Path) -> str:
    """A file's place in kdrep, the same on every system: run/stages.py."""
    return path.relative_to(PACKAGE).as_posix()


def dependencies(files: list[Path], without: Sequence[str] = ()) -> list[Path]:
    """The files and, transitively, the files of kdrep that they import, sorted by name; `without` are not followed."""
    found, queue = set(), list(files)
    while queue:
        path = queue.pop()
        if path not in found and inside(path) not in without:
            found.add(path)
            folder = path.parent.relative_to(PACKAGE).parts
            queue += imports_of(path.read_text(encoding="utf-8"), ".".join(("kdrep", *folder)))
    return sorted(found)


@functools.cache
def imports_of(source: str, package: str = "kdrep") -> list[Path]:
    """The files of kdrep that a piece of Python imports directly; `package` is what its relative imports start from."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            module = resolve_name("." * node.level + (node.module or ""), package)
            names += [module, *(f"{module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return sorted({path for name in names for path in files_named(name)})


def files_named(name: str) -> list[Path]:
    """The file of a module of kdrep, and those of the packages that hold it, which run when it is imported; empty for
    what is none. The package's own __init__.py, which says the version, is left out."""
    top, *parts = name.split(".")
    places = [PACKAGE.joinpath(*parts[: i + 1]) for i in range(len(parts))] if top == "kdrep" else []
    return [file for place in places for file in (place / "__init__.py", place.with_suffix(".py")) if file.is_file()]
