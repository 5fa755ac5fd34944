"""A mixture of experts with a learnt gate, the contrast of Hinton et al. 2015, section 7."""

from collections.abc import Callable

import torch
from torch import nn

from kdrep.nets.residual import ResidualNet, load_weights

SPREAD = 0.1  # of each weight's standard deviation: experts that begin equal would stay equal


class Mixture(nn.Module):
    """Experts and a gate of one shape: p(y | x) = sum over m of gate_m(x) p_m(y | x) (Jacobs et al. 1991).

    All begin with the weights `start`, the experts with a little noise of their own. Gives log p (1, B, classes), whose
    softmax is p: the training loop takes it for logits.
    """

    def __init__(self, shape: dict, classes: int, experts: int, seed: int, start: dict):
        super().__init__()
        if experts < 2:
            raise ValueError(f"experts: a mixture needs at least two, not {experts}")
        generator = torch.Generator().manual_seed(seed)
        self.gate = ResidualNet(**shape, classes=experts, seed=seed)
        head = {name: value for name, value in self.gate.state_dict().items() if name.startswith("head.")}
        self.gate.load_state_dict(self.gate.state_dict() | start | head)
        self.experts = nn.ModuleList(ResidualNet(**shape, classes=classes, seed=seed) for _ in range(experts))
        for expert in self.experts:
            load_weights(expert, start)
            with torch.no_grad():
                for weight in (p for p in expert.parameters() if p.dim() > 1):
                    weight += SPREAD * weight.std() * torch.randn(weight.shape, generator=generator)
        self.generators: list[torch.Generator] = []

    def __len__(self) -> int:
        return 1

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Log probabilities (1, B, classes) of images (B, 3, H, W)."""
        answers = torch.cat([expert(images) for expert in self.experts]).log_softmax(-1)
        shares = self.gate(images)[0].log_softmax(-1)
        return (answers + shares.T[:, :, None]).logsumexp(0)[None]


def coupling(loss: Callable[[], torch.Tensor], watched: nn.Module, changed: nn.Module, share: float = 0.1) -> float:
    """How much the gradient of `loss` in one net's weights depends on another net's weights: the gradient's relative
    change when all weights of `changed` grow by a share. Zero: the two can train apart. The weights are put back."""

    def gradient() -> torch.Tensor:
        return torch.cat([g.flatten() for g in torch.autograd.grad(loss(), list(watched.parameters()))])

    before = gradient()
    kept = [weight.detach().clone() for weight in changed.parameters()]
    try:
        with torch.no_grad():
            for weight in changed.parameters():
                weight *= 1 + share
        after = gradient()
    finally:
        with torch.no_grad():
            for weight, old in zip(changed.parameters(), kept, strict=True):
                weight.copy_(old)
    return float((after - before).norm() / before.norm())
