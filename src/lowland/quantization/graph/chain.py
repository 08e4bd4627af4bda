"""Which networks can be quantized: chains of layers, with or without a float part behind them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

from torch import nn

from lowland.coding.folding import Folded, fold_batch_norm
from lowland.errors import LowlandError
from lowland.quantization.admission import check_numbers
from lowland.quantization.effective_weights import with_plain_weights

WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d)
PASSING = (nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool2d, nn.Flatten, nn.Unflatten)
"""Layers that neither weigh nor round: they take codes and accumulators alike."""


class Chain(NamedTuple):
    """The layers of a network in their order, weights computed and batch-norm folded.

    Attributes:
        layers: Layers to quantize by name; a layer inside a nested ``nn.Sequential`` is called ``encoder_0``.
        island: Name and layers of the part behind them that stays float, or ``None``.
    """

    layers: dict[str, nn.Module]
    island: tuple[str, nn.Sequential] | None


def chain(network: nn.Module, *, float_from: str | None = None) -> Chain:
    """The layers of a network that can be quantized.

    Layers with weights (linear, convolution, transposed convolution) and ReLU in turn, with pooling and changes of
    shape anywhere between them; a layer with weights comes last but for pooling and changes of shape, unless a float
    part follows.

    Args:
        network: An ``nn.Sequential``, nested or not, or a module with one in ``layers``; left as it came.
        float_from: Name of the layer (or nested sequential) from which on everything stays float.

    Raises:
        LowlandError: Weights that are not finite or no float32, or another structure; the first layer that does not
            fit is named.
    """
    check_numbers(network)
    folded = fold_batch_norm(with_plain_weights(network))
    if folded is not network:  # a norm of zero, a negative variance
        check_numbers(folded)
    sequence = folded if isinstance(folded, nn.Sequential) else getattr(folded, "layers", None)
    if not isinstance(sequence, nn.Sequential):
        raise LowlandError(f"network is a {type(network).__name__}; expected an nn.Sequential or one in `.layers`")
    paths = list(_flat(sequence, ""))
    island = None
    if float_from is not None:
        inside = [path == float_from or path.startswith(f"{float_from}.") for path, _ in paths]
        if True not in inside:
            raise LowlandError(
                f"float_from is {float_from!r}; expected the name of a layer: {', '.join(path for path, _ in paths)}"
            )
        start = inside.index(True)
        rest = ((path.removeprefix(f"{float_from}."), layer) for path, layer in paths[start:])
        island = _flat_name(float_from), nn.Sequential(OrderedDict((_flat_name(name), layer) for name, layer in rest))
        paths = paths[:start]
    for index, (path, layer) in enumerate(paths):
        if isinstance(layer, WEIGHTED) and any(layer is other for _, other in paths[:index]):
            raise LowlandError(f"layer {path} of the network occurs twice; expected layers with weights of their own")
    layers = {_flat_name(path): layer for path, layer in paths}
    if len(layers) < len(paths):
        raise LowlandError(f"layers {', '.join(path for path, _ in paths)} have equal names once dots are underscores")
    _check(layers, has_island=island is not None)
    return Chain(layers, island)


def _flat_name(path: str) -> str:
    """Modules cannot have dots in their names."""
    return path.replace(".", "_")


def _flat(sequence: nn.Sequential, prefix: str) -> Iterator[tuple[str, nn.Module]]:
    """Paths and layers, nested sequentials unrolled; what does nothing is left out."""
    for name, layer in sequence._modules.items():  # named_children would leave out what occurs twice
        if type(layer).forward is nn.Sequential.forward:
            yield from _flat(layer, f"{prefix}{name}.")  # type: ignore[arg-type]  # a sequential by its forward
        elif layer is not None and not isinstance(layer, (Folded, nn.Identity)):
            yield prefix + name, layer


def _check(layers: dict[str, nn.Module], *, has_island: bool) -> None:
    """Layers with weights and ReLU in turn."""
    weighed = False  # whether the values at hand are accumulators, not codes
    for name, layer in layers.items():
        if type(layer) in PASSING:
            _check_pool(name, layer)
        elif type(layer) in ((nn.ReLU,) if weighed else WEIGHTED):
            weighed = not weighed
        else:
            expected = "ReLU" if weighed else "Linear"
            raise LowlandError(
                f"layer {name} of the network is {type(layer).__name__}; expected {expected} (layers with weights "
                f"({', '.join(kind.__name__ for kind in WEIGHTED)}) and ReLU in turn can be quantized, with "
                f"{', '.join(kind.__name__ for kind in PASSING)} between them)"
            )
    if not layers or not (weighed or has_island):
        raise LowlandError(
            f"the network has {len(layers)} layers; expected Linear and ReLU in turn, Linear last (or a convolution; "
            "with float_from, at least one layer before it)"
        )


def _check_pool(name: str, layer: nn.Module) -> None:
    """Windows of one size whose results are values and nothing else."""
    if getattr(layer, "return_indices", False):
        raise LowlandError(f"layer {name} of the network, {layer!r}, returns indices; expected return_indices=False")
    if isinstance(layer, nn.AvgPool2d):
        padded = any(layer.padding) if isinstance(layer.padding, tuple) else bool(layer.padding)
        if layer.ceil_mode or layer.divisor_override is not None or (padded and not layer.count_include_pad):
            raise LowlandError(
                f"layer {name} of the network, {layer!r}, divides by changing numbers; expected ceil_mode=False, "
                "divisor_override=None and count_include_pad=True"
            )
