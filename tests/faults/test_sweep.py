import torch

from lowland.faults import BitFlipOptions, flipped_networks
from lowland.quantization import Precision, build_quantized, calibrate, freeze
from lowland.tasks.networks import initialised_network

SPEC = {"kind": "mlp", "inputs": 6, "hidden": [5], "outputs": 3}
INPUTS = torch.randn(40, 6, generator=torch.Generator().manual_seed(0))
OPTIONS = BitFlipOptions(counts=(1, 4, 10**9), bit_error_rates=(0.01, 0.2), draws=3)


def integer_network():
    network = initialised_network(SPEC, key=("toy", 0)).eval()
    twin = build_quantized(network, Precision(method="ptq", weight_bits=4, activation_bits=4), input_bits=8)
    calibrate(twin, INPUTS)
    return freeze(twin)


def changed_bits(network, flipped):
    """Bits by which the codes of two networks differ, in their two's complement width."""
    count = 0
    for name, codes in network.codes.items():
        mask = (1 << network.bits[name]) - 1
        differences = (codes.to(torch.int64) ^ flipped.codes[name].to(torch.int64)) & mask
        count += sum(bin(int(d)).count("1") for d in differences.flatten())
    return count


def test_every_level_flips_as_many_bits_as_it_says_and_impossible_counts_are_left_out():
    network = integer_network()
    levels = {(c, level): networks for c, level, networks in flipped_networks(network, OPTIONS, key=("toy",))}
    assert set(levels) == {("flips", 1.0), ("flips", 4.0), ("bit_error_rate", 0.01), ("bit_error_rate", 0.2)}
    assert [changed_bits(network, n) for n in levels["flips", 4.0]] == [4, 4, 4]
    share = sum(changed_bits(network, n) for n in levels["bit_error_rate", 0.2]) / (3 * network.size)
    assert 0.13 < share < 0.27


def test_float_networks_flip_words_under_conditions_of_their_own():
    network = initialised_network(SPEC, key=("toy", 0)).eval()
    before = network.layers[0].weight.detach().clone()
    conditions = {condition for condition, _, _ in flipped_networks(network, OPTIONS, key=("toy",))}
    assert conditions == {"ieee754_flips", "ieee754_bit_error_rate"}
    assert torch.equal(network.layers[0].weight, before)
