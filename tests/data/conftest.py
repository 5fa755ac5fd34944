"""Small made-up data sets that pass for the published ones, which a test may damage."""

import builtins
import contextlib
import hashlib
import io
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from made_up import declare, idx, tone, write_wave
from scipy.io import savemat

from kdrep.data import cifar, corpora
from kdrep.data import mnist as mnist_files

SPEAKERS = ("anna", "otto")


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A folder with all four files of MNIST."""
    generator, sums = np.random.default_rng(0), {}
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in mnist_files.MNIST_MD5:
        shape, most = ((40, 28, 28), 256) if "images" in name else ((40,), 10)
        (raw / name).write_bytes(idx(generator.integers(most, size=shape, dtype=np.uint8)))
        sums[name] = hashlib.md5((raw / name).read_bytes()).hexdigest()
    monkeypatch.setattr(mnist_files, "MNIST_MD5", sums)
    return tmp_path


@pytest.fixture
def colours(monkeypatch):
    """Images and labels of both parts, declared to be CIFAR-100."""
    generator = np.random.default_rng(0)
    monkeypatch.setattr(cifar, "SHAPES", {"train": (20, 32, 32, 3), "test": (10, 32, 32, 3)})
    parts = {
        part: (
            generator.integers(256, size=shape, dtype=np.uint8),
            generator.integers(9, size=shape[0], dtype=np.uint8),
        )
        for part, shape in cifar.SHAPES.items()
    }
    digest = cifar.content_sha256({part: cifar.by_class(*arrays) for part, arrays in parts.items()})
    monkeypatch.setitem(cifar.SHA256, "cifar100", digest)
    return parts


@pytest.fixture
def arrays(tmp_path, colours):
    """The folder of CIFAR-100 as arrays."""
    folder = tmp_path / "cifar100"
    folder.mkdir()
    for part, pair in colours.items():
        for what, array in zip(("images", "labels"), pair, strict=True):
            np.save(folder / f"{part}-{what}.npy", array)
    return folder


@pytest.fixture
def batches(tmp_path, colours, monkeypatch):
    """The folder of CIFAR-100 as the publisher pickled it."""
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    for part, (images, labels) in colours.items():
        batch = {"data": images.transpose(0, 3, 1, 2).reshape(len(images), -1), "fine_labels": labels.tolist()}
        (folder / part).write_bytes(pickle.dumps(batch))
    declare(monkeypatch, folder)
    return folder


@pytest.fixture
def svhn(tmp_path, monkeypatch):
    """The folder of SVHN."""
    folder, listed = tmp_path / "svhn", {}
    folder.mkdir()
    for split, count in (("train", 20), ("test", 10)):
        images = np.random.default_rng(count).integers(0, 256, (32, 32, 3, count), np.uint8)
        path = folder / f"{split}_32x32.mat"
        savemat(path, {"X": images, "y": (np.arange(count) % 10 + 1)[:, None].astype(np.uint8)})
        listed[split] = ["", path.name, hashlib.md5(path.read_bytes()).hexdigest()]
    monkeypatch.setattr(cifar.SVHN, "split_list", listed)
    return folder


@pytest.fixture
def recordings(tmp_path, monkeypatch):
    """The folder of the Free Spoken Digit Dataset: two speakers, six takes."""
    folder, digest = tmp_path / "fsdd" / "recordings", hashlib.sha256()
    names = sorted(f"{digit}_{name}_{take}.wav" for digit in range(10) for name in SPEAKERS for take in range(6))
    for i, name in enumerate(names):
        write_wave(folder / name, tone(pitch=200 + i))
        digest.update(name.encode() + tone(pitch=200 + i).tobytes())
    monkeypatch.setattr(corpora, "FSDD_NAMES", set(names))
    monkeypatch.setattr(corpora, "FSDD_SHA256", digest.hexdigest())
    return folder


@pytest.fixture
def commands(tmp_path):
    """The folder of Speech Commands: one recording each of two speakers, one of whom is for tests."""
    root = tmp_path / corpora.COMMANDS
    for word in ("zero", "nine", "bird"):
        for speaker in ("0a7c2a8d", "f2e9b6b7"):
            write_wave(root / word / f"{speaker}_nohash_0.wav", tone(16000, 16000), rate=16000)
    (root / "testing_list.txt").write_text("".join(f"{w}/f2e9b6b7_nohash_0.wav\n" for w in ("bird", "nine", "zero")))
    return root


@pytest.fixture
def bar(monkeypatch):
    """A function that makes a file unreadable, or closes a folder, even for the superuser."""

    def bar(barred):
        def refusing(function, within_only=False):
            def refuse(path, *arguments, **keywords):
                with contextlib.suppress(TypeError):  # a file's number
                    if barred in Path(path).parents or (barred == Path(path) and not within_only):
                        raise PermissionError(13, "Permission denied", str(path))
                return function(path, *arguments, **keywords)

            return refuse

        opening = refusing(builtins.open)
        monkeypatch.setattr(builtins, "open", opening)
        monkeypatch.setattr(io, "open", opening)
        for name in ("listdir", "scandir"):
            monkeypatch.setattr(os, name, refusing(getattr(os, name)))
        monkeypatch.setattr(os, "stat", refusing(os.stat, within_only=True))
        monkeypatch.setattr(os, "access", lambda path, mode, **_: barred not in (Path(path), *Path(path).parents))

    return bar
