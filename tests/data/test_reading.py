"""What merely may not be read is neither damaged nor to be deleted."""

import gzip
import os

import pytest

from kdrep.data import cifar, corpora, reading
from kdrep.data import mnist as mnist_files
from kdrep.data.datasets import DataError

CASES = {
    "MNIST": ("made", "MNIST/raw/t10k-labels-idx1-ubyte", mnist_files.load_mnist),
    "arrays": ("arrays", "cifar100/train-images.npy", cifar.load_cifar100),
    "batches": ("batches", "cifar-100-python/train", cifar.load_cifar100),
    "recordings": ("recordings", "fsdd/recordings/3_otto_1.wav", corpora.load_spoken_digits),
    "a recording of Speech Commands": (
        "commands", f"{corpora.COMMANDS}/nine/f2e9b6b7_nohash_0.wav", corpora.load_speech_commands
    ),
    "the list of Speech Commands": ("commands", f"{corpora.COMMANDS}/testing_list.txt", corpora.load_speech_commands),
    "SVHN": ("svhn", "svhn/test_32x32.mat", cifar.find_svhn),
}  # fmt: skip


def refusal(load, folder):
    """What is said of data that must be refused."""
    with pytest.raises(DataError) as caught:
        load(folder)
    said = str(caught.value)
    assert "may not be read by this user: change its permissions, e.g. as its owner with `chmod a+" in said
    for word in ("delete", "damaged", "missing", "expected", "move"):
        assert word not in said
    return said


@pytest.mark.parametrize("case", CASES)
def test_a_barred_file_is_a_matter_of_permissions(tmp_path, request, bar, case):
    fixture, name, load = CASES[case]
    request.getfixturevalue(fixture)
    bar(tmp_path / name)
    said = refusal(load, tmp_path)
    assert said.startswith(f"{tmp_path / name}: ")
    assert f"`chmod a+r {tmp_path / name}`" in said


@pytest.mark.parametrize("case", CASES)
def test_so_is_a_barred_folder(tmp_path, request, bar, case):
    fixture, name, load = CASES[case]
    request.getfixturevalue(fixture)
    folder = (tmp_path / name).parent
    bar(folder)
    assert refusal(load, tmp_path).startswith(f"{folder}: ")


def test_so_is_a_gzipped_file(made, bar):
    path = made / "MNIST" / "raw" / "t10k-labels-idx1-ubyte"
    packed = path.with_name(f"{path.name}.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    bar(packed)
    assert refusal(mnist_files.load_mnist, made).startswith(f"{packed}: ")


def test_so_is_the_folder_of_all_data(made, bar):
    bar(made)
    assert refusal(mnist_files.load_mnist, made).startswith(f"{made}: ")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may read everything")
def test_real_permissions_are_seen(made):
    path = made / "MNIST" / "raw" / "t10k-labels-idx1-ubyte"
    path.chmod(0)
    assert refusal(mnist_files.load_mnist, made).startswith(f"{path}: ")


def test_other_failures_of_the_disk_are_not_damage_either(tmp_path, monkeypatch):
    def failing(*arguments, **keywords):
        raise OSError(5, "Input/output error")

    path = tmp_path / "file"
    path.touch()
    monkeypatch.setattr("io.open", failing)
    with pytest.raises(DataError, match=r"file: cannot be read \(Input/output error\); look after the disk") as caught:
        reading.read_bytes(path)
    assert "delete" not in str(caught.value)


def test_a_folder_in_a_files_place_is_named(tmp_path):
    with pytest.raises(DataError, match="a folder, where the publisher's file of that name is expected"):
        reading.read_bytes(tmp_path)


@pytest.mark.parametrize("damaged", ["made", "batches"])
def test_one_damaged_set_does_not_put_another_at_risk(tmp_path, made, batches, damaged):
    path = made / "MNIST" / "raw" / "t10k-labels-idx1-ubyte" if damaged == "made" else batches / "train"
    own = made / "MNIST" if damaged == "made" else batches
    loads = [mnist_files.load_mnist, cifar.load_cifar100]
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError) as caught:
        loads.pop(0 if damaged == "made" else 1)(tmp_path, download=False)
    said = str(caught.value)
    assert said.startswith(f"{path}: truncated or damaged")
    assert said.endswith(f"copy the publisher's file there, or move {own} away and run `make data`")
    assert loads[0](tmp_path, download=False).real
