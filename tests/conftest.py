"""Fixtures that more than one test file uses."""

import pytest
import torch

from kdrep.data import datasets
from kdrep.data.mnist import embedded_digits, load_mnist


@pytest.fixture(scope="session")
def digits() -> datasets.Dataset:
    """The embedded stand-in: small, and always there."""
    return embedded_digits()


@pytest.fixture(scope="session")
def mnist() -> datasets.Dataset:
    """The real MNIST, or a skip that says how to get it."""
    dataset = load_mnist(download=False)
    if not dataset.real:
        pytest.skip("the real MNIST is not here: set KDREP_DATA or run `make data`")
    return dataset


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)
