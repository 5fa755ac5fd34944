"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009): found, downloaded, verified, or stood in for."""

import hashlib
import os
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torchvision.datasets import CIFAR10, CIFAR100, SVHN

from kdrep.data.datasets import DataError, Dataset
from kdrep.data.find import folders, obtain, quick_to_give_up

# SHA-256 over the training images and labels, then the test ones, sorted by class (within one, the publisher's order).
SHA256 = {
    "cifar10": "68bf8c061ea4b9629ee2065f09ce56e182209bfe130f8b1247f49bde0c1bff37",
    "cifar100": "a0b22880c24b458fd46f58c46631d93cdd18fc134707773870feb0c68c3e42b0",
}
SHAPES = {"train": (50_000, 32, 32, 3), "test": (10_000, 32, 32, 3)}
TORCHVISION = {"cifar10": (CIFAR10, "cifar-10-batches-py"), "cifar100": (CIFAR100, "cifar-100-python")}
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

    Raises DataError if a file is damaged. Nothing is downloaded here; torchvision's SVHN does it, `download=True`.
    """
    for place in folders(data_dir):
        if (place / "svhn").is_dir():
            try:
                sets = {split: SVHN(place / "svhn", split) for split in SHAPES}
            except (OSError, RuntimeError, ValueError) as error:
                raise DataError(f"{place / 'svhn'}: {error}; delete the folder and download it again") from error
            parts = {s: (d.data.transpose(0, 2, 3, 1), d.labels.astype(np.uint8)) for s, d in sets.items()}
            return shuffled("svhn", parts, real=True, origin="the publisher's files")
    return None


def load(name: str, data_dir: str | Path | None, *, download: bool) -> Dataset:
    """One of the two sets. Raises DataError if a file is there and damaged: it is never silently replaced."""
    fetch = partial(download_cifar, name) if download else None
    return obtain(name, folders(data_dir), partial(cifar_in, name), fetch, partial(textures, CLASS_COUNTS[name]))


def cifar_in(name: str, folder: Path) -> Dataset | None:
    """One of the two sets from a folder, as arrays or in torchvision's layout; None if it is not there."""
    kind, own_folder = TORCHVISION[name]
    if (folder / name).is_dir():
        return verified(name, read_arrays(folder / name), "arrays of the publisher's images", str(folder / name))
    if (folder / own_folder).is_dir():
        return verified(name, read_torchvision(kind, folder), "the publisher's files", str(folder / own_folder))
    return None


def read_arrays(folder: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Images and labels of both parts from `{train,test}-{images,labels}.npy`."""
    parts = {}
    for part, shape in SHAPES.items():
        arrays = []
        for kind, wanted in (("images", shape), ("labels", shape[:1])):
            path = folder / f"{part}-{kind}.npy"
            try:
                array = np.load(path, allow_pickle=False)
            except (OSError, ValueError, EOFError) as error:
                raise DataError(f"{path}: cannot be read ({error}); copy it again") from error
            if array.shape != wanted or array.dtype != np.uint8:
                raise DataError(f"{path}: {wanted} uint8 is expected, not {array.shape} {array.dtype}; copy it again")
            arrays.append(array)
        parts[part] = tuple(arrays)
    return parts


def read_torchvision(kind: type, folder: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Images and labels of both parts in torchvision's layout, its checksums verified."""
    try:
        sets = {part: kind(folder, train=part == "train", download=False) for part in SHAPES}
    except (OSError, RuntimeError) as error:
        raise DataError(f"{folder}: {error}; delete the folder and run `make data`") from error
    return {part: (found.data, np.array(found.targets, dtype=np.uint8)) for part, found in sets.items()}


def download_cifar(name: str, folder: Path) -> Dataset:
    """Download with torchvision into `folder`: aside, verified, then renamed."""
    kind, own_folder = TORCHVISION[name]
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="download-") as aside, quick_to_give_up():
        kind(aside, download=True)
        try:
            dataset = verified(name, read_torchvision(kind, Path(aside)), "the publisher's files", aside)
        except DataError as error:
            raise OSError(f"what was downloaded is not the published {name}") from error
        if not (folder / own_folder).exists():
            os.replace(Path(aside) / own_folder, folder / own_folder)
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
