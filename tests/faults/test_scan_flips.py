"""Faults of recurrent networks, against flipping, running in integers and measuring one by one."""

from __future__ import annotations

import pytest
import torch

from lowland.faults import Flips, apply_flips, scan_flips, sensitivity, single_flips
from lowland.faults.measured_rows import Measure
from lowland.faults.scale_words import scale_words
from lowland.faults.transient import TransientFlips
from lowland.quantization import IntegerNetwork
from tests.faults import slow_scan
from tests.faults.test_graph_flips import answers, integer_outputs, one, places, scores
from tests.quantization.recurrent import CASES

TARGETS = ("weights", "biases", "tables")


@pytest.mark.parametrize("name", ["lstm", "gru_text"])
def test_the_map_equals_flips_one_by_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan_flips, "NUMBERS", 999)
    network, inputs = CASES[name].integer(3), CASES[name].rows(9, seed=5)
    labels = torch.arange(9) % 3
    batches = [(inputs[:4], labels[:4]), (inputs[4:], labels[4:])]
    chosen: dict[str, tuple[list[int], list[int]]] = {}
    for tensor, element, bit in places(network, 60):
        elements, bits = chosen.setdefault(tensor, ([], []))
        elements.append(element)
        bits.append(bit)
    in_order = {tensor: chosen[tensor] for tensor in network.codes if tensor in chosen}
    flips = Flips({tensor: (torch.tensor(e), torch.tensor(b)) for tensor, (e, b) in in_order.items()})
    found = single_flips(network, Measure(scores, answers), batches, flips=flips)
    clean = answers(integer_outputs(network, inputs))
    changed = torch.zeros(len(inputs), dtype=torch.int64)
    for tensor, (elements, bits) in in_order.items():
        for place, (element, bit) in enumerate(zip(elements, bits, strict=True)):
            outputs = integer_outputs(apply_flips(network, one(tensor, element, bit)), inputs)
            expected = scores(outputs, labels).double().mean(0)
            torch.testing.assert_close(found.metric[tensor][place], expected, rtol=1e-6, atol=1e-6)
            changed += answers(outputs) != clean
    assert found.changing is not None and torch.equal(found.changing, changed) and int(changed.sum()) > 0


@pytest.mark.parametrize("name", CASES)
def test_the_map_is_that_of_whole_sequences_to_the_last_bit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what differs is followed: padded places, both directions, several layers, states that come back."""
    network, inputs = CASES[name].integer(8), CASES[name].rows(7, seed=5)
    chosen: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
    for tensor, codes in network.codes.items():
        if "." in tensor.rpartition(".")[0]:
            bits = network.bits[tensor]
            sites = torch.arange(0, codes.numel() * bits, codes.numel() * bits // 24 | 1)  # all places of bits
            chosen[tensor] = (sites // bits, sites % bits)
    batches = [(inputs, torch.arange(7) % 3)]
    found = single_flips(network, Measure(scores, answers), batches, flips=Flips(chosen))
    monkeypatch.setattr(sensitivity, "scan_flips", slow_scan.scan_flips)
    expected = single_flips(network, Measure(scores, answers), batches, flips=Flips(chosen))
    assert all(torch.equal(found.metric[tensor], expected.metric[tensor]) for tensor in chosen)
    assert found.changing is not None and expected.changing is not None
    assert torch.equal(found.changing, expected.changing)
    assert all(len(found.metric[tensor].unique(dim=0)) > 1 for tensor in chosen if tensor.endswith("weight"))
    torch.testing.assert_close(found.sample_drops, expected.sample_drops, rtol=1e-12, atol=1e-12)


def test_all_bits_of_a_body_are_in_the_map() -> None:
    network, inputs = CASES["gru"].integer(3), CASES["gru"].rows(4, seed=5)
    found = single_flips(network, scores, [(inputs, torch.zeros(4, dtype=torch.int64))], targets=TARGETS)
    assert list(found.metric) == list(network.codes)
    for name, codes in network.codes.items():
        assert found.metric[name].shape == (*codes.shape, network.bits[name], 2), name
    entry, table = 0, network.codes["recurrence.tanh_n.table"]
    used = network.integer_values(inputs)["recurrence.tanh_n_in"] - network.steps["recurrence"].tanh_n.lowest
    entry = int(used[0, 0, 0])
    clean = scores(integer_outputs(network, inputs), torch.zeros(4, dtype=torch.int64)).double().mean(0)
    assert not torch.equal(found.metric["recurrence.tanh_n.table"][entry, -1], clean)
    unused = next(place for place in range(len(table)) if not bool((used == place).any()))
    torch.testing.assert_close(
        found.metric["recurrence.tanh_n.table"][unused], clean.expand(network.bits["recurrence.tanh_n.table"], 2)
    )


def with_flipped_state(
    network: IntegerNetwork, inputs: torch.Tensor, name: str, layer: str, count: int
) -> torch.Tensor:
    return TransientFlips(network, count=count, layers=(layer,), key=("scan", name))(inputs)


@pytest.mark.parametrize("name", ["lstm", "gru_text"])
def test_transient_flips_hit_what_a_body_rounds(name: str) -> None:
    network, inputs = CASES[name].integer(4), CASES[name].rows(6, seed=7)
    clean = network.deployed_outputs(inputs)
    assert torch.equal(TransientFlips(network, bit_error_rate=0.0)(inputs), clean)
    assert torch.equal(with_flipped_state(network, inputs, name, "recurrence", 0), clean)
    all_bits = {n: c for n, c in network.activation_codes.items() if n.startswith("recurrence.")}
    sizes = {n: network.integer_values(inputs)[n][0].numel() * c.bits for n, c in all_bits.items()}
    flips = TransientFlips(network, bit_error_rate=1.0, layers=("recurrence",))
    assert not torch.equal(flips(inputs), clean)
    assert flips.flipped == 6 * sum(sizes.values())  # every bit of every place
    assert not torch.equal(TransientFlips(network, bit_error_rate=0.2, key=("x",))(inputs), clean)


def test_stored_scales_of_a_body_are_words_and_read_at_every_place() -> None:
    network, inputs = CASES["lstm"].integer(4), CASES["lstm"].rows(6, seed=7)
    words = scale_words(network)
    rounding = [name for name, codes in network.activation_codes.items() if f"{name}.multiplier" in words]
    assert len(rounding) == 10 and "recurrence.sum_in0" in rounding and "recurrence.h" in rounding
    assert all(bits in (6, 32) for name, (_, bits) in words.items())
    flipped = apply_flips(network, one("recurrence.c.shift", 0, 0))
    step, old = flipped.steps["recurrence"].c, network.steps["recurrence"].c
    assert int(step.shift) == int(old.shift) ^ 1
    assert not torch.equal(flipped.deployed_outputs(inputs), network.deployed_outputs(inputs))
    assert torch.equal(flipped.deployed_outputs(inputs), integer_outputs(flipped, inputs))
    again = apply_flips(flipped, one("recurrence.c.shift", 0, 0))
    assert torch.equal(again.deployed_outputs(inputs), network.deployed_outputs(inputs))
