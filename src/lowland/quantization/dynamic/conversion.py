"""A float network with coded layers in place of those that a runtime computes in codes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from lowland.coding.folding import fold_batch_norm
from lowland.errors import LowlandError
from lowland.quantization.admission import check_numbers
from lowland.quantization.bit_patterns import Kind, patterned_widths
from lowland.quantization.dynamic.arithmetic import DynamicArithmetic
from lowland.quantization.dynamic.layers import CodedLayer, Widths
from lowland.quantization.effective_weights import independent_copy, with_plain_weights
from lowland.quantization.graph.layer_specs import LAYERS
from lowland.quantization.graph.operations import own_kind
from lowland.quantization.precision import LayerBits


class Conversion(BaseModel):
    """How a float network becomes a dynamic one.

    Attributes:
        arithmetic: Of the runtime.
        weight_bits: Width of weight codes.
        activation_bits: Width of activation codes; 32 where activations stay float.
        per_channel: Whether output channels have weight scales of their own, in layers of which the runtime knows that.
        min_elements: Layers with fewer weights stay float.
        min_elements_of: Whether of all layers, or of convolutions alone.
        batch_rows: Rows that are computed at once; ``None``: all that come together.
        float_from: Layer from which on nothing is deployed.
        layer_bits: Other widths for some of the layers in codes, by patterns of their names.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    arithmetic: DynamicArithmetic
    weight_bits: int
    activation_bits: int
    per_channel: bool
    min_elements: int = 0
    min_elements_of: Literal["layers", "convolutions"] = "layers"
    batch_rows: int | None = None
    float_from: str | None = None
    layer_bits: Mapping[str, LayerBits] = {}


def converted(network: nn.Module, conversion: Conversion) -> nn.Module:
    """A copy of a network, weights computed, batch-norm folded, with ``CodedLayer`` where the runtime has codes.

    Layers are found by their class, so that any ``forward`` is right that calls them; layers of derived classes do more
    with their weights and stay float.

    Args:
        network: Any module; left as it came.
        conversion: Which layers are coded, and how.

    Raises:
        LowlandError: Parameters that are not finite or no float32, an unknown ``float_from``, weights that two layers
            share, padding by anything but zeros, no layer to code, or a pattern that names none of them.
    """
    check_numbers(network)
    plain = fold_batch_norm(independent_copy(with_plain_weights(network)))
    check_numbers(plain)
    _check_sharing(plain)
    deployed = list(deployed_modules(plain, conversion.float_from))
    kinds = {name: (layer, own_kind(layer)) for name, layer in deployed}
    chosen = {
        name: (layer, kind)
        for name, (layer, kind) in kinds.items()
        if kind in conversion.arithmetic.layers and not _spared(layer, kind, conversion)
    }
    usual: dict[Kind, int] = {"weights": conversion.weight_bits, "activations": conversion.activation_bits}
    layers: dict[Kind, Collection[str]] = {"weights": chosen, "activations": chosen}
    widths = patterned_widths(conversion.layer_bits, layers, usual) if chosen else {}
    coded: dict[int, CodedLayer] = {}
    for name, (layer, kind) in chosen.items():
        own = Widths(widths["weights"][name], widths["activations"][name])
        coded[id(layer)] = CodedLayer(layer, kind, conversion.arithmetic, own, per_channel=conversion.per_channel)
    if not coded:
        counts = (
            (layer, sum(each.numel() for each in layer.parameters(recurse=False) if each.ndim > 1))
            for _, layer in deployed
        )
        others = sorted({f"{type(layer).__name__} with {count}" for layer, count in counts if count})
        classes = ", ".join(LAYERS[kind][0].__name__ for kind in conversion.arithmetic.layers)
        least = f" with at least {conversion.min_elements} weights" if conversion.min_elements else ""
        raise LowlandError(
            f"network has no layer that arithmetic {conversion.arithmetic.name!r} computes in codes; expected one of "
            f"{classes}{least}, found {', '.join(others) or 'none with weights'}"
            + "; lower min_elements"
            * bool(conversion.min_elements)
        )
    if id(plain) in coded:
        return coded[id(plain)]
    for module in list(plain.modules()):
        for name, child in module._modules.items():
            if id(child) in coded:
                module._modules[name] = coded[id(child)]
    _leave_fast_paths(plain)
    return plain.eval()


def deployed_modules(network: nn.Module, float_from: str | None) -> Iterator[tuple[str, nn.Module]]:
    """Names and modules of a network in their order, up to a layer from which on it is not deployed.

    Args:
        network: Any module.
        float_from: Name of that layer, with or without ``layers.``; ``None``: there is none.

    Raises:
        LowlandError: There is no such layer.
    """
    for name, module in network.named_modules():
        if float_from is not None and f"{name.removeprefix('layers.')}.".startswith(f"{float_from}."):
            return
        yield name, module
    if float_from is not None:
        raise LowlandError(f"float_from is {float_from!r}; expected the name of a layer of the network")


def _spared(layer: nn.Module, kind: str, conversion: Conversion) -> bool:
    """Whether a layer stays float for having few weights."""
    asked = conversion.min_elements_of == "layers" or kind != "linear"
    return asked and _weight(layer).numel() < conversion.min_elements


def _weight(layer: nn.Module) -> Tensor:
    weight = layer.weight
    assert isinstance(weight, Tensor)  # of every kind there is
    return weight


def _leave_fast_paths(network: nn.Module) -> None:
    """Makes torch's transformers call their layers: a fused kernel of theirs would multiply by the codes themselves."""
    for module in network.modules():
        if isinstance(module, nn.TransformerEncoderLayer):
            module.activation_relu_or_gelu = 0
        elif isinstance(module, nn.TransformerEncoder):
            module.use_nested_tensor = False


def _check_sharing(network: nn.Module) -> None:
    """Refuses one parameter in two layers: its codes would be stored twice."""
    owners: dict[int, str] = {}
    for name, module in network.named_modules():
        for kind, parameter in module.named_parameters(recurse=False):
            path = f"{name}.{kind}".lstrip(".")
            if id(parameter) in owners:
                raise LowlandError(
                    f"{owners[id(parameter)]} and {path} of the network are one parameter; expected a layer of its own "
                    "for each: call one layer twice, or give each a copy"
                )
            owners[id(parameter)] = path
