from __future__ import annotations

import copy

import torch
from torch import nn

from lowland.quantization import IntegerNetwork, Precision, build_quantized, calibrate, deployment_check, freeze
from lowland.quantization.graph.float_island import FloatIsland
from tests.quantization.convolutions import CASES

CASE = CASES["autoencoder"]


def test_the_decoder_stays_as_it_was() -> None:
    quantized = CASE.twin(6, steps=3)
    network = freeze(quantized)
    decoder = network.steps["decoder"]
    assert isinstance(decoder, FloatIsland)
    codes = torch.randint(0, 64, (5, 16), generator=torch.Generator().manual_seed(0))
    values = codes * network.activation_scales["encoder_4"]
    assert torch.equal(decoder.integer(codes), decoder(values))
    assert torch.equal(decoder(values), quantized.layers.decoder(values))
    assert torch.equal(network.output_scale, torch.ones(()))


def test_its_floats_are_no_codes() -> None:
    network = freeze(CASE.twin(6))
    assert list(network.codes) == [f"encoder_{index}.{kind}" for index in (0, 3) for kind in ("weight", "bias")]
    sizes = {name: codes.numel() * network.bits[name] for name, codes in network.codes.items()}
    assert network.size == sum(sizes.values())
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_its_twin_is_trained_and_leaves_it_alone() -> None:
    network = freeze(CASE.twin(6))
    before = copy.deepcopy(network.state_dict())
    twin = network.dequantized()
    inputs = CASE.rows(8)
    twin(inputs).square().sum().backward()
    trained = dict(twin.named_parameters())
    assert "decoder.3.weight" in trained and set(network.codes) < set(trained)
    assert all(p.grad is not None for p in trained.values())
    with torch.no_grad():
        for parameter in trained.values():
            parameter.zero_()
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert type(twin.decoder[3]) is nn.ConvTranspose2d


def test_nothing_is_shared_with_the_twin_of_brevitas() -> None:
    quantized = CASE.twin(4)
    network = freeze(quantized)
    inputs = CASE.rows(8)
    before = network(inputs)
    with torch.no_grad():
        quantized.layers.decoder[0].weight.zero_()
    assert torch.equal(network(inputs), before)
    original = CASE.network()
    assert all(p.requires_grad for p in original.parameters())


def test_outputs_are_compared_where_nothing_is_decided() -> None:
    quantized = CASE.twin(8, steps=3)
    check = deployment_check(quantized, freeze(quantized), CASE.rows(200, seed=7))
    assert check.largest_difference <= 1e-5 and check.integer_difference <= 1e-5
    assert check.decisions_changed is check.integer_decisions is check.tied is None


def test_scales_by_channel_before_it_do_not_reach_behind_it() -> None:
    network = CASE.network()
    quantized = build_quantized(
        network,
        Precision(method="ptq", weight_bits=8, activation_bits=8, per_channel=True),
        input_bits=8,
        float_from="decoder",
    )
    calibrate(quantized, CASE.rows(100))
    frozen = freeze(quantized)
    assert frozen.output_scale.shape == () and float(frozen.output_scale) == 1
    check = deployment_check(quantized, frozen, CASE.rows(50, seed=7))
    assert check.largest_difference <= 1e-5 and check.integer_difference <= 1e-2


def test_it_survives_its_spec() -> None:
    network = freeze(CASE.twin(4))
    state = torch.get_rng_state()
    again = IntegerNetwork.from_spec(network.spec)
    assert torch.equal(torch.get_rng_state(), state)
    again.load_state_dict({name: tensor.clone() for name, tensor in network.state_dict().items()}, assign=True)
    inputs = CASE.rows(8)
    assert torch.equal(again(inputs), network(inputs))
    assert torch.equal(again.with_codes({"encoder_0.weight": network.codes["encoder_0.weight"]})(inputs), again(inputs))
