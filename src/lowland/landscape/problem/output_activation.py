"""A smooth activation of the outputs counts as a part of the loss: what is left is piecewise linear and exact."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from lowland.landscape.problem.batches import spread_rows
from lowland.landscape.problem.model import Batch
from lowland.landscape.problem.rerouted import rerouted

MODULES = (
    *(
        nn.Sigmoid,
        nn.Tanh,
        nn.Softplus,
        nn.GELU,
        nn.SiLU,
        nn.ELU,
        nn.SELU,
        nn.CELU,
        nn.Mish,
        nn.LogSigmoid,
        nn.Softsign,
    ),
    *(nn.Softmax, nn.LogSoftmax),
)
FUNCTIONS: frozenset[Callable[..., Any]] = frozenset(
    getattr(owner, name)
    for owner in (torch, Tensor, functional)
    for name in (
        *("sigmoid", "tanh", "softplus", "gelu", "silu", "elu", "selu", "celu", "mish", "logsigmoid", "softsign"),
        *(
            "softmax",
            "log_softmax",
            "exp",
            "log",
            "square",
            "sin",
            "cos",
            "erf",
            "expm1",
            "log1p",
            "reciprocal",
            "sqrt",
        ),
    )
    if hasattr(owner, name)
)
DEPTH = 3  # such functions in a row, as in the logarithm of a softmax
CHECKED_ROWS = 256


Activation = Callable[[Tensor], Tensor]


def without_output_activation(
    module: nn.Module, batches: tuple[Batch, ...]
) -> tuple[nn.Module, tuple[Activation, ...]]:
    r"""A network without the smooth activations of its outputs, and these, which a loss may take as a part of itself.

    With z the values before the activation :math:`\sigma`, :math:`L(\sigma(z), y)` is a loss of z whose second
    derivatives are known row by row, so that the diagonal of the Hessian is exact where z is piecewise linear. That
    nothing but changes of shape follows the activation is seen from the outputs on some rows.

    Args:
        module: In evaluation mode; left as it came.
        batches: Pairs (inputs, targets).

    Returns:
        A network of the same parameters and the activations in the order in which they follow it; the network as it
        came and none where no such activation ends it.
    """
    activations: list[Activation] = []
    rows, _ = spread_rows(batches, CHECKED_ROWS)
    for _ in range(DEPTH):
        with torch.no_grad():
            expected = module(rows)
        found = _without_module(module, rows, expected) or _without_function(module, rows, expected)
        if found is None:
            break
        module, activation = found
        activations.insert(0, activation)
    return module, tuple(activations)


def _without_module(module: nn.Module, rows: Tensor, expected: Tensor) -> tuple[nn.Module, Activation] | None:
    """Without the last activation module, in a copy of the structure that shares all tensors."""
    found = [name for name, part in module.named_modules() if isinstance(part, MODULES)]
    if not found or not found[-1]:
        return None
    tensors = (*module.parameters(), *module.buffers())
    try:
        bare = copy.deepcopy(module, {id(tensor): tensor for tensor in tensors})
    except (RuntimeError, TypeError):  # what holds things that cannot be copied goes the other way
        return None
    activation = bare.get_submodule(found[-1])
    parent, _, name = found[-1].rpartition(".")
    setattr(bare.get_submodule(parent), name, nn.Identity().eval())
    return (bare, activation) if _same(bare, activation, rows, expected) else None


def _without_function(module: nn.Module, rows: Tensor, expected: Tensor) -> tuple[nn.Module, Activation] | None:
    """Without the last call of a smooth function."""
    watch = _Calls()
    with torch.no_grad(), watch:
        module(rows)
    if watch.last is None:
        return None
    place, (func, args, kwargs) = watch.count - 1, watch.last

    def activation(outputs: Tensor) -> Tensor:
        result: Tensor = func(outputs, *args, **kwargs)
        return result

    def skipping(inner: nn.Module, inputs: Tensor) -> Any:
        with _Calls(skipped=place):
            return inner(inputs)

    bare = rerouted(module, skipping)
    return (bare, activation) if _same(bare, activation, rows, expected) else None


def _same(bare: nn.Module, activation: Activation, rows: Tensor, expected: Tensor) -> bool:
    """Whether the activation of the bare outputs is all that is missing, and not nothing at all."""
    with torch.no_grad():
        outputs = bare(rows)
        return outputs.shape == expected.shape and torch.equal(activation(outputs), expected)


class _Calls(TorchFunctionMode):
    """Counts calls of smooth functions, and leaves one of them out.

    Args:
        skipped: Which call gives its first argument back.

    Attributes:
        count: Calls so far.
        last: The last call's function, its arguments after the first, and its keyword arguments.
    """

    def __init__(self, skipped: int | None = None) -> None:
        super().__init__()
        self._skipped = skipped
        self.count = 0
        self.last: tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]] | None = None

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func not in FUNCTIONS or not args or not isinstance(args[0], Tensor):
            return func(*args, **kwargs)
        self.count += 1
        self.last = func, args[1:], kwargs
        return args[0] if self._skipped == self.count - 1 else func(*args, **kwargs)
