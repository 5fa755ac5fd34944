"""Inputs and their augmentation as batched tensor operations on the device."""

import torch
import torch.nn.functional as F


class Jitter:
    """Shifts every image by up to `pixels` in each direction, zeros coming in at the edge.

    Called with (B,) indices and a generator, gives (B, H * W) inputs in [0, 1]
    (Hinton et al. 2015, section 3: "jittered by up to two pixels in any direction").
    """

    def __init__(self, images: torch.Tensor, pixels: int, dtype: torch.dtype):
        height, width = images.shape[1:]
        padded = F.pad(images, [pixels] * 4)
        self.windows = padded.unfold(1, height, 1).unfold(2, width, 1)
        self.choices = 2 * pixels + 1
        self.dtype = dtype

    def __call__(self, index: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """A batch of shifted images."""
        shift = torch.randint(self.choices, (2, len(index)), device=index.device, generator=generator)
        return self.windows[index, shift[0], shift[1]].flatten(1).to(self.dtype).div_(255)


class Crops:
    """Colour images, each padded by `pad` black pixels, cropped to its size at a random place, and mirrored or not.

    Called with (B,) indices and a generator, gives (B, 3, H, W), normalised by the mean and deviation (3,) of each
    colour, channels last in memory. Without a generator, or with `pad` 0, the images as they are.
    """

    def __init__(self, images: torch.Tensor, mean: torch.Tensor, deviation: torch.Tensor, pad: int, dtype: torch.dtype):
        height, width = images.shape[1:3]
        self.plain = images.permute(0, 3, 1, 2)
        self.windows = F.pad(self.plain, [pad] * 4).unfold(2, height, 1).unfold(3, width, 1) if pad else None
        self.places = 2 * pad + 1
        self.mean, self.deviation, self.dtype = (255 * mean).view(3, 1, 1), (255 * deviation).view(3, 1, 1), dtype

    def __call__(self, index: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """A batch of images."""
        if self.windows is None or generator is None:
            return self.normalised(self.plain[index])
        random = dict(device=index.device, generator=generator)
        down, across = torch.randint(self.places, (2, len(index)), **random)
        images = self.windows[index, :, down, across]
        mirrored = torch.randint(2, (len(index), 1, 1, 1), **random).bool()
        return self.normalised(torch.where(mirrored, images.flip(-1), images))

    def normalised(self, images: torch.Tensor) -> torch.Tensor:
        """Bytes (B, 3, H, W) as inputs of a net."""
        scaled = (images.float() - self.mean) / self.deviation
        return scaled.to(self.dtype, memory_format=torch.channels_last)
