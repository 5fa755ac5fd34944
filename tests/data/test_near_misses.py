"""Data that lie there under a usual other name or in another form are not simply not found."""

import pytest

from kdrep.data import cifar, corpora
from kdrep.data import mnist as mnist_files
from kdrep.data.datasets import DataError
from kdrep.data.near_misses import FORMS, LAYOUTS, near_miss

V2 = "SpeechCommands/speech_commands_v0.02"
# The set, what lies there, and what is said of it.
MISSES = [
    ("mnist", "train-images-idx3-ubyte", "outside of their folder; move all four to {place}/MNIST/raw/"),
    ("mnist", "train-images.idx3-ubyte", "outside of their folder"),
    ("mnist", "t10k-labels-idx1-ubyte.gz", "outside of their folder"),
    ("mnist", "MNIST/train-images-idx3-ubyte.gz", "without their folder raw; move all four to {place}/MNIST/raw/"),
    ("mnist", "mnist/train-images.idx3-ubyte", "under another name; move all four"),
    ("mnist", "mnist/raw/train-images-idx3-ubyte", "under another name"),
    ("mnist", "MNIST/raw/train-images-idx3-ubyte/train-images-idx3-ubyte", "one folder too deep; move all four"),
    ("mnist", "mnist.npz", "Keras' form of MNIST, which is not read; put the publisher's four idx files"),
    ("mnist", "mnist/mnist.npz", "Keras' form"),
    ("mnist", "MNIST.zip", "an archive that is not read"),
    ("mnist", "MNIST/processed/training.pt", "an old torchvision"),
    ("mnist", "data/MNIST/raw/train-images-idx3-ubyte", "one folder too deep; .* or name {place}/data"),
    ("cifar10", "cifar-10-python.tar.gz", "`tar -xzf {place}/cifar-10-python.tar.gz -C {place}`"),
    ("cifar10", "cifar10/cifar-10-python.tar.gz", "not unpacked; unpack it"),
    ("cifar10", "cifar-10-batches-bin/data_batch_1.bin", "the binary version; the version for Python is read"),
    ("cifar10", "cifar-10-binary.tar.gz", "the archive of the binary version"),
    ("cifar10", "cifar-10-batches-mat/data_batch_1.mat", "the version for MATLAB"),
    ("cifar10", "cifar-10-python/cifar-10-batches-py/data_batch_1", "one folder too deep; move it to {place}, or name"),
    ("cifar10", "cifar10/cifar-10-batches-py/data_batch_1", "one folder too deep"),
    ("cifar10", "cifar-10-batches-py/readme.html", "a folder without the publisher's files"),
    ("cifar100", "cifar-100-python.tar.gz", "not unpacked"),
    ("cifar100", "cifar-100-binary/train.bin", "the binary version; .* get cifar-100-python.tar.gz"),
    ("cifar100", "cifar-100-matlab/train.mat", "the version for MATLAB"),
    ("cifar100", "cifar-100-python/cifar-100-python/train", "one folder too deep"),
    ("digits", "free-spoken-digit-dataset-1.0.10/recordings/0_theo_0.wav", "move its wav files to {place}/fsdd/"),
    ("digits", "free-spoken-digit-dataset/recordings/0_theo_0.wav", "under another name"),
    ("digits", "fsdd/free-spoken-digit-dataset-1.0.10/recordings/0_theo_0.wav", "under another name"),
    ("digits", "v1.0.10.tar.gz", "not unpacked"),
    ("digits", "free-spoken-digit-dataset-1.0.10.zip", "not unpacked"),
    ("digits", "fsdd/v1.0.10.tar.gz", "not unpacked"),
    ("digits", "recordings/0_theo_0.wav", "outside of the folder fsdd; move {place}/recordings to {place}/fsdd/"),
    ("digits", "0_theo_0.wav", "outside of their folder; move all to {place}/fsdd/recordings/"),
    ("digits", "fsdd/0_theo_0.wav", "without their folder recordings"),
    ("digits", "FSDD/recordings/0_theo_0.wav", "under another name"),
    ("digits", "fsdd/recordings/README", "a folder without recordings; .* named {{digit}}_{{speaker}}_{{take}}.wav"),
    ("digits", "audio/fsdd/recordings/0_theo_0.wav", "one folder too deep"),
    ("svhn", "svhn/train_32x32.mat", "only one of the two files; put test_32x32.mat"),
    ("svhn", "svhn/test_32x32.mat", "only one of the two files; put train_32x32.mat"),
    ("svhn", "train_32x32.mat", "outside of its folder; move it and the other one to {place}/svhn/"),
    ("svhn", "SVHN/train_32x32.mat", "under another name"),
    ("svhn", "svhn/train.tar.gz", "full-size images, which are not read; the cropped images are read"),
    ("svhn", "svhn/train/digitStruct.mat", "full-size images"),
    ("speechcommands", "speech_commands_v0.02.tar.gz", "not unpacked; unpack it: `mkdir -p {place}/" + V2),
    ("speechcommands", "SpeechCommands/speech_commands_v0.02.tar.gz", "not unpacked"),
    ("speechcommands", f"{V2}/speech_commands_v0.02.tar.gz", "not unpacked"),
    ("speechcommands", f"{V2}/zero/a_nohash_0.wav", "without the publisher's testing_list.txt; .* to {place}/"),
    ("speechcommands", "SpeechCommands/speech_commands_v0.01/zero/a_nohash_0.wav", "version 0.02 is read"),
    ("speechcommands", "speech_commands_v0.02/zero/a_nohash_0.wav", "a word's folder at another place; move"),
    ("speechcommands", "SpeechCommands/zero/a_nohash_0.wav", "a word's folder at another place"),
    ("speechcommands", "zero/a_nohash_0.wav", "a word's folder at another place"),
    ("speechcommands", "speech_commands_test_set_v0.02.tar.gz", "the publisher's test set alone"),
]  # fmt: skip
LOADERS = {
    "mnist": mnist_files.load_mnist,
    "cifar10": cifar.load_cifar10,
    "cifar100": cifar.load_cifar100,
    "digits": corpora.load_spoken_digits,
}


def put(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"something")


@pytest.mark.parametrize(("name", "lies", "said"), MISSES, ids=[f"{n}-{lies}" for n, lies, _ in MISSES])
def test_what_lies_there_is_said_and_what_to_do(tmp_path, name, lies, said):
    put(tmp_path / lies)
    near = near_miss(name, [tmp_path / "nothing here", tmp_path])
    assert near.startswith(str(tmp_path / lies.split("/")[0]))
    for part in said.format(place=tmp_path).split(".* "):
        assert part in near
    others = [other for other in FORMS if other != name and near_miss(other, [tmp_path])]
    assert not others
    if name in LOADERS:
        with pytest.warns(UserWarning, match=" was not found, but "):
            assert not LOADERS[name](tmp_path, download=False).real


@pytest.mark.parametrize("name", FORMS)
def test_where_nothing_lies_nothing_is_said(tmp_path, name):
    assert near_miss(name, [tmp_path, tmp_path / "nothing here"]) is None


@pytest.mark.parametrize(
    ("name", "layout", "named"),
    [
        ("mnist", "MNIST/raw/train-images-idx3-ubyte", "MNIST"),
        ("mnist", "MNIST/raw/train-images-idx3-ubyte", "MNIST/raw"),
        ("cifar10", "cifar-10-batches-py/data_batch_1", "cifar-10-batches-py"),
        ("cifar10", "cifar10/train-images.npy", "cifar10"),
        ("cifar100", "cifar-100-python/train", "cifar-100-python"),
        ("digits", "fsdd/recordings/0_theo_0.wav", "fsdd"),
        ("digits", "fsdd/recordings/0_theo_0.wav", "fsdd/recordings"),
        ("svhn", "svhn/train_32x32.mat", "svhn"),
        ("speechcommands", f"{V2}/testing_list.txt", V2),
    ],
)
def test_a_place_that_is_the_set_itself_is_said_to_be(tmp_path, name, layout, named):
    put(tmp_path / layout)
    said = f"this is the data set itself; name the folder that holds it, {tmp_path} (KDREP_DATA)"
    assert said in near_miss(name, [tmp_path / named])


def test_svhn_says_it_too(tmp_path):
    put(tmp_path / "svhn" / "train.tar.gz")
    with pytest.warns(UserWarning, match=r"SVHN was not found, but .*train\.tar\.gz: SVHN's full-size images"):
        assert cifar.find_svhn(tmp_path) is None


def test_speech_commands_say_it_too(tmp_path, commands):
    (commands / "testing_list.txt").unlink()
    for download in (False, True):  # nothing is downloaded over what is there
        with pytest.raises(DataError, match="no Speech Commands here, but .*without the publisher's testing_list.txt"):
            corpora.load_speech_commands(tmp_path, download=download)


def test_paths_with_blanks_are_quoted_in_commands(tmp_path):
    place = tmp_path / "my data"
    put(place / "cifar-10-python.tar.gz")
    assert f"`tar -xzf '{place}/cifar-10-python.tar.gz' -C '{place}'`" in near_miss("cifar10", [place])


def test_every_set_has_layouts_and_forms():
    assert list(LAYOUTS) == list(FORMS)
