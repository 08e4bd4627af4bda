"""What torch cannot differentiate twice, or row by row, as it comes, but can in another form of the same function."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import multi_head_attention_forward, scaled_dot_product_attention
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_unflatten

from lowland.errors import LowlandError
from lowland.landscape.problem.model import Batch, Loss, version_of
from lowland.landscape.problem.rerouted import rerouted

HALF = (torch.float16, torch.bfloat16)
PROBE_ROWS = 3


def in_single_precision(module: nn.Module, batches: tuple[Batch, ...]) -> tuple[nn.Module, tuple[Batch, ...]]:
    """A copy in float32 of a module in half precision, with its data: torch decomposes no half-precision matrices.

    What is differentiated is the function of the stored weights, without the rounding of every operation.

    Args:
        module: Left as it came.
        batches: Pairs (inputs, targets).

    Raises:
        LowlandError: If the module cannot be copied.
    """
    if not any(t.dtype in HALF for t in (*module.parameters(), *module.buffers())):
        return module, batches
    pairs = tuple((single_precision(inputs), single_precision(targets)) for inputs, targets in batches)
    try:
        return copy.deepcopy(module).float(), pairs
    except RuntimeError as error:
        raise LowlandError(
            "model: is in half precision and holds tensors that torch cannot copy (as pruning leaves them); expected "
            "one that can be copied: make it permanent (prune.remove), or give model.float()"
        ) from error


def with_tensor_outputs(
    module: nn.Module, loss: Loss | None, batches: tuple[Batch, ...]
) -> tuple[nn.Module, Loss | None]:
    """A module whose outputs are one tensor [rows, values, ...], and the loss of it.

    Outputs that are a tuple, list or mapping of tensors, rows first, lie side by side; outputs [rows] become [rows, 1].

    Args:
        module: In evaluation mode; left as it came.
        loss: ``loss(outputs, targets)`` of the module's own outputs.
        batches: Pairs (inputs, targets).

    Raises:
        LowlandError: Outputs that are no tensors with rows first.
    """
    for count in (2, PROBE_ROWS):
        rows = batches[0][0][:count].clone()
        with torch.no_grad():
            outputs = module(rows)
        if isinstance(outputs, Tensor) and outputs.ndim > 1:
            return module, loss
        if isinstance(outputs, Mapping):  # also those that torch's trees do not know
            outputs = dict(outputs)
        parts, form = tree_flatten(outputs)
        for part in parts:
            if not isinstance(part, Tensor) or part.ndim == 0 or len(part) != len(rows):
                told = f"shape {tuple(part.shape)}" if isinstance(part, Tensor) else f"type {type(part).__name__}"
                raise LowlandError(
                    f"model: gave an output of {told} for {len(rows)} rows; expected tensors with one entry for each "
                    "row, rows first: let the model give only these"
                )
    shapes = [part.shape[1:] for part in parts]

    def side_by_side(inner: nn.Module, inputs: Tensor) -> Tensor:
        found = inner(inputs)
        pieces, _ = tree_flatten(dict(found) if isinstance(found, Mapping) else found)
        return torch.cat([piece.reshape(len(piece), -1) for piece in pieces], 1)

    def apart(outputs: Tensor, targets: Tensor) -> Tensor:
        assert loss is not None
        pieces = outputs.split([shape.numel() for shape in shapes], 1)
        own = [piece.reshape(len(piece), *shape) for piece, shape in zip(pieces, shapes, strict=True)]
        return loss(tree_unflatten(own, form), targets)

    return rerouted(module, side_by_side), None if loss is None else apart


def twice_differentiable(module: nn.Module, batches: tuple[Batch, ...]) -> nn.Module:
    """The module with kernels that have second derivatives, where it would take others.

    Attention is computed by its formula (torch's "math" kernel) instead of a fused kernel, compiled parts run as they
    were written, and recurrent layers on a GPU without cuDNN.

    Args:
        module: In evaluation mode; left as it came.
        batches: Pairs (inputs, targets).
    """
    watch = _Watch()
    with torch.no_grad(), watch:
        module(batches[0][0][:PROBE_ROWS].clone())
    contexts: list[Callable[[], Any]] = []
    if watch.attends:
        contexts += [lambda: sdpa_kernel(SDPBackend.MATH), _without_fused_encoders]
    if any(hasattr(part, "_orig_mod") or part._compiled_call_impl is not None for part in module.modules()):
        contexts.append(lambda: torch.compiler.set_stance("force_eager"))
    if batches[0][0].is_cuda and any(isinstance(part, nn.RNNBase) for part in module.modules()):
        contexts.append(lambda: torch.backends.cudnn.flags(enabled=False))
    if not contexts:
        return module

    def by_formula(inner: nn.Module, inputs: Tensor) -> Any:
        with ExitStack() as stack:
            for context in contexts:
                stack.enter_context(context())
            return inner(inputs)

    return rerouted(module, by_formula)


def on_own_inputs(module: nn.Module, batches: tuple[Batch, ...]) -> nn.Module:
    """The module, called with copies of its inputs where it works on them in place.

    Args:
        module: In evaluation mode; left as it came.
        batches: Pairs (inputs, targets).

    Raises:
        LowlandError: If the module cannot be called with them, or if its own tensors change when it is called.
    """
    inputs, _ = batches[0]
    rows = inputs[:PROBE_ROWS].clone()
    own = [*module.named_parameters(), *module.named_buffers()]
    before = {name: (version_of(tensor), tensor.detach().clone()) for name, tensor in own}
    version = rows._version
    try:
        with torch.no_grad():
            module(rows)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        kinds = {tensor.dtype for _, tensor in own if tensor.is_floating_point()}
        why = (str(error).splitlines() or [type(error).__name__])[0]
        advice = (
            f"inputs of the parameters' type: inputs.to({next(iter(kinds))})" if len(kinds) == 1 else "what it takes"
        )
        raise LowlandError(
            f"model: failed on inputs {tuple(rows.shape)} {inputs.dtype} ({why}); expected {advice}"
        ) from error
    for name, tensor in own:
        if version_of(tensor) != before[name][0]:
            with torch.no_grad():
                tensor.copy_(before[name][1])
            raise LowlandError(
                f"model: a call changes its own tensor {name!r}; expected a fixed function of the inputs: such as an "
                "embedding without max_norm, no counters or running statistics in evaluation mode"
            )
    return module if rows._version == version else rerouted(module, lambda inner, given: inner(given.clone()))


class _Watch(TorchFunctionMode):
    """Whether attention is called for."""

    attends = False

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.attends |= func in (scaled_dot_product_attention, multi_head_attention_forward)
        return func(*args, **(kwargs or {}))


@contextmanager
def _without_fused_encoders() -> Iterator[None]:
    """Transformer layers by their parts: the fused path of evaluation mode has no derivatives."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def single_precision(values: Tensor) -> Tensor:
    """The values, in float32 where they are in half precision."""
    return values.float() if values.dtype in HALF else values
