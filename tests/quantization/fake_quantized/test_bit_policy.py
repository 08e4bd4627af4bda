from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch

from lowland.errors import LowlandError
from lowland.quantization import Precision, build_quantized, calibrate, freeze
from lowland.quantization.fake_quantized.bit_policy import CodedLayers, layer_widths
from tests.quantization.options import model, residual, rows

LAYERS = CodedLayers(["conv1", "conv2", "head"], ["relu1", "relu2", "gate", "add_in"], ["gate_in"], ["cell"])


def widths(policy: Mapping[str, Mapping[str, int]] | None = None, bits: int = 4, **options: int) -> dict[str, int]:
    precision = Precision(
        method="ptq", weight_bits=bits, activation_bits=bits + 1, layer_bits=dict(policy or {}), **options
    )
    return layer_widths(precision, LAYERS)


def test_without_patterns_all_layers_are_alike() -> None:
    assert widths() == {
        **dict.fromkeys(LAYERS.weighted, 4),
        **dict.fromkeys(LAYERS.quantizers, 5),
        "gate_in": 8,
        "cell": 16,
    }
    assert widths(bits=10)["gate_in"] == 11


def test_patterns_name_layers_and_the_last_one_counts() -> None:
    found = widths({"*": {"weights": 6}, "conv?": {"weights": 8}, "relu[12]": {"activations": 7}})
    assert [found[name] for name in ("conv1", "conv2", "head")] == [8, 8, 6]
    assert [found[name] for name in ("relu1", "relu2", "gate", "add_in")] == [7, 7, 5, 5]
    found = widths({"conv?": {"weights": 8}, "*": {"weights": 6}})
    assert [found[name] for name in ("conv1", "conv2", "head")] == [6, 6, 6]
    found = widths({"*": {"weights": 3, "activations": 2}, "*2": {"activations": 9}})
    assert [found[name] for name in ("conv2", "relu1", "relu2")] == [3, 2, 9]


def test_tables_and_states_have_widths_of_their_own() -> None:
    found = widths(table_bits=6, state_bits=12)
    assert (found["gate_in"], found["gate"], found["cell"]) == (6, 5, 12)
    assert widths({"*": {"activations": 4}})["gate_in"] == 8
    assert widths({"gate_in": {"activations": 10}})["gate_in"] == 10
    assert widths({"*": {"activations": 4}}, table_bits=6)["gate_in"] == 6
    assert widths({"*": {"activations": 4}})["cell"] == 16


@pytest.mark.parametrize(
    "policy, options, message",
    [
        ({"conv3": {"weights": 8}}, {}, "layer_bits has weights for 'conv3', which .* pattern of: conv1, conv2, head"),
        ({"conv*": {"activations": 8}}, {}, "has activations for 'conv.*: relu1, relu2, gate, add_in, gate_in"),
        ({"CONV1": {"weights": 8}}, {}, "which names no layer"),
        ({"input": {"activations": 8}}, {}, "has activations for 'input', which names no layer"),
        ({"cell": {"activations": 8}}, {}, "has activations for 'cell', which names no layer"),
        (
            {"gate_in": {"activations": 8}},
            {"table_bits": 8},
            "'gate_in', .* pattern of: relu1, relu2, gate, add_in$",
        ),
    ],
)
def test_a_pattern_without_a_layer_is_refused(policy: dict, options: dict[str, int], message: str) -> None:
    with pytest.raises(LowlandError, match=message) as caught:
        widths(policy, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("method", ["qat", "ptq"])
@pytest.mark.parametrize("bits", [3, 8])
def test_a_uniform_policy_is_the_plain_precision_byte_for_byte(method: str, bits: int) -> None:
    plain = model({}, bits=bits, method=method, steps=2)
    uniform = {"layer_bits": {"*": {"weights": bits, "activations": bits}}}
    precision = Precision(method=method, weight_bits=12, activation_bits=12, **uniform)
    quantized = calibrate(build_quantized(residual(), precision, input_bits=8, example=rows(2)), rows(64))
    assert quantized.bits == plain.bits
    frozen = [freeze(each) for each in (model(uniform, bits=bits, method=method, steps=2), plain)]
    assert frozen[0].spec == frozen[1].spec
    for name, tensor in frozen[1].state_dict().items():
        assert torch.equal(frozen[0].state_dict()[name], tensor)


def test_a_policy_is_what_is_deployed() -> None:
    policy = {"deep": {"weights": 8}, "*_in": {"activations": 7}, "smooth": {"activations": 3}}
    quantized = model({"layer_bits": policy, "table_bits": 6}, method="qat", steps=2)
    frozen = freeze(quantized)
    weights = {name: bits for name, bits in frozen.bits.items() if name.endswith("weight")}
    assert weights == {"first.weight": 4, "deep.weight": 8, "point.weight": 4, "head.weight": 4}
    assert frozen.activation_bits == {
        "input": 8,
        "relu": 4,
        "deep_out": 4,
        "add_in0": 7,
        "add_in1": 7,
        "smooth_in": 6,
        "smooth": 3,
    }
    assert frozen.bits["smooth.table"] == 3 and len(frozen.codes["smooth.table"]) == 2**6
    wide = frozen.codes["deep.weight"].abs().max()
    assert 7 < wide <= 127
