"""Patterns give widths to the layers that they name, the last one counts, and none may name nothing."""

import pytest

from lowland.errors import LowlandError
from lowland.quantization.bit_patterns import patterned_widths
from lowland.quantization.precision import LayerBits

LAYERS = {"weights": ("layers.0", "layers.2"), "activations": ("layers.0", "layers.2", "head")}
USUAL = {"weights": 8, "activations": 6}


def test_the_last_pattern_counts() -> None:
    patterns = {"*": LayerBits(activations=4), "layers.2": LayerBits(activations=2, weights=3)}
    assert patterned_widths(patterns, LAYERS, USUAL) == {
        "weights": {"layers.0": 8, "layers.2": 3},
        "activations": {"layers.0": 4, "layers.2": 2, "head": 4},
    }
    assert patterned_widths(dict(reversed(patterns.items())), LAYERS, USUAL)["activations"]["layers.2"] == 4


def test_a_pattern_that_names_no_layer_with_such_codes_is_refused() -> None:
    with pytest.raises(
        LowlandError, match=r"weights for 'head', which names no layer; expected a pattern of: layers.0"
    ):
        patterned_widths({"head": LayerBits(weights=4)}, LAYERS, USUAL)
