"""A module called with other values of its parameters: the module itself stays as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.func import functional_call


def call_with(module: nn.Module, parameters: Mapping[str, Tensor], inputs: Tensor, **settings: Any) -> Tensor:
    """The module's outputs with other values of some parameters and buffers.

    A tensor that several layers own takes its new value in all of them, and a layer that stands in several places is
    changed and put back once: ``functional_call`` would leave the new values in it. Recurrent layers keep a second list
    of their weights, which is put back, too.

    Args:
        module: Left as it came.
        parameters: Values by name of parameters and buffers; those that are missing stay as they are in the module.
        inputs: [rows, ...].
        settings: Keyword arguments of the module's ``forward``.

    Returns:
        [rows, ...], differentiable in the values given.
    """
    with _flat_weights_kept(module):
        outputs: Tensor = functional_call(
            module, _in_every_place(module, parameters), (inputs,), settings, tie_weights=False
        )
    return outputs


def _in_every_place(module: nn.Module, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Values by the name of every place that holds the tensor, each layer by the first of its own names."""
    places: dict[int, list[str]] = {}
    for name, layer in module.named_modules():  # each layer once
        for key, tensor in (*layer._parameters.items(), *layer._buffers.items()):
            if tensor is not None:
                places.setdefault(id(tensor), []).append(f"{name}.{key}" if name else key)
    found: dict[str, Tensor] = {}
    for name, value in values.items():
        owner, _, key = name.rpartition(".")
        layer = module.get_submodule(owner)
        tensor = layer._parameters.get(key, layer._buffers.get(key))
        for place in places.get(id(tensor), [name]):
            if place == name or place not in values:
                found[place] = value
    return found


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
