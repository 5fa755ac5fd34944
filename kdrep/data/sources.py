"""Every data set by the name that settings and commands have for it."""

from kdrep.data.cifar import load_cifar10, load_cifar100
from kdrep.data.corpora import load_speech_commands, load_spoken_digits
from kdrep.data.mnist import load_mnist

LOADERS = {
    "mnist": load_mnist,
    "digits": load_spoken_digits,
    "cifar10": load_cifar10,
    "cifar100": load_cifar100,
    "speechcommands": load_speech_commands,
}
ON_REQUEST = ("speechcommands",)  # nobody looks for them unless a notebook is told to
