"""A device that only pretends to be elsewhere: its tensors compute on the CPU but, as a GPU's, refuse to meet others.

So what would fail on a GPU because something was left behind fails without one too, and what the CPU waits for is
counted. It shows neither a GPU's rounding nor its memory or speed, and knows float32 alone.
"""

import contextlib
from collections.abc import Iterator, Sequence
from unittest import mock

import torch
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

NAME = "pretended"
MOVES = ("aten._to_copy.default", "aten.copy_.default")  # what may meet tensors of both devices
INDEXED = ("aten.index.Tensor", "aten.index_put.default", "aten.index_put_.default")  # by CPU indices as well
SIZED_BY_VALUES = ("aten.nonzero.default", "aten.masked_select.default", "aten._unique2.default")


class Module(backend_registration._DummyBackendModule):
    """What torch asks of a device's module."""

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return []


class Elsewhere(torch.Tensor):
    """A CPU tensor that says it is on the pretended device."""

    @staticmethod
    def __new__(cls, inner: torch.Tensor):
        made = torch.Tensor._make_wrapper_subclass(
            cls, inner.size(), inner.stride(), inner.storage_offset(), dtype=inner.dtype, device=f"{NAME}:0"
        )
        made.inner = inner
        return made

    def __repr__(self) -> str:
        return f"Elsewhere({self.inner})"

    @classmethod
    def __torch_dispatch__(cls, function, types, arguments=(), options=None):
        return compute(function, arguments, options or {})


class Generator(torch.Generator):
    """A generator that belongs to one of the devices, and draws on the CPU."""

    owners: dict[int, torch.device] = {}  # torch hands on generators, but not as the objects that were made

    def __new__(cls, device: str | torch.device = "cpu"):
        made = super().__new__(cls)
        cls.owners[made._cdata] = torch.device(device)
        return made

    @property
    def device(self) -> torch.device:
        return self.owners[self._cdata]


class Dispatch(TorchDispatchMode):
    """Sees to it that tensors are made where they were asked for; `waits` counts what the CPU has waited for."""

    waits = 0

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        if Elsewhere not in types and not (options and {"device", "generator"} & options.keys()):
            return function(*arguments, **(options or {}))
        found = compute(function, arguments, options or {})
        self.waits += waited(str(function), tree_leaves((arguments, options)), tree_leaves(found))
        return found


def compute(function, arguments: tuple, options: dict):
    """What an operation gives, computed on the CPU, on the device where a GPU would leave it."""
    name, leaves = str(function), tree_leaves((arguments, options))
    check_met(name, arguments, leaves)
    target = destination(name, arguments, options)
    check_generator(name, options.get("generator"), target)
    if options.get("device") is not None:
        options = options | {"device": torch.device("cpu")}
    inner = tree_map(lambda leaf: leaf.inner if isinstance(leaf, Elsewhere) else leaf, (arguments, options))
    found = function(*inner[0], **inner[1])
    if target != NAME:
        return found
    same = {id(leaf.inner): leaf for leaf in leaves if isinstance(leaf, Elsewhere)}  # what works in place
    return tree_map(lambda leaf: same[id(leaf)] if id(leaf) in same else there(leaf), found)


def check_met(name: str, arguments: tuple, leaves: Sequence) -> None:
    """Raise RuntimeError where a GPU would: tensors of both devices in one operation (single numbers may travel)."""
    here = [leaf for leaf in leaves if is_here(leaf) and leaf.dim()]
    if name in INDEXED and isinstance(arguments[0], Elsewhere):
        here = [leaf for leaf in here if leaf.is_floating_point()]
    if here and name not in MOVES and any(isinstance(leaf, Elsewhere) for leaf in leaves):
        shapes = ", ".join(str(tuple(leaf.shape)) for leaf in here)
        raise RuntimeError(f"{name}: some tensors are on the device, and others on the CPU: {shapes}")


def check_generator(name: str, generator: torch.Generator | None, target: str) -> None:
    """Raise RuntimeError if one device's numbers are drawn with the other's generator."""
    if generator is not None and (owner := Generator.owners[generator._cdata].type) != target:
        raise RuntimeError(f"{name}: draws on the device {target} with a generator of {owner}")


def destination(name: str, arguments: tuple, options: dict) -> str:
    """The device of what an operation gives."""
    if options.get("device") is not None:
        return torch.device(options["device"]).type
    decisive = arguments[:1] if name == "aten.copy_.default" else (arguments, options)
    return NAME if any(isinstance(leaf, Elsewhere) for leaf in tree_leaves(decisive)) else "cpu"


def waited(name: str, given: Sequence, found: Sequence) -> bool:
    """Whether the CPU goes on only when this is done: what goes to the device or comes from it, or has a size to be
    known."""
    far = [leaf for leaf in given if isinstance(leaf, Elsewhere)]
    by_mask = name == "aten.index.Tensor" and any(leaf.dtype == torch.bool for leaf in far[1:])
    comes = bool(far) and any(not isinstance(leaf, Elsewhere) for leaf in found if leaf is not None)
    goes = name in MOVES and any(map(is_here, given)) and any(isinstance(leaf, Elsewhere) for leaf in found)
    return comes or goes or by_mask or (bool(far) and name in SIZED_BY_VALUES)


def there(leaf):
    """A tensor brought to the device; anything else as it is."""
    return Elsewhere(leaf) if is_here(leaf) else leaf


def is_here(leaf) -> bool:
    """Whether this is a tensor on the CPU."""
    return isinstance(leaf, torch.Tensor) and not isinstance(leaf, Elsewhere)


def register() -> None:
    """Make the device known to torch: once in a process, and before anything is differentiated."""
    backend_registration._setup_privateuseone_for_python_backend(NAME, Module())


@contextlib.contextmanager
def device() -> Iterator[Dispatch]:
    """The pretended device, while this lasts."""
    torch._C._set_only_lift_cpu_tensors(True)  # torch.tensor(..., device=...) makes a CPU tensor and moves it
    try:
        with mock.patch.object(torch, "Generator", Generator), Dispatch() as dispatch:
            yield dispatch
    finally:
        torch._C._set_only_lift_cpu_tensors(False)
