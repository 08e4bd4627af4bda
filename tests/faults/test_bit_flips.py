from __future__ import annotations

import copy
import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from lowland.coding.codes import code_range, smallest_dtype
from lowland.coding.encodings import ENCODINGS
from lowland.errors import LowlandError
from lowland.faults import (
    Flips,
    apply_flips,
    apply_float_flips,
    draw_flips,
    draw_float_flips,
    random_flips,
    random_float_flips,
)
from lowland.quantization import IntegerNetwork
from lowland.quantization.graph.linear_step import Linear
from tests.quantization.networks import float_network, integer_network

KEY = ("task", "flips", 0)
widths = st.integers(2, 16)


def single_layer(codes: list[int], bits: int) -> IntegerNetwork:
    return IntegerNetwork(
        [
            Linear(
                "0",
                ("inputs",),
                weight=torch.tensor([codes], dtype=smallest_dtype(bits)),
                weight_bits=bits,
                weight_scale=torch.tensor(0.5),
                bias=torch.zeros(1, dtype=torch.int8),
                bias_bits=1,
                output_scale=torch.tensor(0.5),
                accumulator_bits=32,
            )
        ]
    )


def word(code: int, bits: int) -> str:
    """The two's complement digits of a code, most significant first."""
    return format(code % 2**bits, f"0{bits}b")


def from_word(digits: str) -> int:
    return int(digits, 2) - (2 ** len(digits) if digits[0] == "1" else 0)


def one_flip(name: str, element: int, position: int) -> Flips:
    return Flips({name: (torch.tensor([element]), torch.tensor([position]))})


def as_set(flips: Flips, widths_by_name: dict[str, int]) -> set[tuple[str, int, int]]:
    """Flips as (tensor, element, bit counted from the most significant)."""
    return {
        (name, element, widths_by_name[name] - 1 - position)
        for name, (elements, positions) in flips.bits.items()
        for element, position in zip(elements.tolist(), positions.tolist(), strict=True)
    }


@st.composite
def words(draw: st.DrawFn) -> tuple[list[int], int]:
    bits = draw(widths)
    lowest, highest = code_range(bits, signed=True)
    return draw(st.lists(st.integers(lowest, highest), min_size=1, max_size=6)), bits


@settings(max_examples=40, deadline=None)
@given(words(), st.data())
def test_one_flip_changes_one_code_by_one_bit(case: tuple[list[int], int], data: st.DataObject) -> None:
    codes, bits = case
    element, position = data.draw(st.integers(0, len(codes) - 1)), data.draw(st.integers(0, bits - 1))
    flipped = apply_flips(single_layer(codes, bits), one_flip("0.weight", element, position)).codes["0.weight"][0]
    digits = list(word(codes[element], bits))
    digits[bits - 1 - position] = "10"[int(digits[bits - 1 - position])]
    expected = [*codes[:element], from_word("".join(digits)), *codes[element + 1 :]]
    assert flipped.tolist() == expected
    assert abs(expected[element] - codes[element]) == 2**position
    assert flipped.dtype == smallest_dtype(bits)


@settings(max_examples=40, deadline=None)
@given(words(), st.floats(0, 1), st.integers(0, 5))
def test_flipping_twice_restores(case: tuple[list[int], int], rate: float, draw: int) -> None:
    codes, bits = case
    network = single_layer(codes, bits)
    flips = random_flips(network, bit_error_rate=rate, targets=("weights",), key=(*KEY, draw))
    assert apply_flips(apply_flips(network, flips), flips).codes["0.weight"][0].tolist() == codes


@settings(max_examples=15, deadline=None)
@given(words())
def test_flip_changes_are_those_of_all_single_flips(case: tuple[list[int], int]) -> None:
    codes, bits = case
    changes = ENCODINGS["twos_complement"].changes(torch.tensor(codes, dtype=smallest_dtype(bits)), bits)
    assert changes.shape == (len(codes), bits)
    network = single_layer(codes, bits)
    for element, code in enumerate(codes):
        for position in range(bits):
            flipped = apply_flips(network, one_flip("0.weight", element, position)).codes["0.weight"][0]
            assert int(flipped[element]) - code == int(changes[element, position])


@settings(max_examples=40, deadline=None)
@given(words(), st.sampled_from(sorted(ENCODINGS)), st.data())
def test_one_flip_changes_a_code_by_its_place_in_every_encoding(
    case: tuple[list[int], int], encoding: str, data: st.DataObject
) -> None:
    codes, bits = case
    if encoding == "sign_magnitude":
        codes = [max(code, 1 - 2 ** (bits - 1)) for code in codes]
    element, position = data.draw(st.integers(0, len(codes) - 1)), data.draw(st.integers(0, bits - 1))
    flips = one_flip("0.weight", element, position)
    flipped = apply_flips(single_layer(codes, bits), flips, encoding=encoding).codes["0.weight"][0].tolist()
    old, new = codes[element], flipped[element]
    if encoding == "sign_magnitude" and position == bits - 1:
        assert new == -old
    else:
        assert abs(new - old) == 2**position or (encoding == "sign_magnitude" and old < 0 and new == 0)
    if encoding == "offset_binary":
        assert (new > old) == (not (old + 2 ** (bits - 1)) >> position & 1)
    assert [*flipped[:element], old, *flipped[element + 1 :]] == codes
    restored = apply_flips(single_layer(flipped, bits), flips, encoding=encoding).codes["0.weight"][0].tolist()
    if not (encoding == "sign_magnitude" and old < 0 and new == 0):  # it became negative zero, written as zero
        assert restored == codes


def test_negative_zero_is_zero_and_flipping_words_twice_restores_them() -> None:
    network = single_layer([-4, 3], 4)
    one = Flips({"0.weight": (torch.tensor([0]), torch.tensor([2]))})
    flipped = apply_flips(network, one, encoding="sign_magnitude")
    assert flipped.codes["0.weight"].tolist() == [[0, 3]]
    assert apply_flips(flipped, one, encoding="sign_magnitude").codes["0.weight"].tolist() == [[4, 3]]
    both = Flips({"0.weight": (torch.tensor([0, 0]), torch.tensor([2, 3]))})
    assert apply_flips(network, both, encoding="sign_magnitude").codes["0.weight"].tolist() == [[0, 3]]
    for flips in (one, both):
        assert len(flips ^ flips) == 0
        assert torch.equal(apply_flips(network, flips ^ flips).codes["0.weight"], network.codes["0.weight"])
    assert as_set(one ^ both, network.bits) == {("0.weight", 0, 0)}
    composed = apply_flips(network, one ^ both, encoding="sign_magnitude")
    assert composed.codes["0.weight"].tolist() == [[4, 3]]
    with pytest.raises(LowlandError, match="expected -7 to 7 in 4 bits of sign_magnitude"):
        apply_flips(single_layer([-8, 0], 4), one, encoding="sign_magnitude")


def scaled_layer(bits: int, *, per_channel: bool) -> IntegerNetwork:
    """Codes over all of the word's range, with one scale or one a channel."""
    source = torch.Generator().manual_seed(bits)
    lowest, highest = code_range(bits, signed=True)
    scale = torch.tensor([0.5, 0.3, 0.07]) if per_channel else torch.tensor(0.3)
    weight, bias = (torch.randint(lowest, highest + 1, shape, generator=source) for shape in ((3, 4), (3,)))
    return IntegerNetwork(
        [
            Linear(
                "0",
                ("inputs",),
                weight=weight.to(smallest_dtype(bits)),
                weight_bits=bits,
                weight_scale=scale[:, None] if per_channel else scale,
                bias=bias.to(smallest_dtype(bits)),
                bias_bits=bits,
                output_scale=scale * 0.25,
                accumulator_bits=40,
            )
        ]
    )


@settings(max_examples=40, deadline=None)
@given(widths, st.booleans(), st.integers(0, 30), st.integers(0, 5))
def test_values_move_by_the_place_of_the_bit_times_their_step_and_no_scale_moves(
    bits: int, per_channel: bool, count: int, draw: int
) -> None:
    network = scaled_layer(bits, per_channel=per_channel)
    flips = random_flips(network, count=count, key=(*KEY, draw))
    flipped = apply_flips(network, flips)
    changed = 0
    for name, codes in network.codes.items():
        difference = (codes.long() ^ flipped.codes[name].long()) & (2**bits - 1)
        changed += sum(d.bit_count() for d in difference.flatten().tolist())
        scale = network.scales[name]
        assert flipped.scales[name] is scale
        assert torch.equal(flipped.dequantized().get_parameter(name), flipped.codes[name] * scale)
        for element, position in zip(*(sites.tolist() for sites in flips.bits.get(name, ())), strict=True):
            one = apply_flips(network, one_flip(name, element, position))
            moved = (one.codes[name].long() - codes.long()).flatten()
            assert moved.abs().tolist() == [2**position if e == element else 0 for e in range(codes.numel())]
            up = (int(codes.flatten()[element]) >> position & 1) == (position == bits - 1)
            assert (int(moved[element]) > 0) == up  # a set bit falls; the sign bit the other way round
    assert changed == count
    restored = apply_flips(flipped, flips)
    assert all(torch.equal(codes, restored.codes[name]) for name, codes in network.codes.items())


@settings(max_examples=15, deadline=None)
@given(widths, st.floats(0.001, 0.999), st.integers(0, 3))
def test_every_width_meets_its_bit_error_rate(bits: int, rate: float, draw: int) -> None:
    network = single_layer([0] * 2000, bits)
    flips = random_flips(network, bit_error_rate=rate, targets=("weights",), key=(*KEY, draw))
    expected = 2000 * bits * rate
    assert abs(len(flips) - expected) < 5 * math.sqrt(expected * (1 - rate)) + 1


@settings(deadline=None)
@given(widths)
def test_the_lowest_code_is_reached_from_zero_and_left_again(bits: int) -> None:
    network = single_layer([0], bits)
    flipped = apply_flips(network, one_flip("0.weight", 0, bits - 1))
    assert int(flipped.codes["0.weight"]) == -(2 ** (bits - 1))
    assert flipped.dequantized().get_parameter("0.weight").item() == -(2 ** (bits - 1)) * 0.5
    assert int(apply_flips(flipped, one_flip("0.weight", 0, bits - 1)).codes["0.weight"]) == 0


@settings(max_examples=6, deadline=None)
@given(widths, st.integers(0, 3))
def test_flip_sets_nest_in_count_and_in_rate(bits: int, draw: int) -> None:
    network = integer_network(bits)
    order = draw_flips(network, key=(*KEY, draw))
    total = sum(codes.numel() * network.bits[name] for name, codes in network.codes.items())
    sets = [as_set(order.first(count), network.bits) for count in (0, 1, 5, 20, total)]
    assert [len(flips) for flips in sets] == [0, 1, 5, 20, total]
    assert all(smaller < larger for smaller, larger in pairwise(sets))
    rates = [as_set(order.below(rate), network.bits) for rate in (0.0, 1e-2, 0.1, 0.5, 1.0)]
    assert rates[0] == set() and rates[-1] == sets[-1]
    assert all(smaller <= larger for smaller, larger in pairwise(rates))
    assert rates[2] == as_set(order.first(len(rates[2])), network.bits)


@pytest.mark.parametrize(("few", "many"), [(2, 3), (2, 8), (4, 8), (8, 16)])
def test_precisions_share_flips_counted_from_the_most_significant_bit(few: int, many: int) -> None:
    coarse, fine = integer_network(few), integer_network(many)
    for rate in (0.01, 0.1):
        one = as_set(random_flips(coarse, bit_error_rate=rate, targets=("weights",), key=KEY), coarse.bits)
        other = as_set(random_flips(fine, bit_error_rate=rate, targets=("weights",), key=KEY), fine.bits)
        assert one == {flip for flip in other if flip[2] < few}


def test_layers_restrict_the_same_draw() -> None:
    network = integer_network(8)
    total = 9 * 8 * 8 + sum(network.bits[f"{n}.bias"] for n in "024")  # far above what one layer holds
    with pytest.raises(LowlandError, match="the bits that can flip"):
        random_flips(network, count=total, layers=("4",), key=KEY)
    everywhere = as_set(random_flips(network, bit_error_rate=0.2, key=KEY), network.bits)
    here = as_set(random_flips(network, bit_error_rate=0.2, layers=("2", "4"), key=KEY), network.bits)
    assert here == {flip for flip in everywhere if flip[0][0] in "24"} and here != everywhere


def test_a_generator_draws_anew_at_every_call_and_again_from_its_seed() -> None:
    network = integer_network(8)
    draws = torch.Generator().manual_seed(3)
    one, other = (as_set(random_flips(network, count=30, generator=draws), network.bits) for _ in range(2))
    again = as_set(random_flips(network, count=30, generator=torch.Generator().manual_seed(3)), network.bits)
    assert one == again != other
    default = [as_set(random_flips(network, count=30), network.bits) for _ in range(2)]
    assert default[0] == default[1] != one


def test_keys_and_tensors_draw_their_own_numbers() -> None:
    network = integer_network(8)
    one, same, other = (random_flips(network, count=40, key=("task", "flips", n)) for n in (0, 0, 1))
    assert as_set(one, network.bits) == as_set(same, network.bits) != as_set(other, network.bits)


@pytest.mark.parametrize("bits", [2, 5, 8, 16])
def test_nothing_else_moves(bits: int) -> None:
    network = integer_network(bits)
    before = copy.deepcopy(network.state_dict())
    flips = random_flips(network, count=7, targets=("biases",), key=KEY)
    flipped = apply_flips(network, flips)
    assert len(flips) == 7 and all(name.endswith("bias") for name in flips.bits)
    changed = 0
    for name, tensor in flipped.state_dict().items():
        assert torch.equal(network.state_dict()[name], before[name])
        if not torch.equal(tensor, before[name]):
            assert name.removeprefix("steps.") in flips.bits
    for name, codes in flipped.codes.items():
        difference = (codes.long() ^ network.codes[name].long()) % 2 ** network.bits[name]
        changed += sum(int(d).bit_count() for d in difference.reshape(-1).tolist())
    assert changed == 7


@pytest.mark.parametrize("rate", [1e-2, 0.1, 0.5])
def test_the_observed_bit_error_rate_is_the_asked_one(rate: float) -> None:
    network = integer_network(8)
    total = sum(codes.numel() * network.bits[name] for name, codes in network.codes.items())
    draws = 40
    flipped = sum(len(random_flips(network, bit_error_rate=rate, key=(*KEY, draw))) for draw in range(draws))
    expected = total * draws * rate
    assert abs(flipped - expected) < 4 * math.sqrt(expected * (1 - rate))


def test_every_bit_is_flipped_equally_often() -> None:
    network = integer_network(4)
    counts: dict[tuple[str, int], int] = {}
    draws = 100
    for draw in range(draws):
        for name, _, bit in as_set(random_flips(network, count=30, key=(*KEY, draw)), network.bits):
            counts[name, bit] = counts.get((name, bit), 0) + 1
    total = sum(codes.numel() * network.bits[name] for name, codes in network.codes.items())
    for (name, _), seen in counts.items():
        expected = draws * 30 * network.codes[name].numel() / total
        assert abs(seen - expected) < 5 * math.sqrt(expected)


def float_words(tensor: Tensor) -> Tensor:
    return tensor.detach().view(torch.int32)


def test_float_flips_change_exactly_their_bits_of_a_copy() -> None:
    network = float_network()
    before = copy.deepcopy(network.state_dict())
    flips = random_float_flips(network, count=25, key=KEY)
    flipped = apply_float_flips(network, flips)
    changed = set()
    for name, tensor in flipped.named_parameters():
        assert torch.equal(network.state_dict()[name], before[name])
        difference = float_words(tensor) ^ float_words(before[name])
        for element, bits in enumerate(difference.reshape(-1).tolist()):
            changed |= {(name, element, 31 - k) for k in range(32) if bits % 2**32 >> k & 1}
    assert changed == as_set(flips, dict.fromkeys(before, 32)) and len(changed) == 25
    again = apply_float_flips(flipped, flips)
    assert all(torch.equal(float_words(p), float_words(before[n])) for n, p in again.named_parameters())


def test_float_flips_nest_and_can_leave_the_numbers() -> None:
    network = float_network()
    order = draw_float_flips(network, key=KEY)
    sets = [as_set(order.first(count), dict.fromkeys(network.state_dict(), 32)) for count in (1, 10, 100)]
    assert sets[0] < sets[1] < sets[2]
    with torch.no_grad():
        network[0].weight.fill_(1.5)  # exponent 01111111: its top bit makes it 11111111, with a fraction: NaN
    flipped = apply_float_flips(network, one_flip("0.weight", 0, 30))
    assert bool(flipped[0].weight[0, 0].isnan())


def test_bad_levels_and_targets_are_refused() -> None:
    network = integer_network(4)
    total = sum(codes.numel() * network.bits[name] for name, codes in network.codes.items())
    with pytest.raises(LowlandError, match=rf"count is {total + 1}; expected 0 to {total}, the bits that can flip"):
        random_flips(network, count=total + 1, key=KEY)
    with pytest.raises(LowlandError, match="count is -1"):
        random_flips(network, count=-1, key=KEY)
    for rate in (-0.1, 1.5, float("nan")):
        with pytest.raises(LowlandError, match=r"bit_error_rate is .*; expected 0 to 1"):
            random_flips(network, bit_error_rate=rate, key=KEY)
    with pytest.raises(LowlandError, match="expected exactly one"):
        random_flips(network, key=KEY)
    with pytest.raises(LowlandError, match="expected exactly one"):
        random_float_flips(float_network(), count=1, bit_error_rate=0.1, key=KEY)
    with pytest.raises(LowlandError, match=r"targets are \['codes'\]; expected one or more of weights, biases, scales"):
        random_flips(network, count=1, targets=("codes",), key=KEY)
    with pytest.raises(LowlandError, match="targets are"):
        random_flips(network, count=1, targets=(), key=KEY)
    with pytest.raises(LowlandError, match=r"targets are 'weights'; expected a sequence"):
        random_flips(network, count=1, targets="weights", key=KEY)
    with pytest.raises(LowlandError, match=r"targets name activations; .* use TransientFlips"):
        random_flips(network, count=1, targets=("weights", "activations"), key=KEY)
    with pytest.raises(LowlandError, match=r"layers are \['7'\]; expected names of steps of the network: input, 0, 1"):
        random_flips(network, count=1, layers=["7"], key=KEY)
    with pytest.raises(LowlandError, match=r"layers are \['1'\]; none of them stores"):
        random_flips(network, count=1, layers=["1"], key=KEY)
    with pytest.raises(LowlandError, match="key and generator are both given"):
        random_flips(network, count=1, generator=torch.Generator(), key=KEY)
    with pytest.raises(LowlandError, match="none of the tensors"):
        random_float_flips(float_network(bias=False), count=1, targets=("biases",), key=KEY)


def test_flips_that_do_not_fit_the_network_are_refused() -> None:
    network = integer_network(4)
    with pytest.raises(LowlandError, match=r"flips name tensor '9\.weight'"):
        apply_flips(network, one_flip("9.weight", 0, 0))
    with pytest.raises(LowlandError, match=r"flips reach beyond 0\.weight: 72 elements of 4 bits"):
        apply_flips(network, one_flip("0.weight", 0, 4))
    with pytest.raises(LowlandError, match=r"flips reach beyond 0\.weight"):
        apply_flips(network, one_flip("0.weight", 72, 0))
    with pytest.raises(LowlandError, match=r"flips reach beyond 0\.weight"):
        apply_flips(network, one_flip("0.weight", -1, 0))
    with pytest.raises(LowlandError, match=r"flips name a bit of 0\.weight twice"):
        apply_flips(network, Flips({"0.weight": (torch.tensor([3, 3]), torch.tensor([1, 1]))}))
    with pytest.raises(LowlandError, match="encoding: got 'gray'"):
        apply_flips(network, one_flip("0.weight", 0, 0), encoding="gray")
    with pytest.raises(LowlandError, match=r"expected torch\.float32"):
        random_float_flips(float_network().double(), count=1, key=KEY)


@pytest.mark.parametrize(
    "turned",
    [
        lambda net: net.to(memory_format=torch.channels_last),
        lambda net: net[3].weight.set_(net[3].weight.t().contiguous().t()),  # stored column by column
    ],
    ids=["channels_last", "transposed"],
)
def test_float_flips_do_not_depend_on_the_order_in_memory(turned) -> None:
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3)).requires_grad_(False)
    other = copy.deepcopy(plain)
    turned(other)
    assert not all(p.is_contiguous() for p in other.parameters())
    flips = random_float_flips(plain, bit_error_rate=0.01, key=KEY)
    before = [p.clone() for p in other.parameters()]
    first, second = apply_float_flips(plain, flips), apply_float_flips(other, flips)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a.view(torch.int32), b.view(torch.int32))
    assert all(torch.equal(a, b) for a, b in zip(other.parameters(), before, strict=True))
    again = apply_float_flips(second, flips)
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), plain.parameters(), strict=True))
