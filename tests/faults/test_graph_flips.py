"""Faults of networks that are no chains, against flipping, running in integers and measuring one by one."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from lowland.errors import LowlandError
from lowland.faults import (
    Flips,
    apply_flips,
    draw_flips,
    flip_sensitivity,
    layer_flips,
    measured_rows,
    single_flips,
    word_flips,
)
from lowland.faults.bit_flips import stored_sizes
from lowland.faults.measured_rows import Measure
from lowland.faults.scale_words import scale_words
from lowland.faults.stuck_at import apply_stuck_bits
from lowland.faults.targets import KINDS
from lowland.faults.transient import TransientFlips, flipped_codes
from lowland.quantization import IntegerNetwork
from lowland.quantization.graph.step import CodeFormat
from tests.quantization.graphs import GRAPHS, one_for_all

TARGETS = ("weights", "biases", "tables")


def scores(outputs: Tensor, targets: Tensor) -> Tensor:
    """Accuracy and cross-entropy of each row, of outputs of any shape."""
    flat = outputs.flatten(1)
    labels = targets % flat.shape[1]
    return torch.stack(
        [(flat.argmax(1) == labels).to(flat.dtype), functional.cross_entropy(flat, labels, reduction="none")], 1
    )


def answers(outputs: Tensor) -> Tensor:
    return outputs.flatten(1).argmax(1)


def places(network: IntegerNetwork, count: int) -> list[tuple[str, int, int]]:
    every = [
        (name, element, bit)
        for name, codes in network.codes.items()
        for element in range(codes.numel())
        for bit in range(network.bits[name])
    ]
    order = torch.randperm(len(every), generator=torch.Generator().manual_seed(3))[:count]
    return [every[place] for place in order.tolist()]


def one(name: str, element: int, bit: int) -> Flips:
    return Flips({name: (torch.tensor([element]), torch.tensor([bit]))})


def integer_outputs(network: IntegerNetwork, inputs: Tensor) -> Tensor:
    """In integers alone, without any short cut."""
    return network.scaled(network.forward_integer(inputs))


@cache
def case(name: str) -> tuple[IntegerNetwork, Tensor, Tensor]:
    inputs = GRAPHS[name].rows(9, seed=5)
    return GRAPHS[name].network(4), inputs, torch.arange(9) % 3


@pytest.mark.parametrize("name", GRAPHS)
def test_the_map_equals_300_flips_one_by_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured_rows, "ITEMS", 500)
    monkeypatch.setattr(layer_flips, "ACCUMULATORS", 2**12)
    monkeypatch.setattr(layer_flips, "SIGHTS", 2**14)
    monkeypatch.setattr(word_flips, "VALUES", 2**8)
    network, inputs, targets = case(name)
    found = single_flips(
        network,
        Measure(scores, answers),
        [(inputs[:4], targets[:4]), (inputs[4:], targets[4:])],
        targets=TARGETS if name == "tables" else TARGETS[:2],
    )
    assert list(found.metric) == list(network.codes)
    clean = answers(integer_outputs(network, inputs))
    changed = 0
    for tensor, element, bit in places(network, 300):
        outputs = integer_outputs(apply_flips(network, one(tensor, element, bit)), inputs)
        expected = scores(outputs, targets).double().mean(0)
        values = found.metric[tensor].flatten(0, -3)[element, bit]
        torch.testing.assert_close(values, expected, rtol=1e-6, atol=1e-6)
        changed += int((answers(outputs) != clean).sum())
        assert found.changing is not None
        assert bool((found.changing[answers(outputs) != clean] > 0).all())
    assert changed > 0 or name == "tables"  # there the next test counts them


@pytest.mark.parametrize("name", ["tables", "tied"])
def test_rows_tell_how_many_flips_change_their_answer_and_one_that_does(name: str) -> None:
    network, inputs, targets = case(name)
    kinds = TARGETS if name == "tables" else TARGETS[:2]
    found = single_flips(network, Measure(scores, answers), [(inputs, targets)], targets=kinds)
    clean = answers(integer_outputs(network, inputs))
    counted = torch.zeros(len(inputs), dtype=torch.int64)
    for tensor, element, bit in places(network, network.size):
        counted += answers(apply_flips(network, one(tensor, element, bit)).deployed_outputs(inputs)) != clean
    assert found.changing is not None and torch.equal(found.changing, counted)
    assert int(counted.max()) > 0
    for row in range(len(inputs)):
        flips = found.example(row)
        assert (flips is None) == (counted[row] == 0)
        if flips is not None:
            other = answers(integer_outputs(apply_flips(network, flips), inputs))
            assert other[row] != clean[row]
    alone = single_flips(network, scores, [(inputs, targets)], targets=kinds)
    assert alone.changing is None and all(torch.equal(alone.metric[key], found.metric[key]) for key in alone.metric)
    with pytest.raises(ValueError, match="answers is None"):
        alone.example(0)


@pytest.mark.parametrize("name", GRAPHS)
def test_a_selection_is_that_part_of_the_map(name: str) -> None:
    network, inputs, targets = case(name)
    kinds = TARGETS if name == "tables" else TARGETS[:2]
    whole = flip_sensitivity(network, scores, [(inputs, targets)], targets=kinds)
    chosen = draw_flips(network, targets=kinds, key=("selection",)).first(60)
    found = flip_sensitivity(network, scores, [(inputs, targets)], flips=chosen)
    assert sum(map(len, found.values())) == 60
    for key, (elements, bits) in chosen.bits.items():
        torch.testing.assert_close(found[key], whole[key].flatten(0, -3)[elements, bits], rtol=1e-12, atol=1e-12)


def test_selections_of_what_is_not_there_are_refused() -> None:
    network, inputs, targets = case("residual")
    for flips, message in (
        (one("nothing.weight", 0, 0), "flips name tensor 'nothing.weight'; expected one of first.weight"),
        (one("first.weight", 10**6, 0), r"flips reach beyond first\.weight"),
        (Flips({"first.weight": (torch.tensor([1, 1]), torch.tensor([2, 2]))}), r"a bit of first\.weight twice"),
    ):
        with pytest.raises(LowlandError, match=message):
            flip_sensitivity(network, scores, [(inputs, targets)], flips=flips)


def test_tables_are_a_target_of_their_own_in_plain_binary() -> None:
    network, inputs, _ = case("tables")
    assert stored_sizes(network, ("tables",)) == {"gate.table": (64, 4), "leak.table": (64, 4)}
    assert not any("table" in name for name in stored_sizes(network, ("weights", "biases")))
    table = network.codes["leak.table"]
    flipped = apply_flips(network, one("leak.table", 5, 3), encoding="sign_magnitude")
    assert (flipped.codes["leak.table"] - table)[5].abs() == 8
    everything = draw_flips(network, targets=("tables",), key=("all",))
    other = apply_flips(network, everything.first(64 * 2 * 4))
    assert torch.equal(other.codes["leak.table"] + 8, 15 - (table + 8))  # every bit: the complement
    again = apply_flips(other, everything.first(64 * 2 * 4))
    assert torch.equal(again.deployed_outputs(inputs), network.deployed_outputs(inputs))
    stuck = apply_stuck_bits(network, everything.first(64 * 2 * 4), value=0)
    assert torch.equal(stuck.codes["leak.table"], torch.full_like(table, -8))
    assert torch.equal(stuck.codes["gate.table"], torch.zeros_like(table, dtype=torch.int8))


def test_draws_of_weights_and_biases_do_not_know_of_tables() -> None:
    network = case("tables")[0]
    both, all_three = (draw_flips(network, targets=kinds, key=("draw",)) for kinds in (TARGETS[:2], TARGETS))
    names = torch.tensor([name.endswith("table") for name in all_three.names])
    kept = ~names[all_three.tensors]
    assert torch.equal(all_three.uniforms[kept], both.uniforms)
    assert torch.equal(all_three.elements[kept], both.elements)


def test_tied_tensors_are_hit_once_and_act_twice() -> None:
    network = case("tied")[0]
    assert set(stored_sizes(network, ("weights",))) == {"cell.weight", "head.weight"}
    flipped = apply_flips(network, one("cell.weight", 0, 3))
    assert torch.equal(flipped.steps["cell2"].weight, flipped.steps["cell"].weight)
    assert not torch.equal(flipped.steps["cell"].weight, network.steps["cell"].weight)


def test_float_words_are_hit_if_asked() -> None:
    network, inputs, _ = case("attention")
    assert "float32" in KINDS
    sizes = stored_sizes(network, ("float32",))
    assert sizes["norm.weight"] == (4, 32) and sizes["attend.out_proj.weight"] == (16, 32)
    assert not sizes.keys() & stored_sizes(network, ("weights", "biases")).keys()
    assert set(stored_sizes(network, ("float32",), ["norm"])) == {"norm.weight", "norm.bias"}
    flips = one("norm.weight", 2, 31)  # the sign
    flipped = apply_flips(network, flips)
    assert flipped.float_words["norm.weight"].tolist() == [1, 1, -1, 1]
    assert network.float_words["norm.weight"].tolist() == [1, 1, 1, 1]
    assert not torch.equal(flipped.deployed_outputs(inputs), network.deployed_outputs(inputs))
    assert torch.equal(apply_flips(flipped, flips).deployed_outputs(inputs), network.deployed_outputs(inputs))
    everything = draw_flips(network, targets=("weights", "float32"), key=("f",))
    some = apply_flips(network, everything.first(10))
    assert torch.equal(apply_flips(some, everything.first(10)).deployed_outputs(inputs),
                       network.deployed_outputs(inputs))  # fmt: skip


@pytest.mark.parametrize("name", GRAPHS)
def test_transient_flips_hit_every_rounding_step(name: str) -> None:
    network, inputs, _ = case(name)
    assert torch.equal(TransientFlips(network, bit_error_rate=0.0)(inputs), network.deployed_outputs(inputs))
    for step in network.activation_codes:
        disturbed = TransientFlips(network, bit_error_rate=0.5, layers=(step,), key=("x", step))
        disturbed(inputs)
        assert disturbed.flipped > 0
    outputs = TransientFlips(network, bit_error_rate=0.5, key=("x",))(inputs)
    assert not torch.equal(outputs, network.deployed_outputs(inputs))


def test_flipped_codes_of_a_moved_range_stay_within_it() -> None:
    kind = CodeFormat(4, -5, torch.ones(()))
    codes = torch.arange(-5, 11).float()
    for bit in range(4):
        flipped = flipped_codes(codes, torch.tensor(1 << bit), kind)
        assert torch.equal((flipped - codes).abs(), torch.full_like(codes, 2**bit))
        assert flipped.min() == -5 and flipped.max() == 10


@pytest.mark.parametrize("name", GRAPHS)
def test_flipped_scale_words_act_alike_in_both_arithmetics_and_twice_restores(name: str) -> None:
    network, inputs, _ = case(name)
    words = scale_words(network)
    read = {key.rpartition(".")[2] for key in words}
    assert {"multiplier", "shift", "output_scale"} <= read
    clean = network.deployed_outputs(inputs)
    changed = set()
    for key, (values, bits) in words.items():
        for bit in range(0, bits, 3):
            flips = one(key, values.numel() - 1, bit)
            flipped = apply_flips(network, flips)
            now = {other: found for other, (found, _) in scale_words(flipped).items()}
            for other, found in now.items():
                assert int((found ^ words[other][0]).flatten()[-1]) == ((1 << bit) if other == key else 0)
            outputs = flipped.deployed_outputs(inputs)
            if outputs.isfinite().all():
                torch.testing.assert_close(outputs, flipped.scaled(flipped.forward_integer(inputs)), rtol=0, atol=0)
                if not torch.equal(outputs, clean):
                    changed.add(key)
            assert torch.equal(apply_flips(flipped, flips).deployed_outputs(inputs), clean)
    assert changed == set(words)


def test_what_a_float_step_multiplies_with_is_a_word() -> None:
    network, inputs, _ = case("attention")
    words = scale_words(network)
    assert {key for key in words if "input_scale" in key} == {
        "norm.input_scale_0", "attend.input_scale_0", "attend.input_scale_1", "attend.input_scale_2"
    }  # fmt: skip
    assert set(stored_sizes(network, ("scales",))) == set(words)
    flipped = apply_flips(network, one("attend.input_scale_2", 0, 23))  # twice or half of it
    integers, before = flipped.integer_values(inputs), network.integer_values(inputs)
    own = network.steps["attend"].layer.in_proj_bias
    assert own.abs().max() == 0  # then attention is linear in its values
    bias = network.steps["attend"].layer.out_proj.bias
    ratio = (integers["attend"] - bias) / (before["attend"] - bias)
    assert torch.allclose(ratio, torch.full_like(ratio, 2.0), atol=1e-3) or torch.allclose(
        ratio, torch.full_like(ratio, 0.5), atol=1e-3
    )
    torch.testing.assert_close(flipped.float_values(inputs)["attend"], integers["attend"], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(flipped.dequantized()(inputs), flipped(inputs), rtol=1e-4, atol=1e-5)


def test_one_summand_for_all_channels_acts_in_all_of_them() -> None:
    network = one_for_all()
    inputs, targets = torch.randn(9, 5, generator=torch.Generator().manual_seed(1)), torch.arange(9) % 3
    found = flip_sensitivity(network, scores, [(inputs, targets)])
    for tensor in ("add.weight", "add.bias"):
        for bit in range(network.bits[tensor]):
            outputs = integer_outputs(apply_flips(network, one(tensor, 0, bit)), inputs)
            expected = scores(outputs, targets).double().mean(0)
            torch.testing.assert_close(found[tensor][0, bit], expected, rtol=1e-6, atol=1e-6)
