"""Residual nets, crops, and CIFAR's layouts."""

import hashlib

import numpy as np
import pytest
import torch
from scipy.io import savemat

from kdrep.data import cifar
from kdrep.data.datasets import DataError
from kdrep.experiments.specialists import vision
from kdrep.learning.augment import Crops
from kdrep.learning.training import Recipe
from kdrep.nets.residual import ResidualNet, load_weights


def test_crops_equal_a_naive_loop():
    images = torch.randint(0, 256, (6, 8, 8, 3), dtype=torch.uint8)
    mean, deviation = torch.tensor([0.5, 0.4, 0.3]), torch.tensor([0.2, 0.3, 0.1])
    index = torch.tensor([5, 0, 3])
    found = Crops(images, mean, deviation, 2, torch.float32)(index, torch.Generator().manual_seed(4))
    generator = torch.Generator().manual_seed(4)
    down, across = torch.randint(5, (2, 3), generator=generator)
    mirrored = torch.randint(2, (3, 1, 1, 1), generator=generator).flatten()
    for i in range(3):
        padded = np.pad(images[index[i]].numpy(), ((2, 2), (2, 2), (0, 0)))
        crop = padded[down[i] : down[i] + 8, across[i] : across[i] + 8]
        crop = crop[:, ::-1] if mirrored[i] else crop
        expected = (crop / 255 - mean.numpy()) / deviation.numpy()
        np.testing.assert_allclose(found[i].permute(1, 2, 0), expected, atol=1e-5)


def test_without_a_generator_images_stay_as_they_are():
    images = torch.randint(0, 256, (4, 8, 8, 3), dtype=torch.uint8)
    plain = Crops(images, torch.zeros(3), torch.ones(3), 4, torch.float32)(torch.arange(4))
    torch.testing.assert_close(plain, images.permute(0, 3, 1, 2) / 255)


def test_moments_are_those_of_all_pixels():
    images = torch.randint(0, 256, (5, 4, 6, 3), dtype=torch.uint8)
    mean, deviation = vision.moments(images)
    pixels = images.flatten(0, 2).double() / 255
    torch.testing.assert_close(mean.double(), pixels.mean(0), atol=1e-6, rtol=0)
    torch.testing.assert_close(deviation.double(), pixels.std(0, correction=0), atol=1e-6, rtol=0)


def test_a_net_learns_the_stand_in_and_hands_its_weights_on():
    dataset = cifar.textures(10)
    net, views = vision.make_net(dict(widths=(8, 12, 16)), 10, 0), vision.views(dataset, "cpu", torch.float32)
    recipe = Recipe(epochs=12, batch_size=32, learning_rate=5e-3)
    training = vision.fit(net, views.train, dataset.train_labels, recipe, examples=vision.fitting(dataset))
    assert training.losses[-1] < 0.7 * training.losses[0]
    logits = vision.predict(net, views.test)
    assert (logits.argmax(1) == dataset.test_labels).float().mean() > 0.5
    other = ResidualNet((8, 12, 16), 10, 9)
    load_weights(other, net.state_dict())
    assert torch.equal(vision.predict(other, views.test), logits)
    for widths, classes in (((4, 12, 16), 10), ((8, 12, 16), 4)):
        with pytest.raises(ValueError, match="same widths and classes"):
            load_weights(ResidualNet(widths, classes, 9), net.state_dict())


def test_held_out_images_are_not_trained_on():
    dataset = cifar.textures(10)
    both = torch.cat([vision.fitting(dataset), vision.held_out(dataset)])
    assert torch.equal(both, torch.arange(len(dataset.train_labels)))


def test_groups_hold_every_class_once():
    assert len(cifar.CLASSES) == 100 == len(set(cifar.CLASSES))
    assert cifar.CLASSES[0] == "apple"
    assert cifar.CLASSES[-1] == "worm"
    assert sorted(set(cifar.GROUP_OF)) == list(range(20))


def small_arrays(folder, monkeypatch):
    """A made set of 20 + 10 images in the layout of arrays, declared to be the published one."""
    monkeypatch.setattr(cifar, "SHAPES", {"train": (20, 32, 32, 3), "test": (10, 32, 32, 3)})
    generator, parts = np.random.default_rng(0), {}
    (folder / "cifar100").mkdir()
    for part, shape in cifar.SHAPES.items():
        parts[part] = (
            generator.integers(256, size=shape, dtype=np.uint8),
            generator.integers(9, size=shape[0], dtype=np.uint8),
        )
        for kind, array in zip(("images", "labels"), parts[part], strict=True):
            np.save(folder / "cifar100" / f"{part}-{kind}.npy", array)
    digest = cifar.content_sha256({part: cifar.by_class(*arrays) for part, arrays in parts.items()})
    monkeypatch.setitem(cifar.SHA256, "cifar100", digest)
    return parts


def test_arrays_are_read_shuffled_and_verified(tmp_path, monkeypatch):
    parts = small_arrays(tmp_path, monkeypatch)
    dataset = cifar.load_cifar100(tmp_path)
    assert dataset.real
    assert sorted(dataset.train_labels.tolist()) == sorted(parts["train"][1].tolist())
    wanted = {image.tobytes(): int(label) for image, label in zip(*parts["test"], strict=True)}
    found = {i.numpy().tobytes(): int(n) for i, n in zip(dataset.test_images, dataset.test_labels, strict=True)}
    assert found == wanted
    labels = np.load(tmp_path / "cifar100" / "train-labels.npy")
    np.save(tmp_path / "cifar100" / "train-labels.npy", (labels + 1) % 9)
    with pytest.raises(DataError, match="not the published ones"):
        cifar.load_cifar100(tmp_path)


def test_truncated_and_misshapen_arrays_are_refused(tmp_path, monkeypatch):
    small_arrays(tmp_path, monkeypatch)
    path = tmp_path / "cifar100" / "train-images.npy"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"train-images\.npy: cannot be read"):
        cifar.load_cifar100(tmp_path)
    np.save(path, np.zeros((20, 3, 32, 32), dtype=np.uint8))
    with pytest.raises(DataError, match=r"train-images\.npy: \(20, 32, 32, 3\) uint8 is expected"):
        cifar.load_cifar100(tmp_path)
    path.unlink()
    with pytest.raises(DataError, match=r"train-images\.npy"):
        cifar.load_cifar100(tmp_path)


def test_the_stand_in_is_labelled(tmp_path):
    dataset = cifar.load_cifar100(tmp_path, download=False)
    assert not dataset.real
    assert dataset.name == "embedded-textures-100"
    assert dataset.checksum == cifar.textures(100).checksum


def test_svhn_is_found_where_torchvision_puts_it(tmp_path, monkeypatch):
    assert cifar.find_svhn(tmp_path) is None
    (tmp_path / "svhn").mkdir()
    drawn, listed = {}, {}
    for split, count in (("train", 20), ("test", 10)):
        generator = np.random.default_rng(count)
        images, labels = generator.integers(0, 256, (32, 32, 3, count), np.uint8), generator.permutation(count) % 10 + 1
        path = tmp_path / "svhn" / f"{split}_32x32.mat"
        savemat(path, {"X": images, "y": labels[:, None].astype(np.uint8)})
        drawn[split], listed[split] = (images, labels), ["", path.name, hashlib.md5(path.read_bytes()).hexdigest()]
    monkeypatch.setattr(cifar.SVHN, "split_list", listed)
    found = cifar.find_svhn(tmp_path)
    assert (found.name, found.real, len(found.train_labels), len(found.test_labels)) == ("svhn", True, 20, 10)
    images, labels = drawn["test"]
    for image, label in zip(found.test_images, found.test_labels.tolist(), strict=True):
        (same,) = [i for i in range(10) if np.array_equal(images[..., i], image.numpy())]
        assert labels[same] % 10 == label  # the publisher's 10 is a nought
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(DataError, match=r"svhn.test_32x32\.mat: truncated or damaged"):
        cifar.find_svhn(tmp_path)
