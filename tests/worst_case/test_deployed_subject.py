"""A policy acts on the network of any cell."""

import torch
from torch import nn

from lowland.architectures import MLP
from lowland.quantization import (
    Precision,
    QuantizationOptions,
    build_calibrated,
    freeze,
    quantize_dynamically,
)
from lowland.quantization.graph.integer import IntegerNetwork
from lowland.worst_case import PolicyProblem, dynamic_precision, subject_of
from lowland.worst_case.deployed_subject import widths_read

INPUTS = torch.randn(200, 6, generator=torch.Generator().manual_seed(1))


def network() -> nn.Module:
    torch.manual_seed(0)
    return MLP(inputs=6, outputs=3, hidden=(12, 8))


def integer(bits: int) -> IntegerNetwork:
    precision = Precision(method="ptq", weight_bits=8, activation_bits=bits)
    return freeze(
        build_calibrated(network(), precision, QuantizationOptions(calibration_rows=200, input_bits=8), INPUTS)
    )


def test_a_float_network_is_made_dynamic() -> None:
    subject = subject_of(network(), INPUTS, runtime="torchao")
    assert torch.equal(subject(INPUTS), quantize_dynamically(network(), dynamic_precision("torchao"))(INPUTS))


def test_an_integer_network_is_itself_at_widths_that_it_has() -> None:
    frozen = integer(4)
    subject = subject_of(frozen, INPUTS)
    problem = PolicyProblem(subject, INPUTS, None)
    assert subject.own_bits[1:] == (4, 4)
    plain = frozen.dequantized()(INPUTS)
    assert torch.equal(problem.reference, plain)
    assert torch.equal(problem.outputs((8, 4, 6)), plain)
    assert problem.drop((8, 2, 8)) > 0


def test_steps_read_the_codes_of_the_last_quantizer_before_them() -> None:
    frozen = integer(5)
    read = widths_read(frozen)
    weighted = [name for name in frozen.steps if f"{name}.weight" in frozen.codes]
    assert [read[name] for name in weighted][1:] == [5, 5]
    assert read[weighted[0]] == frozen.activation_bits["input"]
