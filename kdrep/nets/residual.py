"""Residual convnets for small images, as single networks in the shape of a population of one."""

import torch
import torch.nn.functional as F
from torch import nn

from kdrep.nets.inference import weights_of


class Block(nn.Module):
    """Two 3 x 3 convolutions with batch normalisation, and a shortcut (He et al. 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(outputs) for _ in range(2))
        self.stride = stride
        self.shortcut = None
        if stride != 1 or inputs != outputs:
            # Without a stride of its own: oneDNN's gradient of a 1 x 1 convolution with a stride writes beyond its
            # memory on processors without AVX-512, in float32 and with fewer than eight channels.
            self.shortcut = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Feature maps (B, outputs, H / stride, W / stride)."""
        hidden = F.relu(self.norms[0](self.first(images)))
        skipped = images if self.shortcut is None else self.shortcut(images[..., :: self.stride, :: self.stride])
        return F.relu(self.norms[1](self.second(hidden)) + skipped)


class ResidualNet(nn.Module):
    """Convolution to widths[0], then a block for each further width, at half the size from the second on; the mean
    over the map, and a linear layer. The convolution's map is halved by max pooling (`pool`) or by its own stride.

    Logits have shape (1, B, classes), those of a population of one: the training loop knows no other. `seed`
    draws the initial weights.
    """

    def __init__(self, widths: tuple[int, ...], classes: int, seed: int, pool: bool = True):
        super().__init__()
        if len(widths) < 2 or min(widths) < 1 or classes < 2:
            raise ValueError(f"widths, classes: two widths and two classes at least, not {widths} and {classes}")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.stem = nn.Conv2d(3, widths[0], 3, 1 if pool else 2, 1, bias=False)
            self.norm = nn.BatchNorm2d(widths[0])
            self.pool = pool
            pairs = zip(widths, widths[1:], strict=False)
            self.blocks = nn.Sequential(*[Block(a, b, 1 if i == 0 else 2) for i, (a, b) in enumerate(pairs)])
            self.head = nn.Linear(widths[-1], classes)
            for module in self.modules():
                if isinstance(module, nn.Conv2d):
                    nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        self.generators: list[torch.Generator] = []
        self.to(memory_format=torch.channels_last)

    def __len__(self) -> int:
        return 1

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (1, B, classes) of images (B, 3, H, W)."""
        return self.head(self.features(images)).float()[None]

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """The mean feature vector (B, widths[-1]) of each image."""
        hidden = F.relu(self.norm(self.stem(images)))
        hidden = F.max_pool2d(hidden, 2) if self.pool else hidden
        return self.blocks(hidden).mean((2, 3))


def load_weights(net: ResidualNet, weights: dict) -> None:
    """Start from these weights. Raises ValueError if one is missing or has another shape."""
    own = weights_of(net)
    bad = [name for name in own if own[name].shape != weights.get(name, torch.empty(0)).shape]
    if bad:
        raise ValueError(f"start: {bad[0]} does not fit; the net to start from must have the same widths and classes")
    net.load_state_dict(net.state_dict() | {name: weights[name] for name in own})
