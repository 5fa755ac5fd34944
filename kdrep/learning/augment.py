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
