"""The data layer: real, damaged, missing, and stood in for."""

import gzip

import numpy as np
import pytest
import torch
from made_up import idx

from kdrep.data import datasets
from kdrep.data import mnist as mnist_files
from kdrep.learning.augment import Jitter


def test_real_mnist_is_whole(mnist):
    assert mnist.name == "mnist"
    assert mnist.train_images.shape == (60_000, 28, 28)
    assert mnist.test_labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@pytest.mark.parametrize("form", ["gzipped", "with a dot", "gzipped, with a plain name", "plain, named as gzipped"])
def test_other_forms_do_as_well(made, form):
    plain = mnist_files.load_mnist(made, download=False)
    for path in list((made / "MNIST" / "raw").iterdir()):
        content = path.read_bytes()
        path.unlink()
        name = path.name.replace("-idx", ".idx") if form == "with a dot" else path.name
        name += ".gz" if form.endswith("gzipped") else ""
        path.with_name(name).write_bytes(gzip.compress(content) if form.startswith("gzipped") else content)
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
        path.write_bytes(idx(np.zeros((10, 28, 28), np.uint8)))
    before = {p.name: p.read_bytes() for p in raw.iterdir()}
    with pytest.raises(datasets.DataError, match="t10k-images-idx3-ubyte") as caught:
        mnist_files.load_mnist(made)
    assert f"move {made / 'MNIST'} away and run `make data`" in str(caught.value)
    assert "delete" not in str(caught.value)
    assert {p.name: p.read_bytes() for p in raw.iterdir()} == before


def test_a_made_up_file_is_not_taken_for_mnist(tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(np.zeros((5, 28, 28), np.uint8))))
    with pytest.raises(datasets.DataError, match="MD5"):
        mnist_files.load_mnist(tmp_path)


def test_a_folder_that_is_none_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("KDREP_DATA", str(tmp_path / "misspelt"))
    with pytest.raises(datasets.DataError, match="KDREP_DATA: .*misspelt is no folder"):
        mnist_files.load_mnist()
    (tmp_path / "file").touch()
    with pytest.raises(datasets.DataError, match="data_dir: .*file is a file"):
        mnist_files.load_mnist(tmp_path / "file")


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
