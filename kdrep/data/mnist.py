"""Data sets: found, downloaded, verified, or stood in for."""

import gzip
import hashlib
import os
import tempfile
import zlib
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torchvision.datasets import MNIST

from kdrep.data.datasets import DataError, Dataset
from kdrep.data.find import folders, obtain, quick_to_give_up

MNIST_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
STAND_IN = "embedded-digits"


def load_mnist(data_dir: str | Path | None = None, *, download: bool = True) -> Dataset:
    """MNIST from disk, else downloaded, else the embedded stand-in (scikit-learn's 8 x 8 digits).

    Raises DataError if a file is there and damaged: it is never silently replaced.
    """
    fetch = download_mnist if download else None
    return obtain("MNIST", folders(data_dir), mnist_in, fetch, embedded_digits)


def mnist_in(folder: Path) -> Dataset | None:
    """MNIST if any of its files is in a folder, else None."""
    return read_mnist(folder) if any(source(folder, name) for name in MNIST_MD5) else None


def source(folder: Path, name: str) -> Path | None:
    """The idx file `name` of MNIST under `folder`, plain or gzipped."""
    for candidate in (folder / "MNIST" / "raw" / name, folder / "MNIST" / "raw" / f"{name}.gz"):
        if candidate.exists():
            return candidate
    return None


def read_mnist(folder: Path) -> Dataset:
    """MNIST in the publisher's layout under `folder`, every file checked against the published MD5."""
    arrays = [torch.from_numpy(read_idx(folder, name)) for name in MNIST_MD5]
    train_images, train_labels, test_images, test_labels = arrays
    return Dataset(
        "mnist", train_images, train_labels.long(), test_images, test_labels.long(), True, "the publisher's files"
    )


def read_idx(folder: Path, name: str) -> np.ndarray:
    """Array of one idx file. Raises DataError if it is missing, truncated, or not the published one."""
    path = source(folder, name)
    remedy = "delete it and run `make data`, or copy the publisher's file there"
    if path is None:
        raise DataError(
            f"{folder / 'MNIST' / 'raw' / name}: missing, though other files of MNIST are there; "
            "delete them and run `make data`"
        )
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error}); {remedy}") from error
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != MNIST_MD5[name]:
        raise DataError(
            f"{path}: truncated or damaged, its {len(content):,} bytes do not have the published MD5 "
            f"{MNIST_MD5[name]}; {remedy}"
        )
    header = 4 + 4 * content[3]  # the fourth byte is the number of dimensions, whose sizes follow
    shape = np.frombuffer(content[4:header], dtype=">i4")
    return np.frombuffer(content[header:], dtype=np.uint8).reshape(shape).copy()


def download_mnist(folder: Path) -> Dataset:
    """Download MNIST with torchvision into `folder`: aside, verified, then renamed file by file."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="download-") as aside, quick_to_give_up():
        MNIST(aside, download=True)
        try:
            dataset = read_mnist(Path(aside))
        except DataError as error:
            raise OSError("what was downloaded is not the published MNIST") from error
        target = folder / "MNIST" / "raw"
        target.mkdir(parents=True, exist_ok=True)
        for name in MNIST_MD5:
            os.replace(source(Path(aside), name), target / name)
    return dataset


def embedded_digits() -> Dataset:
    """Stand-in that needs no network: scikit-learn's 1,797 digits, 8 x 8, brought to 28 x 28 like MNIST's.

    Every fifth image is a test image.
    """
    bunch = load_digits()
    small = torch.from_numpy(bunch.images).float()[:, None] * (255 / 16)
    large = F.interpolate(small, size=(20, 20), mode="bilinear", align_corners=False)
    images = F.pad(large, [4] * 4).squeeze(1).round().to(torch.uint8)
    labels = torch.from_numpy(bunch.target).long()
    test = torch.arange(len(labels)) % 5 == 0
    return Dataset(
        STAND_IN, images[~test], labels[~test], images[test], labels[test], False, "scikit-learn's bundled digits"
    )
