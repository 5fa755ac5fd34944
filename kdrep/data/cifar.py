"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009): found, downloaded, verified, or stood in for."""

import hashlib
import io
import pickle
from functools import partial
from pathlib import Path

import numpy as np
import torch
from scipy.io import loadmat
from torchvision.datasets import CIFAR10, CIFAR100, SVHN

from kdrep.data.datasets import DataError, Dataset
from kdrep.data.download import downloading, fetch_from, put_in_place, unpack
from kdrep.data.find import TITLES, folders, obtain, warn_of_near_miss
from kdrep.data.reading import is_there, read_bytes, remedy

# SHA-256 over the training images and labels, then the test ones, sorted by class (within one, the publisher's order).
SHA256 = {
    "cifar10": "68bf8c061ea4b9629ee2065f09ce56e182209bfe130f8b1247f49bde0c1bff37",
    "cifar100": "a0b22880c24b458fd46f58c46631d93cdd18fc134707773870feb0c68c3e42b0",
}
SHAPES = {"train": (50_000, 32, 32, 3), "test": (10_000, 32, 32, 3)}
TORCHVISION = {"cifar10": (CIFAR10, "cifar-10-batches-py"), "cifar100": (CIFAR100, "cifar-100-python")}
ARCHIVE_BYTES = {"cifar10": 170_498_071, "cifar100": 169_001_437}
CLASS_COUNTS = {"cifar10": 10, "cifar100": 100}
STAND_IN = "embedded-textures"

# The publisher's 20 groups of five; the classes' labels are their places in alphabetical order.
GROUPS = (
    "beaver dolphin otter seal whale", "aquarium_fish flatfish ray shark trout", "orchid poppy rose sunflower tulip",
    "bottle bowl can cup plate", "apple mushroom orange pear sweet_pepper", "clock keyboard lamp telephone television",
    "bed chair couch table wardrobe", "bee beetle butterfly caterpillar cockroach", "bear leopard lion tiger wolf",
    "bridge castle house road skyscraper", "cloud forest mountain plain sea",
    "camel cattle chimpanzee elephant kangaroo", "fox porcupine possum raccoon skunk", "crab lobster snail spider worm",
    "baby boy girl man woman", "crocodile dinosaur lizard snake turtle", "hamster mouse rabbit shrew squirrel",
    "maple_tree oak_tree palm_tree pine_tree willow_tree", "bicycle bus motorcycle pickup_truck train",
    "lawn_mower rocket streetcar tank tractor",
)  # fmt: skip
CLASSES = tuple(sorted(name for group in GROUPS for name in group.split()))
GROUP_OF = tuple(next(i for i, group in enumerate(GROUPS) if name in group.split()) for name in CLASSES)


def load_cifar100(data_dir: str | Path | None = None, *, download: bool = True) -> Dataset:
    """CIFAR-100, fine labels, in a fixed random order; from disk, else downloaded, else a stand-in of 100 classes."""
    return load("cifar100", data_dir, download=download)


def load_cifar10(data_dir: str | Path | None = None, *, download: bool = True) -> Dataset:
    """CIFAR-10 in a fixed random order; from disk, else downloaded, else a stand-in of 10 classes."""
    return load("cifar10", data_dir, download=download)


def find_svhn(data_dir: str | Path | None = None) -> Dataset | None:
    """SVHN (Netzer et al. 2011), its training and test part, if torchvision has downloaded it to `svhn/`; else None.

    Raises DataError if one of its two files is damaged, barred or missing. Nothing is downloaded here; torchvision's
    SVHN does it, `download=True`. What lies there in another form is warned of.
    """
    places = folders(data_dir)
    for place in places:
        if any(is_there(place / "svhn" / SVHN.split_list[split][1]) for split in SHAPES):
            parts = {split: read_svhn(place / "svhn", split) for split in SHAPES}
            return shuffled("svhn", parts, real=True, origin="the publisher's files")
    warn_of_near_miss("svhn", places)
    return None


def read_svhn(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 32, 32, 3) and labels (n,) uint8 of one part, verified. Raises DataError that names the file."""
    _, name, md5 = SVHN.split_list[split]
    path = folder / name
    cure = (
        "copy the publisher's file there, or download it again: "
        f"`torchvision.datasets.SVHN({str(folder)!r}, {split!r}, download=True)`"
    )
    content = published(path, md5, cure)
    try:
        found = loadmat(io.BytesIO(content))
        images, labels = found["X"].transpose(3, 0, 1, 2), found["y"].reshape(-1).astype(np.uint8)
    except Exception as error:  # whatever reading strange bytes raises
        raise DataError(f"{path}: not the publisher's images and labels ({said(error)}); {cure}") from error
    return images, np.where(labels == 10, 0, labels).astype(np.uint8)  # the publisher's 10 is a nought


def load(name: str, data_dir: str | Path | None, *, download: bool) -> Dataset:
    """One of the two sets. Raises DataError if a file is there and damaged: it is never silently replaced."""
    fetch = partial(download_cifar, name) if download else None
    return obtain(name, folders(data_dir), partial(cifar_in, name), fetch, partial(textures, CLASS_COUNTS[name]))


def cifar_in(name: str, folder: Path) -> Dataset | None:
    """One of the two sets from a folder, as arrays or in torchvision's layout; None if no file of it is there."""
    kind, own_folder = TORCHVISION[name]
    if any(is_there(folder / name / f"{part}-{what}.npy") for part in SHAPES for what in ("images", "labels")):
        return verified(name, read_arrays(folder / name), "arrays of the publisher's images", str(folder / name))
    if any(is_there(folder / own_folder / file) for file, _ in kind.train_list + kind.test_list):
        return verified(name, read_torchvision(kind, folder), "the publisher's files", str(folder / own_folder))
    return None


def read_arrays(folder: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Images and labels of both parts from `{train,test}-{images,labels}.npy`."""
    return {
        part: (read_array(folder / f"{part}-images.npy", shape), read_array(folder / f"{part}-labels.npy", shape[:1]))
        for part, shape in SHAPES.items()
    }


def read_array(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """A uint8 array of this shape as `numpy.save` wrote it. Raises DataError that names the file if it is none."""
    cure = f"copy it again, or move {path.parent} away and run `make data`"
    content = read_bytes(path)
    try:
        array = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    except Exception as error:  # whatever reading strange bytes raises
        raise DataError(
            f"{path}: cannot be read as an array that `numpy.save` wrote ({said(error)}); {cure}"
        ) from error
    if array.shape != shape or array.dtype != np.uint8:
        raise DataError(f"{path}: {shape} uint8 is expected, not {array.shape} {array.dtype}; {cure}")
    return array


def read_torchvision(kind: type, folder: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Images and labels of both parts in torchvision's layout, its checksums verified."""
    parts = {}
    for part, files in (("train", kind.train_list), ("test", kind.test_list)):
        images, labels = zip(*(read_batch(folder / kind.base_folder / file, md5) for file, md5 in files), strict=True)
        parts[part] = np.concatenate(images), np.concatenate(labels)
    return parts


def read_batch(path: Path, md5: str) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 32, 32, 3) and labels (n,) uint8 of one pickled file. Raises DataError that names it.

    Nothing is unpickled before the MD5 has been verified.
    """
    content = published(path, md5, remedy(path.parent))
    try:
        batch = pickle.loads(content, encoding="latin1")
        labels = np.array(batch["labels"] if "labels" in batch else batch["fine_labels"], dtype=np.uint8)
        images = np.asarray(batch["data"]).reshape(*labels.shape, 3, 32, 32).transpose(0, 2, 3, 1)
    except Exception as error:  # whatever unpickling strange bytes raises
        raise DataError(
            f"{path}: not the publisher's images and labels ({said(error)}); {remedy(path.parent)}"
        ) from error
    return images, labels


def published(path: Path, md5: str, cure: str) -> bytes:
    """The content of a file, if it is the published one. Raises DataError that names it and says what to do."""
    content = read_bytes(path)
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
        raise DataError(
            f"{path}: truncated or damaged, its {len(content):,} bytes do not have the published MD5 {md5}; {cure}"
        )
    return content


def said(error: Exception) -> str:
    """What an exception says of itself, never nothing."""
    return str(error) or type(error).__name__


def download_cifar(name: str, folder: Path) -> Dataset:
    """Download the publisher's archive into `folder`: aside, verified, then renamed."""
    kind, own_folder = TORCHVISION[name]
    with downloading(TITLES[name], ARCHIVE_BYTES[name], folder) as (aside, count):
        fetch_from([kind.url], aside / kind.filename, count, ("md5", kind.tgz_md5))
        unpack(aside / kind.filename, aside)
        dataset = verified(name, read_torchvision(kind, aside), "the publisher's files", str(aside))
        put_in_place(aside / own_folder, folder / own_folder)
    return dataset


def verified(name: str, parts: dict[str, tuple[np.ndarray, np.ndarray]], origin: str, place: str) -> Dataset:
    """The data set, if its content is the published one, whatever the order within it."""
    ordered = {part: by_class(*arrays) for part, arrays in parts.items()}
    if content_sha256(ordered) != SHA256[name]:
        raise DataError(f"{place}: the images or labels are not the published ones; copy them again")
    return shuffled(name, ordered, real=True, origin=origin)


def by_class(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both, sorted by label, equals in the order in which they came."""
    order = np.argsort(labels, kind="stable")
    return images[order], labels[order]


def content_sha256(parts: dict[str, tuple[np.ndarray, np.ndarray]]) -> str:
    """SHA-256 over images and labels of the training and the test part."""
    digest = hashlib.sha256()
    for part in ("train", "test"):
        for array in parts[part]:
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def shuffled(name: str, parts: dict[str, tuple[np.ndarray, np.ndarray]], *, real: bool, origin: str) -> Dataset:
    """A Dataset in a fixed random order, so that any first part of it holds all classes."""
    tensors = []
    for part in ("train", "test"):
        images, labels = parts[part]
        order = np.random.default_rng(0).permutation(len(labels))
        tensors += [torch.from_numpy(images[order]), torch.from_numpy(labels[order].astype(np.int64))]
    return Dataset(name, *tensors, real=real, origin=origin)


def textures(classes: int, train: int = 40, test: int = 10) -> Dataset:
    """Stand-in that needs no network: waves, in groups of five classes of one colour that differ in wavelength only."""
    generator = np.random.default_rng(11)
    colours = generator.uniform(60, 200, (-(-classes // 5), 3))
    parts = {}
    for part, count in (("train", train), ("test", test)):
        labels = np.repeat(np.arange(classes), count)
        cycles = (1 + 2 * (labels % 5))[:, None] * generator.normal(1, 0.12, (len(labels), 1))
        phase = generator.uniform(0, 2 * np.pi, (len(labels), 1))
        waves = 45 * np.cos(2 * np.pi * cycles * np.arange(32) / 32 + phase)[:, :, None, None]
        images = colours[labels // 5][:, None, None] + waves + generator.normal(0, 25, (len(labels), 32, 32, 3))
        parts[part] = images.clip(0, 255).astype(np.uint8), labels.astype(np.uint8)
    return shuffled(f"{STAND_IN}-{classes}", parts, real=False, origin="a deterministic generator")
