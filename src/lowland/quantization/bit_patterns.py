"""Patterns of layers and the widths that they give, whatever the layers belong to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from typing import Literal

from lowland.errors import LowlandError
from lowland.quantization.precision import LayerBits

Kind = Literal["weights", "activations"]


def patterned_widths(
    patterns: Mapping[str, LayerBits], layers: Mapping[Kind, Collection[str]], usual: Mapping[Kind, int]
) -> dict[Kind, dict[str, int]]:
    """The width of each layer's codes of weights and of activations.

    Of several patterns that give a layer a number the last one counts.

    Args:
        patterns: Of names (``*``, ``?``, ``[...]``).
        layers: Names of those that have codes of weights, and of activations.
        usual: Widths where no pattern says otherwise.

    Raises:
        LowlandError: A pattern that matches no layer of the kind that it has a width for.
    """
    widths = {kind: dict.fromkeys(names, usual[kind]) for kind, names in layers.items()}
    for pattern, bits in patterns.items():
        given: dict[Kind, int | None] = {"weights": bits.weights, "activations": bits.activations}
        for kind, width in given.items():
            if width is None:
                continue
            matching = [name for name in layers[kind] if fnmatchcase(name, pattern)]
            if not matching:
                there = ", ".join(layers[kind]) or "none"
                raise LowlandError(
                    f"layer_bits has {kind} for {pattern!r}, which names no layer; expected a pattern of: {there}"
                )
            widths[kind].update(dict.fromkeys(matching, width))
    return widths
