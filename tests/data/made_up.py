"""What the tests of data write: idx and WAV files, and CIFAR's checksums."""

import hashlib
import struct
import wave

import numpy as np

from kdrep.data import cifar
from kdrep.data.datasets import DataError


def idx(values):
    """An array as the idx format has it."""
    return bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}i", *values.shape) + values.tobytes()


def write_wave(path, samples, rate=8000, channels=1, width=2):
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(np.asarray(samples).astype({1: np.uint8, 2: "<i2"}[width]).tobytes())
    return path


def tone(count=4000, rate=8000, pitch=440):
    return (8000 * np.sin(2 * np.pi * pitch * np.arange(count) / rate)).astype(np.int16)


def declare(monkeypatch, folder):
    """Take the files of a folder for those of CIFAR-100 that torchvision expects."""
    for part in ("train", "test"):
        md5 = hashlib.md5((folder / part).read_bytes()).hexdigest()
        monkeypatch.setattr(cifar.CIFAR100, f"{part}_list", [[part, md5]])


def complaint(function, *arguments, **keywords):
    """What is said of the data that a function reads, None if nothing is wrong with them."""
    try:
        function(*arguments, **keywords)
    except DataError as error:
        return str(error)
