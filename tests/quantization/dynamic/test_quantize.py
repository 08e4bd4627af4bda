import doctest
import sys

from lowland.quantization import quantize_dynamically


def test_the_example_is_true():
    found = doctest.testmod(sys.modules[quantize_dynamically.__module__])
    assert found.attempted and not found.failed
