"""Downloads: shown while they run, given up when the host falls silent, and nothing left of what was broken off."""

import contextlib
import hashlib
import http.client
import os
import sys
import tarfile
import tempfile
import urllib.request
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from kdrep.data.datasets import DataError
from kdrep.files import ROOT

DOWNLOAD_TIMEOUT = 5  # seconds without an answer, or without a byte more, until a host is given up
CHUNK = 2**16
AGENT = {"User-Agent": "kdrep"}


@contextlib.contextmanager
def downloading(title: str, size: int, folder: Path) -> Iterator[tuple[Path, Callable[[int], object]]]:
    """Within it, a folder beside the data to download into, gone afterwards, and what counts the bytes that came.

    `size` is that of the download in bytes, about. What does not stand the checks made within it raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="download-") as aside, progress(title, size, folder) as count:
        try:
            yield Path(aside), count
        except (DataError, tarfile.TarError, zlib.error, EOFError, ValueError) as error:
            raise OSError(f"what was downloaded is not the published {title}") from error


@contextlib.contextmanager
def progress(title: str, size: int, folder: Path) -> Iterator[Callable[[int], object]]:
    """Shows a download on stderr: as a bar on a terminal, else in a line when it begins and one when it ends."""
    if sys.stderr.isatty():
        with tqdm(total=size, desc=title, unit="B", unit_scale=True, file=sys.stderr) as bar:
            yield bar.update
        return
    place = f"{folder.relative_to(ROOT)}/" if folder.is_relative_to(ROOT) else folder
    say(f"downloading {title}, {size / 1e6:,.0f} MB, to {place} ...")
    try:
        yield lambda count: None
    except BaseException:
        say(f"downloading {title} failed")
        raise
    say(f"downloaded {title}, verified")


def say(line: str) -> None:
    """One line on stderr, now."""
    print(line, file=sys.stderr, flush=True)


def fetch_from(
    urls: Sequence[str], path: Path, count: Callable[[int], object], checksum: tuple[str, str] | None = None
):
    """Write to `path` what the first of the addresses gives that gives it whole, with the (algorithm, checksum).

    Raises OSError that says what came of each address.
    """
    failures = []
    for url in urls:
        try:
            digest = copy(url, path, count, checksum[0] if checksum else "md5")
        except (OSError, http.client.HTTPException, ValueError) as error:
            failures.append(f"{url}: {reason(error)}")
            continue
        if checksum is None or digest == checksum[1]:
            return
        failures.append(f"{url}: what it gave is not the published file")
    raise OSError("; ".join(failures))


def copy(url: str, path: Path, count: Callable[[int], object], algorithm: str) -> str:
    """Write what an address gives to `path`, and return its checksum. Raises OSError if less comes than announced."""
    digest, size = hashlib.new(algorithm, usedforsecurity=False), 0
    request = urllib.request.Request(url, headers=AGENT)
    with urllib.request.urlopen(request, timeout=DOWNLOAD_TIMEOUT) as answer, path.open("wb", encoding=None) as file:
        announced = answer.headers.get("Content-Length")
        while chunk := answer.read1(CHUNK):
            file.write(chunk)
            digest.update(chunk)
            size += len(chunk)
            count(len(chunk))
    if announced and size != int(announced):
        raise OSError(f"broke off after {size:,} of {int(announced):,} bytes")
    return digest.hexdigest()


def reason(error: Exception) -> str:
    """Why an address gave nothing, in words."""
    if isinstance(error, TimeoutError) or isinstance(getattr(error, "reason", None), TimeoutError):
        return f"no answer for {DOWNLOAD_TIMEOUT} seconds"
    return str(error) or type(error).__name__


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a tar archive, and delete it."""
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    archive.unlink()


def put_in_place(source: Path, target: Path) -> None:
    """Rename a downloaded folder: as a whole, or file by file into one that holds something already.

    Another process may do the same at the same time.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.replace(source, target)
    except OSError:
        for path in source.iterdir():
            os.replace(path, target / path.name)
