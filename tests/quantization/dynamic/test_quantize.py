import doctest
import sys

import pytest

from lowland.architectures import build_network
from lowland.errors import LowlandError
from lowland.quantization import Precision, quantize_dynamically


def test_the_example_is_true():
    found = doctest.testmod(sys.modules[quantize_dynamically.__module__])
    assert found.attempted and not found.failed


def test_a_least_size_that_no_layer_has_is_said_with_the_sizes_that_there_are():
    network = build_network({"kind": "gru", "inputs": 4, "hidden": 4, "outputs": 2, "tokens": 9, "spread": 0.1})
    precision = Precision(method="weight_only", weight_bits=8, activation_bits=32, min_elements=64)
    with pytest.raises(LowlandError, match="found Embedding with 36, GRU with 96, Linear with 8; lower min_elements"):
        quantize_dynamically(network, precision)
