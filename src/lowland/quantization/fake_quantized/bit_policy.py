"""How many bits each layer has: the widths of a precision, and what its patterns say of some layers."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from lowland.quantization.bit_patterns import Kind, patterned_widths
from lowland.quantization.precision import TABLE_BITS, Precision


class CodedLayers(NamedTuple):
    """The layers of a network that have codes, by name; the input's quantizer is none of them.

    Attributes:
        weighted: Those with weights.
        quantizers: What rounds values: ReLUs, quantizers between layers, tables (their results).
        looked_up: Quantizers whose codes tables are looked up with; no others take these.
        states: Quantizers of the states that recurrent layers keep.
    """

    weighted: Collection[str]
    quantizers: Collection[str]
    looked_up: Collection[str] = ()
    states: Collection[str] = ()


def layer_widths(precision: Precision, layers: CodedLayers) -> dict[str, int]:
    """The width of each layer's codes: of the weights of layers that have any, of the results of quantizers.

    Of several patterns that give a layer a number the last one counts. What tables are looked up with has
    ``table_bits``, and without them the width that any quantizer would have there, but at least 8 bits. States have
    ``state_bits``.

    Args:
        precision: Method ``qat`` or ``ptq``.
        layers: Of one network.

    Raises:
        LowlandError: A pattern that matches no layer of the kind that it has a width for.
    """
    own = set(layers.states) | (set(layers.looked_up) if precision.table_bits is not None else set())
    by_pattern: dict[Kind, list[str]] = {
        "weights": list(layers.weighted),
        "activations": [name for name in dict.fromkeys((*layers.quantizers, *layers.looked_up)) if name not in own],
    }
    usual: dict[Kind, int] = {"weights": precision.weight_bits, "activations": precision.activation_bits}
    found = patterned_widths(precision.layer_bits, by_pattern, usual)
    widths = {name: width for widths in found.values() for name, width in widths.items()}
    for name in layers.looked_up:
        widths[name] = max(widths[name], TABLE_BITS) if precision.table_bits is None else precision.table_bits
    return widths | dict.fromkeys(layers.states, precision.state_bits)
