"""Scans against loops in plain Python, and what every step must be able to do."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest
import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.quantization import IntegerNetwork
from lowland.quantization.graph.loop import Loop, before, computed_ahead, scanned
from lowland.quantization.graph.rounding_steps import Requantize
from lowland.quantization.graph.scan_step import Scan
from lowland.quantization.graph.step import INPUTS
from lowland.quantization.graph.table_step import Table
from tests.quantization.recurrent import CASES, HIDDEN


class Words:
    """The tensors of a scan's body as Python numbers."""

    def __init__(self, scan: Scan) -> None:
        self.steps = scan.steps

    def linear(self, name: str, codes: list[int]) -> list[int]:
        step = self.steps[name]
        sums = [sum(w * c for w, c in zip(row, codes, strict=True)) for row in step.weight.tolist()]  # type: ignore[union-attr, operator]
        return [a + b for a, b in zip(sums, step.bias.tolist(), strict=True)]  # type: ignore[union-attr, operator]

    def rounded(self, name: str, values: list[int]) -> list[int]:
        step = self.steps[name]
        assert isinstance(step, Requantize)
        ratio = Fraction(int(step.multiplier), 2 ** int(step.shift))
        return [min(max(round(value * ratio), step.lowest), step.highest) for value in values]

    def looked_up(self, name: str, codes: list[int]) -> list[int]:
        step = self.steps[name]
        assert isinstance(step, Table)
        return [step.table.tolist()[code - step.lowest] for code in codes]


def added(first: list[int], second: list[int]) -> list[int]:
    return [a + b for a, b in zip(first, second, strict=True)]


def times(first: list[int], second: list[int]) -> list[int]:
    return [a * b for a, b in zip(first, second, strict=True)]


def lstm_place(w: Words, x: list[int], h: list[int], c: list[int]) -> tuple[list[int], list[int]]:
    """As Hochreiter and Schmidhuber have it, in torch's order of gates."""
    ahead, back = w.linear("input", x), w.linear("hidden", h)
    gates = added(w.rounded("gates_in0", ahead), w.rounded("gates_in1", back))
    size = len(h)
    i_f = w.looked_up("sigmoid_if", w.rounded("sigmoid_if_in", gates[: 2 * size]))
    g = w.looked_up("tanh_g", w.rounded("tanh_g_in", gates[2 * size : 3 * size]))
    o = w.looked_up("sigmoid_o", w.rounded("sigmoid_o_in", gates[3 * size :]))
    kept, new = times(i_f[size:], c), times(i_f[:size], g)
    c = w.rounded("c", added(w.rounded("sum_in0", kept), w.rounded("sum_in1", new)))
    shown = times(o, w.looked_up("tanh_c", w.rounded("tanh_c_in", c)))
    return w.rounded("h", shown), c


def gru_place(w: Words, x: list[int], h: list[int], c: list[int]) -> tuple[list[int], list[int]]:
    """Resets after the product: n = tanh(W x + b + r (U h + d)); h' = n + z (h - n)."""
    ahead, back = w.linear("input", x), w.linear("hidden", h)
    size = len(h)
    gates = added(w.rounded("gates_rz_in0", ahead[: 2 * size]), w.rounded("gates_rz_in1", back[: 2 * size]))
    r_z = w.looked_up("sigmoid_rz", w.rounded("sigmoid_rz_in", gates))
    reset = times(r_z[:size], w.rounded("hidden_n_out", back[2 * size :]))
    gates_n = added(w.rounded("gates_n_in0", ahead[2 * size :]), w.rounded("gates_n_in1", reset))
    n = w.looked_up("tanh_n", w.rounded("tanh_n_in", gates_n))
    change = added(w.rounded("change_in0", c), w.rounded("change_in1", [-value for value in n]))
    kept = times(r_z[size:], change)
    c = w.rounded("c", added(w.rounded("sum_in0", n), w.rounded("sum_in1", kept)))
    return w.rounded("h", c), c


def by_hand(scan: Scan, sequence: Tensor, marks: Tensor | None) -> list[list[list[int]]]:
    """Hidden states [row][place][number]."""
    words, cell = Words(scan), lstm_place if "tanh_g" in scan.steps else gru_place
    results = []
    for row in range(len(sequence)):
        h, c = [0] * scan.loop.size, [0] * scan.loop.size
        shown: dict[int, list[int]] = {}
        places = range(sequence.shape[1])
        for place in reversed(places) if scan.loop.reverse else places:
            if marks is None or int(marks[row, place]) != scan.loop.padding:
                h, c = cell(words, sequence[row, place].tolist(), h, c)
            shown[place] = h
        results.append([shown[place] for place in places])
    return results


@pytest.mark.parametrize(
    "name, bits", [*((name, 4) for name in CASES), ("lstm", 8), ("gru", 8), ("lstm_text", 16), ("gru_text", 16)]
)
def test_integers_are_those_of_loops_in_plain_python(name: str, bits: int) -> None:
    network, rows = CASES[name].integer(bits), CASES[name].rows(4, seed=1)
    values = {INPUTS: rows, **network.integer_values(rows)}
    scans = [step for step in network.steps.values() if isinstance(step, Scan)]
    assert len(scans) == (2 if "deep" in name else 1)
    for scan in scans:
        sequence, *marks = (values[source] for source in scan.inputs)
        expected = torch.tensor(by_hand(scan, sequence, marks[0] if marks else None))
        assert torch.equal(values[scan.name], expected)
        assert len(expected.unique()) > 4  # something is computed
        assert torch.equal(values[f"{scan.name}.h"], expected)


@pytest.mark.parametrize("name", CASES)
def test_carried_integers_are_the_same_and_floats_are_worth_them(name: str) -> None:
    network, rows = CASES[name].integer(4), CASES[name].rows(60, seed=2)
    assert torch.equal(network.deployed_outputs(rows), network.scaled(network.forward_integer(rows)))
    floats, integers = network.float_values(rows), network.integer_values(rows)
    assert list(floats) == list(integers)
    for inner, codes in network.activation_codes.items():
        found = (floats[inner] / codes.scale).round().long()
        # Where float32 decides a tie of a gate otherwise, 16-bit states that follow are others.
        assert float((found != integers[inner]).double().mean()) < (0.05 if codes.bits == 16 else 0.01), inner
        assert int(integers[inner].min()) >= codes.lowest
        assert int(integers[inner].max()) <= codes.lowest + 2**codes.bits - 1


@pytest.mark.parametrize("name", CASES)
def test_scans_survive_json_and_their_state_and_say_what_they_store(name: str) -> None:
    network, rows = CASES[name].integer(4), CASES[name].rows(20, seed=3)
    again = IntegerNetwork.from_spec(json.loads(json.dumps(network.spec)))
    again.load_state_dict({key: tensor.clone() for key, tensor in network.state_dict().items()}, assign=True)
    assert again.spec == network.spec
    assert torch.equal(again(rows), network(rows))
    assert torch.equal(again.forward_integer(rows), network.forward_integer(rows))
    named = {tensor for step in network.spec["steps"] for tensor in step["tensors"].values()}
    assert named == set(network.state_dict())
    words = network.spec["words"]
    assert sum(word["bits"] * network.state_dict()[key].numel() for key, word in words.items()) == network.size
    assert all(word["scale"] in network.state_dict() for word in words.values())
    assert set(words) == {f"steps.{tensor}" for tensor in network.codes}
    assert network.scales.keys() == network.codes.keys() == network.bits.keys()
    output = network.spec["output"]
    assert torch.equal(network.state_dict()[output["scale"]], network.output_scale)


def test_the_words_of_a_recurrent_layer_stand_once_under_its_name() -> None:
    network = CASES["lstm"].integer(4)
    shapes = {name: tuple(codes.shape) for name, codes in network.codes.items()}
    assert shapes == {
        "recurrence.input.weight": (4 * HIDDEN, 3),
        "recurrence.input.bias": (4 * HIDDEN,),
        "recurrence.hidden.weight": (4 * HIDDEN, HIDDEN),
        "recurrence.hidden.bias": (4 * HIDDEN,),
        "recurrence.sigmoid_if.table": (256,),
        "recurrence.tanh_g.table": (256,),
        "recurrence.sigmoid_o.table": (256,),
        "recurrence.tanh_c.table": (256,),
        "head.weight": (3, HIDDEN),
        "head.bias": (3,),
    }
    bits = network.activation_bits
    assert bits["recurrence.c"] == bits["recurrence.sum_in0"] == bits["recurrence.sum_in1"] == 16
    assert bits["recurrence.h"] == bits["recurrence.gates_in0"] == bits["recurrence.tanh_g"] == 4
    assert bits["recurrence.tanh_c_in"] == bits["recurrence.sigmoid_o_in"] == 8
    assert set(bits) == set(network.activation_scales) and "recurrence" not in bits


@pytest.mark.parametrize("name", ["lstm", "gru_text"])
def test_other_codes_are_others_at_every_place(name: str) -> None:
    network, rows = CASES[name].integer(4), CASES[name].rows(30, seed=4)
    codes = network.codes["recurrence.hidden.weight"].clone()
    codes[:, 0] ^= 4
    changed = network.with_codes({"recurrence.hidden.weight": codes})
    assert torch.equal(changed.codes["recurrence.hidden.weight"], codes)
    assert changed.codes["recurrence.input.weight"] is network.codes["recurrence.input.weight"]
    sequence, *marks = (
        {INPUTS: rows, **changed.integer_values(rows)}[source] for source in changed.steps["recurrence"].inputs
    )
    states = changed.integer_values(rows)["recurrence"]
    expected = by_hand(changed.steps["recurrence"], sequence[:3], marks[0] if marks else None)  # type: ignore[arg-type]
    assert torch.equal(states[:3], torch.tensor(expected))
    assert not torch.equal(states, network.integer_values(rows)["recurrence"])
    with pytest.raises(LowlandError, match=r"codes of recurrence\.hidden\.bias are .* expected integers of shape"):
        network.with_codes({"recurrence.hidden.bias": codes})


@pytest.mark.parametrize("name", CASES)
def test_the_differentiable_copy_has_the_same_outputs_and_names_and_derivatives_through_time(name: str) -> None:
    network, rows = CASES[name].integer(4), CASES[name].rows(30, seed=5)
    copy = network.dequantized()
    assert torch.equal(copy(rows), network(rows))
    named = dict(copy.named_parameters())
    assert set(named) == {key for key in network.codes if not key.endswith(".table")}
    for key, parameter in named.items():
        assert torch.equal(parameter, network.codes[key].to(parameter.dtype) * network.scales[key]), key
    copy(rows).square().mean().backward()
    assert all(float(parameter.grad.abs().sum()) > 0 for parameter in named.values())
    if not CASES[name].tokens:
        sequence = rows.clone().requires_grad_(True)
        copy(sequence).sum().backward()
        assert sequence.grad is not None
        assert bool((sequence.grad.abs().sum((0, 2)) > 0).all())  # every place


def test_what_no_state_comes_into_is_computed_for_all_places_at_once() -> None:
    inputs_of = {"a": (INPUTS,), "b": ("a",), "c": ("b", "last"), "d": (INPUTS,), "e": ("d",)}
    assert computed_ahead(inputs_of, ["a", "b", "c", "e"]) == ("a", "b")
    scan = CASES["lstm"].integer(4).steps["recurrence"]
    assert isinstance(scan, Scan) and scan.ahead == ("input", "gates_in0")


@pytest.mark.parametrize("reverse", [False, True])
def test_a_loop_keeps_states_where_places_are_padded(reverse: bool) -> None:
    loop = Loop({"last": "sum"}, "last", 1, reverse, padding=9)
    sequence = torch.tensor([[[1], [2], [4]], [[1], [2], [4]]])
    marks = torch.tensor([[0, 9, 0], [9, 9, 9]])
    places = []

    def compute(name: str, given: list[Tensor], place: int | slice) -> Tensor:
        places.append(place)
        return given[0] + given[1]

    traces = scanned(loop, {"sum": (INPUTS, "last")}, compute, (sequence, marks))
    expected = [[5, 4, 4], [0, 0, 0]] if reverse else [[1, 1, 5], [0, 0, 0]]
    assert traces["sum"][..., 0].tolist() == expected
    assert places == ([2, 1, 0] if reverse else [0, 1, 2])
    assert before(traces["sum"], reverse=reverse)[0, :, 0].tolist() == ([4, 4, 0] if reverse else [0, 1, 1])
