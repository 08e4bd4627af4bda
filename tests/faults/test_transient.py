from __future__ import annotations

import math
from functools import cache
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lowland.errors import LowlandError
from lowland.faults import transient as module
from lowland.faults.transient import TransientFlips, flipped_codes
from lowland.quantization import IntegerNetwork, freeze
from lowland.quantization.graph.rounding_steps import Quantize
from tests.quantization.convolutions import CASES
from tests.quantization.networks import FEATURES, integer_network, rows

KEY = ("task", "transient", 0)
INPUTS, _ = rows(60, seed=1)
BITS = FEATURES * 8 + (12 + 8) * 4  # of one inference of the four-bit network

mlp = cache(integer_network)


class Recorded(TransientFlips):
    """Keeps the masks of the last block of rows."""

    def _masks(self, rows: int, shapes: dict[str, torch.Size]) -> dict[str, Tensor]:
        self.last = super()._masks(rows, shapes)
        return self.last


def as_sets(masks: dict[str, Tensor], network: IntegerNetwork) -> list[set[tuple[str, int, int]]]:
    """Of each row, flips as (step, element, bit counted from the most significant)."""
    found: list[set[tuple[str, int, int]]] = [set() for _ in next(iter(masks.values()))]
    for name, mask in masks.items():
        bits = network.activation_bits[name]
        for row, words in enumerate(mask.flatten(1).tolist()):
            found[row] |= {
                (name, e, k) for e, word in enumerate(words) for k in range(bits) if word >> bits - 1 - k & 1
            }
    return found


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 16), st.booleans())
def test_flipped_codes_stay_codes_and_flipping_twice_restores(bits: int, signed: bool) -> None:
    step = Quantize("0", ("inputs",), bits=bits, signed=signed, scale=torch.tensor(1.0))
    codes = torch.randint(step.lowest, step.highest + 1, (300,), generator=torch.Generator().manual_seed(bits)).float()
    for position in range(bits):
        flipped = flipped_codes(codes, torch.tensor(1 << position), step.result_codes)
        change = flipped - codes
        assert torch.equal(change.abs(), torch.full_like(codes, 2**position))
        assert step.lowest <= flipped.min() and flipped.max() <= step.highest
        if not signed:
            assert torch.equal(change > 0, codes.long() >> position & 1 == 0)
        assert torch.equal(flipped_codes(flipped, torch.tensor(1 << position), step.result_codes), codes)
    assert flipped_codes(torch.tensor([math.nan]), torch.tensor(1), step.result_codes).isnan().all()


@pytest.mark.parametrize("case", ["mlp", *CASES])
def test_without_flips_it_is_the_deployed_network(case: str) -> None:
    network = mlp(4) if case == "mlp" else freeze(CASES[case].twin(4))
    inputs = INPUTS if case == "mlp" else CASES[case].rows(9, seed=1)
    for level in ({"count": 0}, {"bit_error_rate": 0.0}):
        wrapped = TransientFlips(network, **level)  # type: ignore[arg-type]  # a count or a rate
        outputs = wrapped(inputs)
        assert torch.equal(outputs, network.deployed_outputs(inputs)) and wrapped.flipped == 0
        assert wrapped(inputs[:0]).shape == outputs[:0].shape


def test_flips_act_on_the_integers_of_their_step() -> None:
    network = mlp(4)
    wrapped = Recorded(network, bit_error_rate=0.2, layers=("1",), key=KEY)
    outputs = wrapped(INPUTS)
    clean = network.integer_values(INPUTS)
    values = clean["1"] ^ wrapped.last["1"]
    assert not torch.equal(values, clean["1"]) and list(wrapped.last) == ["1"]
    for name in ("2", "3", "4"):
        values = network.steps[name].integer(values)
    assert torch.equal(outputs, network.scaled(values))


@pytest.mark.parametrize("count", [1, 5, 100, BITS])
def test_every_inference_meets_exactly_its_count(count: int) -> None:
    wrapped = Recorded(mlp(4), count=count, key=KEY)
    wrapped(INPUTS)
    sets = as_sets(wrapped.last, mlp(4))
    assert [len(flips) for flips in sets] == [count] * len(INPUTS)
    assert wrapped.flipped == count * len(INPUTS)
    assert count == BITS or len({frozenset(flips) for flips in sets}) > 50  # others in every inference


@pytest.mark.parametrize("rate", [1e-3, 0.05, 0.5])
def test_the_observed_bit_error_rate_is_the_asked_one(rate: float) -> None:
    wrapped = TransientFlips(mlp(4), bit_error_rate=rate, key=KEY)
    many = INPUTS.repeat(20, 1)
    wrapped(many)
    expected = rate * BITS * len(many)
    assert abs(wrapped.flipped - expected) < 4 * math.sqrt(expected * (1 - rate))


def test_levels_nest_and_precisions_share_flips() -> None:
    def drawn(network: IntegerNetwork, **level: float) -> list[set[tuple[str, int, int]]]:
        wrapped = Recorded(network, key=KEY, **level)  # type: ignore[arg-type]  # a count or a rate
        wrapped(INPUTS)
        return as_sets(wrapped.last, network)

    rates = [drawn(mlp(4), bit_error_rate=rate) for rate in (0.01, 0.1, 0.6)]
    counts = [drawn(mlp(4), count=count) for count in (1, 6, 40)]
    for levels in (rates, counts):
        for fewer, more in pairwise(levels):
            assert all(one <= other for one, other in zip(fewer, more, strict=True))
    assert all(a <= b or b <= a for a, b in zip(rates[1], counts[2], strict=True))
    finer = drawn(mlp(8), bit_error_rate=0.1)
    for few, many in zip(rates[1], finer, strict=True):
        assert few == {flip for flip in many if flip[0] == "input" or flip[2] < 4}


def test_inferences_differ_restart_repeats_and_batches_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    wrapped = TransientFlips(mlp(4), bit_error_rate=0.1, key=KEY)
    first, second = wrapped(INPUTS), wrapped(INPUTS)
    assert not torch.equal(first, second)
    for size in (1, 7, 60):
        wrapped.restart()
        again = torch.cat([wrapped(part) for part in torch.cat([INPUTS, INPUTS]).split(size)])
        assert torch.equal(again, torch.cat([first, second]))
    monkeypatch.setattr(module, "DRAWN_BITS", 5 * BITS)
    wrapped.restart()
    assert torch.equal(wrapped(INPUTS), first)
    draws = torch.Generator().manual_seed(1)
    one, other = (TransientFlips(mlp(4), bit_error_rate=0.1, generator=draws)(INPUTS) for _ in range(2))
    assert not torch.equal(one, other)


def test_the_network_is_left_as_it_came() -> None:
    network = mlp(4)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    clean = network.deployed_outputs(INPUTS)
    TransientFlips(network, bit_error_rate=0.5)(INPUTS)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert torch.equal(network.deployed_outputs(INPUTS), clean)


def test_bad_levels_and_layers_are_refused() -> None:
    network = mlp(4)
    with pytest.raises(LowlandError, match="expected exactly one"):
        TransientFlips(network)
    with pytest.raises(LowlandError, match="expected exactly one"):
        TransientFlips(network, count=1, bit_error_rate=0.1)
    with pytest.raises(LowlandError, match=r"bit_error_rate is 1\.5; expected 0 to 1"):
        TransientFlips(network, bit_error_rate=1.5)
    with pytest.raises(LowlandError, match="count is -1; expected at least 0"):
        TransientFlips(network, count=-1)
    with pytest.raises(LowlandError, match=f"count is {BITS + 1}; expected 0 to {BITS}"):
        TransientFlips(network, count=BITS + 1)(INPUTS)
    with pytest.raises(LowlandError, match=r"layers are \['9'\]; expected names of steps"):
        TransientFlips(network, count=1, layers=["9"])
    with pytest.raises(LowlandError, match=r"layers are \['0'\]; none of them stores"):
        TransientFlips(network, count=1, layers=["0"])
