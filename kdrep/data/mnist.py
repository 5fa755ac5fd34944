"""MNIST (LeCun et al. 1998): found, downloaded, verified, or stood in for."""

import gzip
import hashlib
import os
import zlib
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits

from kdrep.data.datasets import DataError, Dataset
from kdrep.data.download import downloading, fetch_from, put_in_place
from kdrep.data.find import folders, obtain
from kdrep.data.reading import is_there, read_bytes, remedy

MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/")  # torchvision's
MNIST_BYTES = 11_594_722  # of the four files, packed
MNIST_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
GZIP = b"\x1f\x8b"  # how gzipped files begin
STAND_IN = "embedded-digits"


def load_mnist(data_dir: str | Path | None = None, *, download: bool = True) -> Dataset:
    """MNIST from disk, else downloaded, else the embedded stand-in (scikit-learn's 8 x 8 digits).

    Raises DataError if a file is there and damaged: it is never silently replaced.
    """
    fetch = download_mnist if download else None
    return obtain("mnist", folders(data_dir), mnist_in, fetch, embedded_digits)


def mnist_in(folder: Path) -> Dataset | None:
    """MNIST if any of its files is in a folder, else None."""
    return read_mnist(folder) if any(source(folder, name) for name in MNIST_MD5) else None


def source(folder: Path, name: str) -> Path | None:
    """The idx file `name` of MNIST under `folder`, plain or gzipped, or as mirrors name it, with a dot."""
    for spelling in (name, name.replace("-idx", ".idx")):
        for candidate in (folder / "MNIST" / "raw" / spelling, folder / "MNIST" / "raw" / f"{spelling}.gz"):
            if is_there(candidate) and not os.path.isdir(candidate):
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
    path, cure = source(folder, name), remedy(folder / "MNIST")
    if path is None:
        raise DataError(f"{folder / 'MNIST' / 'raw' / name}: missing, though other files of MNIST are there; {cure}")
    content = plain(path, cure)
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != MNIST_MD5[name]:
        raise DataError(
            f"{path}: truncated or damaged, its {len(content):,} bytes do not have the published MD5 "
            f"{MNIST_MD5[name]}; {cure}"
        )
    header = 4 + 4 * content[3]  # the fourth byte is the number of dimensions, whose sizes follow
    shape = np.frombuffer(content[4:header], dtype=">i4")
    return np.frombuffer(content[header:], dtype=np.uint8).reshape(shape).copy()


def plain(path: Path, cure: str) -> bytes:
    """The content of a file, unpacked if it is gzipped, whatever its name says. Raises DataError if it is damaged."""
    content = read_bytes(path)
    try:
        return gzip.decompress(content) if content.startswith(GZIP) else content
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: truncated or damaged, it cannot be unpacked ({error}); {cure}") from error


def download_mnist(folder: Path) -> Dataset:
    """Download MNIST into `folder`: aside, verified, then renamed."""
    with downloading("MNIST", MNIST_BYTES, folder) as (aside, count):
        raw = aside / "MNIST" / "raw"
        raw.mkdir(parents=True)
        for name in MNIST_MD5:
            fetch_from([f"{mirror}{name}.gz" for mirror in MIRRORS], aside / name, count)
            (raw / name).write_bytes(plain(aside / name, ""))
        dataset = read_mnist(aside)
        put_in_place(raw, folder / "MNIST" / "raw")
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
