"""Networks for images through all that is done to a network: quantized, frozen, disturbed, measured, certified."""

from __future__ import annotations

import copy
from functools import cache

import pytest
import torch
from torch.nn import functional

from lowland.certification import Query
from lowland.certification.relaxation import enclose
from lowland.certification.statements.certify import certificate
from lowland.certification.statements.options import CertificationOptions
from lowland.certification.statements.statement import Subject
from lowland.errors import LowlandError
from lowland.faults import Flips, apply_flips, draw_flips, flip_sensitivity
from lowland.landscape import Problem, gradient_norms, hessian_trace
from lowland.quantization import (
    IntegerNetwork,
    Precision,
    build_quantized,
    calibrate,
    deployment_check,
    freeze,
    quantize_dynamically,
)
from lowland.tasks.splits import Samples
from tests.architectures.image_networks import SMALL, fitted, samples, trained
from tests.certification.relaxation.networks import draws

STATIC = {"activations": "asymmetric", "calibration": "max", "per_channel": True}
SHALLOW = ("nin", "densenet", "ds_cnn")
"""Those whose searches over all weights take seconds."""


@cache
def quantized(kind, method, bits, static=False):
    precision = Precision(method=method, weight_bits=bits, activation_bits=bits, **(STATIC if static else {}))
    inputs = samples(64)[0]
    twin = build_quantized(trained(kind), precision, input_bits=8, input_signed=False, example=inputs[:2])
    calibrate(twin, inputs)
    return fitted(twin, steps=2, rate=1e-3) if method == "qat" else twin.eval()


@cache
def frozen(kind):
    return freeze(quantized(kind, "ptq", 8))


@pytest.mark.parametrize("method, bits, static", [("qat", 4, False), ("ptq", 4, False), ("ptq", 8, True)])
@pytest.mark.parametrize("kind", SMALL)
def test_the_deployed_network_is_the_one_that_was_trained(kind, method, bits, static):
    twin, inputs = quantized(kind, method, bits, static), samples(200, seed=1)[0]
    network = freeze(twin)
    check = deployment_check(twin, network, inputs)
    assert check.largest_difference <= 1e-5 * float(twin(inputs).detach().std()) and check.decisions_changed == 0
    assert check.integer_samples <= 1e-3 and check.integer_codes <= 1
    again = IntegerNetwork.from_spec(network.spec)
    again.load_state_dict(network.state_dict(), assign=True)
    assert torch.equal(again.forward_integer(inputs), network.forward_integer(inputs))


@pytest.mark.parametrize("kind", SMALL)
def test_eight_bits_stay_near_the_float_network(kind):
    inputs = samples(100, seed=1)[0]
    with torch.no_grad():
        expected = trained(kind)(inputs)
        for network in (
            frozen(kind),
            quantize_dynamically(trained(kind), dynamic("litert")),
            quantize_dynamically(trained(kind), dynamic("onnxruntime")),
            quantize_dynamically(trained(kind), Precision(method="weight_only", weight_bits=8, activation_bits=32)),
        ):
            off = (network(inputs) - expected).square().mean().sqrt() / expected.std()
            assert 0 < off < 0.1 and network.size < 32 * sum(p.numel() for p in trained(kind).parameters())


def dynamic(runtime):
    return Precision(method="dynamic", weight_bits=8, activation_bits=8, runtime=runtime)


def test_a_runtime_that_codes_linear_layers_has_nothing_to_code_where_there_are_none():
    with pytest.raises(
        LowlandError, match=r"has no layer that arithmetic 'torchao' computes in codes; .* found Conv2d"
    ):
        quantize_dynamically(trained("nin"), dynamic("torchao"))


@pytest.mark.parametrize("kind", SMALL)
def test_flips_hit_what_is_stored_and_leave_the_network(kind):
    network, inputs = frozen(kind), samples(50, seed=1)[0]
    clean, draw = network.deployed_outputs(inputs), draw_flips(network, key=("images", 0))
    few, many = (apply_flips(network, draw.below(rate)).deployed_outputs(inputs) for rate in (1e-9, 0.1))
    assert torch.equal(few, clean) and not torch.equal(many, clean)
    assert torch.equal(network.deployed_outputs(inputs), clean)


@pytest.mark.parametrize("kind", SHALLOW)
def test_the_map_of_single_flips_equals_flipping_one_by_one(kind):
    network, (inputs, labels) = frozen(kind), samples(4, seed=1)

    def losses(outputs, targets):
        return functional.cross_entropy(outputs, targets, reduction="none")

    found = flip_sensitivity(network, losses, [Samples(inputs, labels)])
    source = torch.Generator().manual_seed(0)
    for name, codes in network.codes.items():
        element, bit = int(torch.randint(codes.numel(), (), generator=source)), network.bits[name] - 2
        flipped = apply_flips(network, Flips({name: (torch.tensor([element]), torch.tensor([bit]))}))
        expected = losses(flipped.scaled(flipped.forward_integer(inputs)), labels).double().mean()
        assert float(found[name].reshape(codes.numel(), -1)[element, bit]) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("kind", SMALL)
def test_the_landscape_is_that_of_autograd(kind):
    inputs, labels = samples(6, seed=1)
    model = copy.deepcopy(trained(kind)).double()
    problem = Problem(model, functional.cross_entropy, [(inputs.double(), labels)])
    norms = gradient_norms(problem).norms
    expected = []
    for row in range(len(inputs)):
        loss = functional.cross_entropy(model(inputs[row : row + 1].double()), labels[row : row + 1])
        slopes = torch.autograd.grad(loss, list(model.parameters()))
        expected.append(torch.cat([slope.flatten() for slope in slopes]).norm())
    torch.testing.assert_close(norms, torch.stack(expected), rtol=1e-6, atol=0)


@pytest.mark.parametrize("kind", SHALLOW)
def test_the_trace_of_frozen_and_float_networks_is_exact(kind):
    inputs, labels = samples(6, seed=1)
    for model in (trained(kind), frozen(kind).dequantized().eval()):
        trace = hessian_trace(Problem(model, functional.cross_entropy, [(inputs, labels)]), num_probes=2)
        assert trace.status == "ok" and trace.standard_error == 0 and trace.value > 0


@pytest.mark.parametrize("kind", SMALL)
def test_bounds_enclose_what_rounded_weights_compute(kind):
    inputs, network = samples(2, seed=1)[0], trained(kind)
    query = Query.of(network, inputs, 1e-4)
    bounds = enclose(query, "interval").intervals
    outputs = network(inputs).detach()
    last = list(bounds)[-1]
    for values in draws(query, 3):
        for name, drawn in values.items():
            assert ((bounds[name].lower <= drawn) & (drawn <= bounds[name].upper)).all(), name
    assert ((bounds[last].lower <= outputs) & (outputs <= bounds[last].upper)).all()
    assert (bounds[last].upper - bounds[last].lower).isfinite().all()


@pytest.mark.parametrize("kind", ("nin", "ds_cnn"))
def test_statements_are_made_of_float_and_frozen_networks(kind):
    options = CertificationOptions(
        precisions="all", seeds="all", statements=("rounding", "upsets"), rows=10, bits=(12,), proofs=0,
        deviation_rows=1, noise_radii=(1,), noise_rows=1, upset_rates=(0.01,),
        safe_shares=(0.9,), seconds=0.2, global_seconds=0.2,
    )  # fmt: skip
    rows = samples(3, seed=1)[0]
    for network, expected in ((trained(kind), {"rounding"}), (frozen(kind), {"rounding", "upsets"})):
        found = certificate(
            Subject(trained(kind), network, rows, torch.zeros(len(rows), dtype=torch.int64), rows, options)
        )
        assert found.statements.keys() == expected
        for measured in found.measurements:
            value, status = measured.estimate.value, measured.estimate.status
            assert status in ("ok", "timeout", "undefined") and (status == "undefined" or value >= 0), measured
