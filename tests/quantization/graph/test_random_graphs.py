"""Properties of every graph that can be quantized."""

from __future__ import annotations

import json

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lowland.quantization import IntegerNetwork, Precision, build_quantized, calibrate, deployment_check, freeze
from lowland.quantization.graph.trace import traced
from tests.quantization.random_graphs import SIZE, RandomNetwork, networks

INPUTS = torch.randn(40, 2, SIZE, SIZE, generator=torch.Generator().manual_seed(0))


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(network=networks(), bits=st.sampled_from([3, 4, 8]), equalization=st.booleans(), bias_correction=st.booleans())
def test_every_graph_is_the_same_network_from_the_module_to_integers(
    network: RandomNetwork, bits: int, equalization: bool, bias_correction: bool
) -> None:
    with torch.no_grad():
        expected = network(INPUTS)
        size = float(expected.abs().max())
        torch.testing.assert_close(traced(network, example=INPUTS)(INPUTS), expected, rtol=1e-4, atol=1e-5 * size)
        precision = Precision(
            method="ptq", weight_bits=bits, activation_bits=bits, equalization=equalization,
            bias_correction=bias_correction,
        )  # fmt: skip
        model = calibrate(build_quantized(network, precision, input_bits=8, example=INPUTS), INPUTS)
        frozen = freeze(model)
        outputs = frozen(INPUTS)
        torch.testing.assert_close(outputs, model(INPUTS), rtol=0, atol=1e-5 * size)
        torch.testing.assert_close(model.reference(INPUTS), model(INPUTS), rtol=0, atol=1e-5 * size)
        torch.testing.assert_close(frozen.dequantized()(INPUTS), outputs, rtol=0, atol=1e-5 * size)
        integers = frozen.forward_integer(INPUTS)
        torch.testing.assert_close(frozen.deployed_outputs(INPUTS), frozen.scaled(integers), rtol=1e-6, atol=0)
        check = deployment_check(model, frozen, INPUTS)
        # A code on a tie sends another one through the rest; a graph of few rows has at most some such rows.
        assert check.decisions_changed == 0 and check.integer_share <= 0.01
        again = IntegerNetwork.from_spec(json.loads(json.dumps(frozen.spec)))
        again.load_state_dict(frozen.state_dict(), assign=True)
        assert torch.equal(again.forward_integer(INPUTS), integers)
