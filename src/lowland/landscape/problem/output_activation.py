"""A smooth activation of the outputs counts as a part of the loss: what is left is piecewise linear and exact."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from lowland.errors import LowlandError
from lowland.landscape.problem.model import Batch
from lowland.landscape.problem.rerouted import rerouted

MODULES = (
    *(nn.Sigmoid, nn.Tanh, nn.Softplus, nn.GELU, nn.SiLU, nn.ELU, nn.SELU, nn.CELU, nn.Mish),
    *(nn.LogSigmoid, nn.Softsign, nn.Softmax, nn.LogSoftmax),
)
NAMES = (
    "sigmoid tanh softplus gelu silu elu selu celu mish logsigmoid softsign softmax log_softmax exp log square sin cos "
    "erf expm1 log1p sqrt"
)
FUNCTIONS: frozenset[Callable[..., Any]] = frozenset(
    getattr(owner, name) for owner in (torch, Tensor, functional) for name in NAMES.split() if hasattr(owner, name)
)
SHAPES = (
    "view reshape flatten unflatten permute transpose movedim squeeze unsqueeze contiguous clone narrow select "
    "index_select __getitem__ t view_as reshape_as dim size numel is_contiguous stride __len__"
)
SHAPING: frozenset[Callable[..., Any]] = frozenset(
    getattr(owner, name) for owner in (torch, Tensor) for name in SHAPES.split() if hasattr(owner, name)
)
DEPTH = 3  # such functions in a row, as in the logarithm of a softmax
Activation = Callable[[Tensor], Tensor]


def without_output_activation(
    module: nn.Module, batches: tuple[Batch, ...]
) -> tuple[nn.Module, tuple[Activation, ...]]:
    r"""A network without the smooth activations of its outputs, and these, which a loss may take as a part of itself.

    With z the values before the activation :math:`\sigma`, :math:`L(\sigma(z), y)` is a loss of z whose second
    derivatives are known row by row, so that the diagonal of the Hessian is exact where z is piecewise linear. An
    activation counts where it is the last smooth function that is called, nothing but changes of shape and choices of
    values follow, and the outputs on all rows are those of the activation.

    Args:
        module: In evaluation mode; left as it came.
        batches: Pairs (inputs, targets).

    Returns:
        A network of the same parameters and the activations in the order in which they follow it; the network as it
        came and none where no such activation ends it.
    """
    activations: list[Activation] = []
    for _ in range(DEPTH):
        found = _without_last(module, batches)
        if found is None:
            break
        module, activation = found
        activations.insert(0, activation)
    return module, tuple(activations)


def _without_last(module: nn.Module, batches: tuple[Batch, ...]) -> tuple[nn.Module, Activation] | None:
    """Without the last call of a smooth function: in a copy of the structure where a module alone made it."""
    first = _watched(module, batches[0][0])
    if first.last is None or first.followed:
        return None
    for inputs, _ in batches[1:]:  # only of those that may end in one
        other = _watched(module, inputs)
        if other.followed or (other.count, other.owner) != (first.count, first.owner):
            return None
    func, args, kwargs = first.last

    def activation(outputs: Tensor) -> Tensor:
        result: Tensor = func(outputs.clone(), *args, **kwargs)  # it may work in place
        return result

    bare = None if not first.owner else _without_module(module, first.owner)
    bare = bare or rerouted(module, partial(_skipping, first.count))
    with torch.no_grad():
        for inputs, _ in batches:
            outputs, expected = bare(inputs), module(inputs)
            if outputs.shape != expected.shape or not torch.equal(activation(outputs), expected):
                return None
    return bare, activation


def _watched(module: nn.Module, inputs: Tensor) -> _Calls:
    """The calls of smooth functions in one pass."""
    calls = _Calls(module)
    calls.run(module, inputs)
    return calls


def _without_module(module: nn.Module, name: str) -> nn.Module | None:
    """Without an activation module, in a copy of the structure that shares all tensors."""
    tensors = (*module.parameters(), *module.buffers())
    try:
        bare = copy.deepcopy(module, {id(tensor): tensor for tensor in tensors})
    except (RuntimeError, TypeError):  # what holds things that cannot be copied goes the other way
        return None
    if bare.get_submodule(name) not in [part for _, part in _named_once(bare)]:  # it stands in several places
        return None
    parent, _, own = name.rpartition(".")
    setattr(bare.get_submodule(parent), own, nn.Identity().eval())
    return bare


def _named_once(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """The submodules that have one name only."""
    named = list(module.named_modules(remove_duplicate=False))
    counts = Counter(id(part) for _, part in named)
    return [(name, part) for name, part in named if counts[id(part)] == 1]


def _skipping(count: int, inner: nn.Module, inputs: Tensor) -> Any:
    """The inner module's outputs without its last call of a smooth function, the one after ``count - 1`` others."""
    calls = _Calls(inner, skipped=count - 1)
    with calls:
        outputs = inner(inputs)
    if calls.count != count:
        raise LowlandError(
            f"model: calls smooth functions {calls.count} times on these rows and {count} times on others; expected a "
            "number that does not depend on the data: compute them for all rows and choose afterwards (torch.where)"
        )
    return outputs


class _Calls(TorchFunctionMode):
    """Counts calls of smooth functions, and leaves one of them out.

    Args:
        module: Whose calls are counted.
        skipped: Which call gives its first argument back.

    Attributes:
        count: Calls so far.
        last: The last call's function, its arguments after the first, and its keyword arguments.
        followed: Whether anything but changes of shape came after it.
        owner: Name of the activation module that made the last call and nothing else; empty if none.
    """

    def __init__(self, module: nn.Module, skipped: int | None = None) -> None:
        super().__init__()
        self._skipped = skipped
        self.count = 0
        self.last: tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]] | None = None
        self.followed = False
        self.owner = ""

    def run(self, module: nn.Module, inputs: Tensor) -> None:
        """Watches a call of the module on some rows."""
        entered: list[int] = []
        handles = []
        for name, part in module.named_modules():
            if name and isinstance(part, MODULES):
                handles.append(part.register_forward_pre_hook(lambda _part, _inputs: entered.append(self.count)))
                handles.append(part.register_forward_hook(partial(self._left, name, entered)))
        try:
            with torch.no_grad(), self:
                module(inputs)
        finally:
            for handle in handles:
                handle.remove()

    def _left(self, name: str, entered: list[int], _part: nn.Module, _inputs: Any, _output: Any) -> None:
        if self.count == entered.pop() + 1:
            self.owner = name

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func not in FUNCTIONS or not args or not isinstance(args[0], Tensor):
            self.followed |= func not in SHAPING and getattr(func, "__name__", "") != "__get__"
            return func(*args, **kwargs)
        self.count += 1
        self.last, self.followed, self.owner = (func, args[1:], kwargs), False, ""
        return args[0] if self._skipped == self.count - 1 else func(*args, **kwargs)
