"""A trained net for deployment: weights as safetensors, the graph by torch.export."""

import copy
import warnings
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

WEIGHTS, GRAPH = "weights.safetensors", "graph.pt2"


def save_for_deployment(net: nn.Module, example: torch.Tensor, folder: Path) -> None:
    """Write a net's weights and its graph, for batches of any size, into a folder; `example` is a batch of two or more.

    Raises ValueError for a batch of one, from which the graph cannot tell that the size may change.
    """
    if len(example) < 2:
        raise ValueError(f"example: a batch of two or more is needed, not {len(example)}")
    folder.mkdir(parents=True, exist_ok=True)
    net = copy.deepcopy(net).cpu().eval()
    plain = {n: v.detach().clone(memory_format=torch.contiguous_format) for n, v in net.state_dict().items()}
    batch = torch.export.Dim("batch", min=1)
    graph = torch.export.export(net, (example.cpu(),), dynamic_shapes=({0: batch},))
    save_file(plain, folder / WEIGHTS)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No complete tensor found in the group")  # views of one storage are meant
        torch.export.save(graph, folder / GRAPH)


def load_weights(net: nn.Module, folder: Path) -> nn.Module:
    """The net with the weights that `save_for_deployment` wrote, in evaluation mode."""
    net.load_state_dict(load_file(folder / WEIGHTS))
    return net.eval()


def load_graph(folder: Path) -> nn.Module:
    """The graph that `save_for_deployment` wrote, as a module that needs no code of ours."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given buffer is not writable")  # nobody writes into it
        return torch.export.load(folder / GRAPH).module()
