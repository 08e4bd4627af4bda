"""A module called with other values of its parameters: the module itself stays as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.func import functional_call


def call_with(module: nn.Module, parameters: Mapping[str, Tensor], inputs: Tensor, **settings: Any) -> Tensor:
    """The module's outputs with other values of some parameters and buffers.

    Recurrent layers keep a second list of their weights, which ``functional_call`` leaves at the other values; it is
    put back here.

    Args:
        module: Left as it came.
        parameters: Values by name of parameters and buffers; those that are missing stay as they are in the module.
        inputs: [rows, ...].
        settings: Keyword arguments of the module's ``forward``.

    Returns:
        [rows, ...], differentiable in the values given.
    """
    with _flat_weights_kept(module):
        outputs: Tensor = functional_call(module, dict(parameters), (inputs,), settings)
    return outputs


@contextmanager
def _flat_weights_kept(module: nn.Module) -> Iterator[None]:
    """Puts back the lists of weights that recurrent layers hand to their kernels."""
    layers = [layer for layer in module.modules() if isinstance(layer, nn.RNNBase)]
    kept = [(list(layer._flat_weights), list(layer._flat_weight_refs)) for layer in layers]
    try:
        yield
    finally:
        for layer, (weights, references) in zip(layers, kept, strict=True):
            layer._flat_weights, layer._flat_weight_refs = weights, references
