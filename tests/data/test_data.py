"""The data layer: real, damaged, missing, and stood in for."""

import gzip
import hashlib
import http.client
import json
import struct
import subprocess
import sys

import pytest
import torch

from kdrep.data import datasets
from kdrep.data import mnist as mnist_files
from kdrep.learning.augment import Jitter


def write_idx(folder, name, shape, content=None, *, compress=False):
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    count = 1
    for size in shape:
        count *= size
    header = bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}i", *shape)
    blob = header + (bytes(count) if content is None else content)
    (raw / (name + ".gz" * compress)).write_bytes(gzip.compress(blob) if compress else blob)


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Made-up files of MNIST, with their own checksums as the published ones, that a test may damage."""
    for name in mnist_files.MNIST_MD5:
        shape = (40, 28, 28) if "images" in name else (40,)
        most = 256 if "images" in name else 10
        values = torch.randint(most, shape, generator=torch.Generator().manual_seed(len(name)), dtype=torch.uint8)
        write_idx(tmp_path, name, shape, values.numpy().tobytes())
    raw = tmp_path / "MNIST" / "raw"
    sums = {name: hashlib.md5((raw / name).read_bytes()).hexdigest() for name in mnist_files.MNIST_MD5}
    monkeypatch.setattr(mnist_files, "MNIST_MD5", sums)
    return tmp_path


def test_real_mnist_is_whole(mnist):
    assert mnist.name == "mnist"
    assert mnist.train_images.shape == (60_000, 28, 28)
    assert mnist.test_labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_gzipped_files_do_as_well(made):
    plain = mnist_files.load_mnist(made, download=False)
    for path in list((made / "MNIST" / "raw").iterdir()):
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    packed = mnist_files.load_mnist(made, download=False)
    assert packed.real
    assert packed.checksum == plain.checksum


@pytest.mark.parametrize(
    "damage",
    ["truncated", "cut in its header", "one bit", "empty", "bad gzip", "damaged gzip", "missing", "wrong shape"],
)
def test_damaged_files_are_refused_by_name(made, damage):
    raw = made / "MNIST" / "raw"
    path = raw / "t10k-images-idx3-ubyte"
    content = bytearray(path.read_bytes())
    if damage == "truncated":
        path.write_bytes(content[:-100])
    elif damage == "cut in its header":
        path.write_bytes(content[:9])
    elif damage == "one bit":
        content[5000] ^= 1
        path.write_bytes(content)
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "bad gzip":
        path.unlink()
        path = path.with_name(path.name + ".gz")
        path.write_bytes(b"no gzip at all")
    elif damage == "damaged gzip":
        path.unlink()
        packed = bytearray(gzip.compress(bytes(content)))
        packed[2000:2100] = bytes(100)
        path = path.with_name(path.name + ".gz")
        path.write_bytes(packed)
    elif damage == "missing":
        path.unlink()
    else:
        write_idx(made, path.name, (10, 28, 28))
    before = {p.name: p.read_bytes() for p in raw.iterdir()}
    with pytest.raises(datasets.DataError, match="t10k-images-idx3-ubyte") as caught:
        mnist_files.load_mnist(made)
    assert "make data" in str(caught.value)
    assert {p.name: p.read_bytes() for p in raw.iterdir()} == before


def test_a_made_up_file_is_not_taken_for_mnist(tmp_path):
    write_idx(tmp_path, "train-images-idx3-ubyte", (5, 28, 28), compress=True)
    with pytest.raises(datasets.DataError, match="MD5"):
        mnist_files.load_mnist(tmp_path)


@pytest.mark.parametrize("error", [OSError("no network"), http.client.IncompleteRead(b"", 9)])
def test_offline_the_stand_in_is_announced(tmp_path, monkeypatch, error):
    def no_network(*arguments, **keywords):
        raise error

    monkeypatch.delenv("KDREP_OFFLINE", raising=False)
    monkeypatch.setattr(mnist_files, "MNIST", no_network)
    with pytest.warns(UserWarning, match="MNIST was not downloaded"):
        dataset = mnist_files.load_mnist(tmp_path)
    assert dataset.name == "embedded-digits"
    assert not dataset.real
    assert "STAND-IN" in datasets.describe(dataset)
    assert not [p for p in tmp_path.iterdir() if p.name.startswith("download-")]


def test_a_folder_that_is_none_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("KDREP_DATA", str(tmp_path / "misspelt"))
    with pytest.raises(datasets.DataError, match="KDREP_DATA: .*misspelt is no folder"):
        mnist_files.load_mnist()
    (tmp_path / "file").touch()
    with pytest.raises(datasets.DataError, match="data_dir: .*file is a file"):
        mnist_files.load_mnist(tmp_path / "file")


DOWNLOADER = """
import json, shutil, sys
from kdrep.data import mnist as mnist_files
mnist_files.MNIST_MD5 = json.loads(sys.argv[3])
mnist_files.MNIST = lambda folder, download: shutil.copytree(sys.argv[1], f"{folder}/MNIST")
print(mnist_files.load_mnist(sys.argv[2]).checksum)
"""


def test_a_download_is_verified_and_renamed_by_two_at_once(tmp_path, made, monkeypatch):
    monkeypatch.delenv("KDREP_OFFLINE", raising=False)
    target = tmp_path / "target"
    command = [sys.executable, "-c", DOWNLOADER, str(made / "MNIST"), str(target), json.dumps(mnist_files.MNIST_MD5)]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert {worker.communicate()[0].strip() for worker in workers} == {mnist_files.load_mnist(made).checksum}
    assert sorted(p.name for p in target.iterdir()) == ["MNIST"]


def test_the_stand_in_looks_like_mnist(digits):
    assert digits.train_images.shape[1:] == (28, 28)
    assert len(digits.train_labels) + len(digits.test_labels) == 1797
    assert digits.train_images.max() > 200
    assert digits.train_images[:, :4].sum() == 0


def test_wrong_shapes_are_refused(digits):
    with pytest.raises(datasets.DataError, match="train images must be"):
        datasets.Dataset("x", torch.zeros(3, 28), *[torch.zeros(3)] * 3, real=True, origin="")
    with pytest.raises(datasets.DataError, match="test images but labels"):
        datasets.Dataset(
            "x", digits.train_images, digits.train_labels, digits.test_images, digits.test_labels[1:], True, ""
        )


def test_a_slice_is_not_the_real_thing(digits):
    part = digits.head(10, 5)
    assert (len(part.train_labels), len(part.test_labels), part.real) == (10, 5, False)
    assert part.checksum != digits.checksum


def test_jitter_shifts_by_up_to_two_pixels(generator):
    images = torch.zeros(1, 28, 28, dtype=torch.uint8)
    images[0, 10, 20] = 255
    shifted = Jitter(images, 2, torch.float32)(torch.zeros(500, dtype=torch.long), generator).view(500, 28, 28)
    assert (shifted.flatten(1).sum(1) == 1).all()
    places = {tuple(place[1:].tolist()) for place in shifted.nonzero()}
    assert places == {(10 + dy, 20 + dx) for dy in range(-2, 3) for dx in range(-2, 3)}
