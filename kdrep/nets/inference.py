"""Trained nets: what they say, and what is kept of them."""

from collections.abc import Callable

import torch
from torch import nn


@torch.no_grad()
def predict(
    net: nn.Module,
    inputs: Callable[[torch.Tensor], torch.Tensor],
    index: torch.Tensor,
    precision: torch.dtype = torch.float32,
    batch: int = 1000,
) -> torch.Tensor:
    """Outputs (M, N, …) for the examples `index` (N,), in evaluation mode, as float32 on the CPU.

    `inputs` maps indices (B,) on the net's device to a batch of inputs.
    """
    training, device = net.training, next(net.parameters()).device
    net.eval()
    parts = []
    for part in index.to(device).split(batch):
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == torch.bfloat16):
            parts.append(net(inputs(part)).float().cpu())
    net.train(training)
    return torch.cat(parts, 1)


def weights_of(net: nn.Module) -> dict[str, torch.Tensor]:
    """A net's weights and running moments on the CPU, to be kept; nothing needs the number of batches (0-dim)."""
    plain = torch.contiguous_format
    return {name: v.cpu().clone(memory_format=plain) for name, v in net.state_dict().items() if v.dim()}
