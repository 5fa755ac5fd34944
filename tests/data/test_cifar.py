"""CIFAR and SVHN in the forms that are read; what becomes of damaged files."""

import io
import pickle

import numpy as np
import pytest
from made_up import complaint, declare

from kdrep.data import cifar
from kdrep.data.datasets import DataError


def test_arrays_and_pickled_files_are_the_same(tmp_path, arrays, batches):
    from_arrays = cifar.load_cifar100(tmp_path, download=False)
    for path in arrays.iterdir():
        path.unlink()
    from_batches = cifar.load_cifar100(tmp_path, download=False)
    assert from_arrays.real
    assert from_batches.real
    assert from_arrays.checksum == from_batches.checksum


def packed(array, **keywords):
    content = io.BytesIO()
    np.save(content, array, **keywords)
    return content.getvalue()


def zipped():
    content = io.BytesIO()
    np.savez(content, labels=np.zeros(20, np.uint8))
    return content.getvalue()


STRANGE = {
    "empty": b"",
    "cut in its head": packed(np.zeros(20, np.uint8))[:40],
    "cut": packed(np.zeros(20, np.uint8))[:-3],
    "a renamed archive": zipped(),
    "a cut archive": zipped()[:-30],
    "objects": packed(np.array([{}] * 20, dtype=object), allow_pickle=True),
    "a pickle": pickle.dumps([0] * 20),
    "not a number": packed(np.full(20, np.nan)),
    "other integers": packed(np.zeros(20, np.int64)),
    "too few": packed(np.zeros(19, np.uint8)),
    "a column": packed(np.zeros((20, 1), np.uint8)),
    "text": b"0 1 2 3\n",
    "other labels": packed(np.zeros(20, np.uint8)),
}


@pytest.mark.parametrize("what", STRANGE)
def test_strange_arrays_are_refused_by_name(tmp_path, arrays, what):
    path = arrays / "train-labels.npy"
    path.write_bytes(STRANGE[what])
    with pytest.raises(DataError) as caught:
        cifar.load_cifar100(tmp_path, download=False)
    assert str(caught.value).startswith(f"{path if what != 'other labels' else arrays}: ")
    assert "copy" in str(caught.value)
    assert "delete" not in str(caught.value)


def changed(content):
    """A file's content cut, or with one byte changed, at many places."""
    for place in (*range(0, 140, 7), *range(140, len(content), len(content) // 12)):
        yield content[:place]
        for bits in (1, 128, 255):
            yield content[:place] + bytes([content[place] ^ bits]) + content[place + 1 :]


@pytest.mark.parametrize("name", ["train-images.npy", "test-labels.npy"])
def test_arrays_damaged_anywhere_are_refused_or_harmless(tmp_path, arrays, name):
    path, checksum = arrays / name, cifar.load_cifar100(tmp_path, download=False).checksum
    for content in changed(path.read_bytes()):
        path.write_bytes(content)
        said = complaint(cifar.load_cifar100, tmp_path, download=False)
        if said is None:  # a blank in its head
            assert cifar.load_cifar100(tmp_path, download=False).checksum == checksum
        else:
            assert str(arrays) in said


def test_pickled_files_damaged_anywhere_are_refused(tmp_path, batches):
    path = batches / "test"
    for content in changed(path.read_bytes()):
        path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            cifar.load_cifar100(tmp_path, download=False)
        assert str(caught.value).startswith(f"{path}: truncated or damaged")
        assert f"move {batches} away" in str(caught.value)


class Trap:
    """What calls a function when it is unpickled."""

    def __reduce__(self):
        return exec, ("raise SystemExit",)


STRANGE_BATCHES = {
    "no pickle": b"nothing of the kind",
    "cut": pickle.dumps({"data": np.zeros((10, 3072), np.uint8), "fine_labels": [0] * 10})[:-9],
    "no table": pickle.dumps([1, 2, 3]),
    "no labels": pickle.dumps({"data": np.zeros((10, 3072), np.uint8)}),
    "no images": pickle.dumps({"labels": [0] * 10}),
    "fewer images": pickle.dumps({"data": np.zeros((9, 3072), np.uint8), "labels": [0] * 10}),
    "labels of text": pickle.dumps({"data": np.zeros((10, 3072), np.uint8), "labels": ["cat"] * 10}),
    "what is nowhere": b"cno_such_module\nnothing\n.",
}


@pytest.mark.parametrize("what", STRANGE_BATCHES)
def test_strange_pickled_files_are_refused_by_name(tmp_path, batches, monkeypatch, what):
    path = batches / "test"
    path.write_bytes(STRANGE_BATCHES[what])
    declare(monkeypatch, batches)
    with pytest.raises(DataError, match="not the publisher's images and labels") as caught:
        cifar.load_cifar100(tmp_path, download=False)
    assert str(caught.value).startswith(f"{path}: ")


def test_nothing_is_unpickled_before_it_is_verified(tmp_path, batches):
    (batches / "test").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(DataError, match="MD5"):
        cifar.load_cifar100(tmp_path, download=False)


@pytest.mark.parametrize("folder", ["arrays", "batches", "svhn"])
def test_of_a_missing_file_nothing_is_said_but_that(tmp_path, request, folder):
    path = sorted(request.getfixturevalue(folder).iterdir())[0]
    path.unlink()
    load = cifar.find_svhn if folder == "svhn" else cifar.load_cifar100
    with pytest.raises(DataError) as caught:
        load(tmp_path)
    assert str(caught.value).startswith(f"{path}: missing; copy the publisher's file there")


def test_svhn_damaged_anywhere_is_refused_by_name(tmp_path, svhn):
    assert cifar.find_svhn(tmp_path).real
    path = svhn / "train_32x32.mat"
    for content in changed(path.read_bytes()):
        path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            cifar.find_svhn(tmp_path)
        assert str(caught.value).startswith(f"{path}: ")
        assert "delete" not in str(caught.value)


def test_svhn_that_cannot_be_read_is_refused_by_name(tmp_path, svhn, monkeypatch):
    path = svhn / "train_32x32.mat"
    whole = path.read_bytes()
    monkeypatch.setattr(cifar, "published", lambda path, md5, cure: path.read_bytes())
    for content in changed(whole):
        path.write_bytes(content)
        said = complaint(cifar.find_svhn, tmp_path)
        assert said is None or said.startswith(f"{path}: not the publisher's")
