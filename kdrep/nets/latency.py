"""What a net costs: counts, and latency measured on this machine."""

import logging
from collections.abc import Mapping, Sequence

import pandas as pd
import torch

from kdrep.nets.mlp import multiplications, parameters
from kdrep.nets.population import Population

# The timer loads torch's compiler of extensions, which warns where CUDA's tools are there and no GPU is.
logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)

from torch.utils.benchmark import Timer  # noqa: E402


def milliseconds(net: torch.nn.Module, inputs: torch.Tensor, least: float = 0.5) -> float:
    """Median time of one forward pass of a batch, measured for at least `least` seconds."""
    net.eval()
    with torch.inference_mode():
        timer = Timer("net(inputs)", globals={"net": net, "inputs": inputs}, num_threads=torch.get_num_threads())
        return 1e3 * timer.blocked_autorange(min_run_time=least).median


def table(nets: Mapping[str, tuple[int, ...]], batches: Sequence[int], device: str = "cpu") -> pd.DataFrame:
    """Parameters, multiplications and latency of every net."""
    lines = {}
    for name, sizes in nets.items():
        lines[name] = {"parameters": parameters(sizes), "multiplications": multiplications(sizes)}
        net = Population(sizes, [0]).to(device)
        inputs = {batch: torch.rand(batch, sizes[0], device=device) for batch in batches}
        lines[name] |= {f"ms, batch {batch}": milliseconds(net, drawn) for batch, drawn in inputs.items()}
    return pd.DataFrame(lines).T
