"""Upset-safe rows against flipping, running in integers and asking, one by one."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch import Tensor, nn

from lowland.certification.deployed import upset_safe_rows
from lowland.certification.deployed.answered_rows import answers_of
from lowland.certification.deployed.safe_rows import unsafe_bits
from lowland.coding.encodings import ENCODINGS
from lowland.errors import LowlandError
from lowland.faults import apply_flips, layer_flips
from lowland.faults.bit_flips import stored_sizes
from lowland.faults.flip_sets import Flips
from lowland.faults.targets import named_steps, target_of
from lowland.faults.transient import TransientFlips, flipped_codes
from lowland.faults.upsets import adjacent_flips
from lowland.quantization import IntegerNetwork, Precision, build_quantized, calibrate, freeze
from lowland.quantization.graph.step import INPUTS
from tests.quantization.graphs import GRAPHS
from tests.quantization.networks import rows, trained_float
from tests.quantization.recurrent import CASES as RECURRENT

STORED = ("weights", "biases", "scales")


@cache
def trained() -> IntegerNetwork:
    """With margins, so that there are safe rows."""
    network = build_quantized(trained_float(), Precision(method="ptq", weight_bits=8, activation_bits=8), input_bits=8)
    calibrate(network, rows(512)[0])
    return freeze(network)


def tiny(bits: int, *, classes: int = 3, **precision: object) -> tuple[IntegerNetwork, Tensor]:
    draws = torch.Generator().manual_seed(bits)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(bits)
        model = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, classes))
    inputs = torch.randn(300, 3, generator=draws)
    options = {"method": "ptq", "weight_bits": bits, "activation_bits": bits, **precision}
    twin = build_quantized(model, Precision(**options), input_bits=bits)
    calibrate(twin, inputs)
    return freeze(twin), inputs[:40]


def answers(network: IntegerNetwork, inputs: Tensor) -> Tensor:
    """In integers alone; outputs with one step size each in their units."""
    return asked(network.forward_integer(inputs), network.output_scale)


def asked(outputs: Tensor, scale: Tensor) -> Tensor:
    if outputs.shape[1] == 1:
        return (outputs[:, 0] > 0).long()
    return (outputs.double() * scale.double()).argmax(1) if scale.numel() > 1 else outputs.argmax(1)


def every_upset(network: IntegerNetwork, words: tuple[str, ...], length: int) -> list[Flips]:
    return [
        adjacent_flips(Flips({name: (torch.tensor([element]), torch.tensor([bit]))}), length=length)
        for name, (size, width) in stored_sizes(network, words).items()
        for element in range(size)
        for bit in range(width - length + 1)
    ]


def counted(network: IntegerNetwork, inputs: Tensor, upsets: list[Flips], encoding: str) -> Tensor:
    clean, count = answers(network, inputs), torch.zeros(len(inputs), dtype=torch.int64)
    for flips in upsets:
        count += answers(apply_flips(network, flips, encoding=encoding), inputs) != clean
    return count


@pytest.mark.parametrize("length", [1, 2])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_all_upsets_of_a_tiny_network_one_by_one(encoding: str, length: int) -> None:
    network, inputs = tiny(4)
    found = upset_safe_rows(network, inputs, words=STORED, encoding=encoding, lengths=length)
    upsets = every_upset(network, STORED, length)
    expected = counted(network, inputs, upsets, encoding)
    assert torch.equal(found.num_unsafe, expected)
    assert found.hit.num_upsets == len(upsets)
    assert torch.equal(found.answers, answers(network, inputs))


@pytest.mark.parametrize(
    "bits, classes, per_channel", [(2, 2, False), (8, 5, True), (6, 1, False), (3, 4, True), (5, 1, True)]
)
def test_stored_words_at_other_widths_and_classes(
    bits: int, classes: int, per_channel: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lowland.certification.deployed.safe_rows.BLOCK_ROWS", 17)
    network, inputs = tiny(bits, classes=classes, per_channel=per_channel)
    assert (network.output_scale.numel() > 1) == (per_channel and classes > 1)
    found = upset_safe_rows(network, inputs, words=STORED)
    assert torch.equal(found.num_unsafe, counted(network, inputs, every_upset(network, STORED, 1), "twos_complement"))


def test_examples_change_the_answer_and_safe_rows_have_none() -> None:
    network, (inputs, _) = trained(), rows(200, seed=3)
    found = upset_safe_rows(network, inputs, lengths=(1, 2))
    assert 0 < int(found.safe.sum()) < len(inputs)
    for row in range(0, len(inputs), 4):
        upset = found.example(row)
        assert (upset is None) == bool(found.safe[row])
        if upset is not None:
            other = apply_flips(network, upset.flips)
            assert answers(other, inputs[row : row + 1]) != found.answers[row]


def test_500_flips_on_all_rows() -> None:
    """The set of bits of each row, on a network where not all can be run."""
    network, (inputs, _) = trained(), rows(200, seed=3)
    safety, unsafe = unsafe_bits(network, inputs)
    dense = torch.zeros(len(unsafe.numbers), len(inputs), dtype=torch.bool)
    dense[torch.as_tensor(unsafe.bits), torch.as_tensor(unsafe.rows)] = True
    assert torch.equal(dense.sum(0), safety.num_unsafe)
    assert (unsafe.rows_hit == dense.sum(1).numpy()).all() and unsafe.rows_hit.min() > 0
    clean, known = answers(network, inputs), {int(number): place for place, number in enumerate(unsafe.numbers)}
    chosen = torch.randperm(unsafe.hit.num_bits, generator=torch.Generator().manual_seed(0))[:500]
    for number in chosen.tolist():
        name, element, bit = unsafe.hit.bit(number)
        assert int(unsafe.hit.numbers(name, torch.tensor(element), torch.tensor(bit))) == number
        flips = Flips({name: (torch.tensor([element]), torch.tensor([bit]))})
        changed = answers(apply_flips(network, flips), inputs) != clean
        place = known.get(number)
        assert torch.equal(changed, torch.zeros_like(changed) if place is None else dense[place])


@cache
def graph(name: str) -> tuple[IntegerNetwork, Tensor]:
    return GRAPHS[name].network(4), GRAPHS[name].rows(5, seed=5)


def with_activation(network: IntegerNetwork, inputs: Tensor, name: str, element: int, mask: int) -> Tensor:
    """Outputs with some bits of one activation code flipped, everything in integers."""
    values = {INPUTS: inputs}
    for step_name, step in named_steps(network).items():
        result = step.integer(*(values[source] for source in step.inputs))
        if step_name == name:
            flat = result.flatten(1).clone()
            assert step.result_codes is not None
            flat[:, element] = flipped_codes(flat[:, element].double(), torch.tensor(mask), step.result_codes).long()
            result = flat.reshape(result.shape)
        values[step_name] = result
    return result


def test_every_bit_of_every_activation_code_once() -> None:
    network, (inputs, _) = trained(), rows(30, seed=3)
    for length in (1, 2):
        found = upset_safe_rows(network, inputs, words=("activations",), lengths=length)
        clean, expected, upsets = answers(network, inputs), torch.zeros(len(inputs), dtype=torch.int64), 0
        values = network.integer_values(inputs)
        for name, bits in network.activation_bits.items():
            for element in range(values[name][0].numel()):
                for bit in range(bits - length + 1):
                    other = with_activation(network, inputs, name, element, (2**length - 1) << bit)
                    expected += other.argmax(1) != clean
                    upsets += 1
        assert torch.equal(found.num_unsafe, expected) and upsets == found.hit.num_upsets
        assert int(expected.max()) > int(expected.min())


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs_scans_tables_and_float_steps(name: str) -> None:
    """60 bits of stored words and of activations, on all rows."""
    network, inputs = graph(name)
    kinds = {target_of(key) for key in network.codes} | {"scales", "activations"}
    words = (*sorted(kind for kind in kinds if kind), *(("float32",) if network.float_words else ()))
    _, unsafe = unsafe_bits(network, inputs, words=words)
    dense = torch.zeros(unsafe.hit.num_bits, len(inputs), dtype=torch.bool)
    dense[torch.as_tensor(unsafe.numbers[unsafe.bits]), torch.as_tensor(unsafe.rows)] = True
    clean = answers(network, inputs)
    draws = torch.Generator().manual_seed(0)
    worst = torch.as_tensor(unsafe.numbers)[torch.randperm(len(unsafe.numbers), generator=draws)[:30]]
    for number in (*torch.randint(unsafe.hit.num_bits, (30,), generator=draws).tolist(), *worst.tolist()):
        tensor, element, bit = unsafe.hit.bit(number)
        if tensor.endswith(".activation"):
            outputs = with_activation(network, inputs, tensor.removesuffix(".activation"), element, 1 << bit)
            changed = asked(outputs, network.output_scale) != clean
        else:
            flips = Flips({tensor: (torch.tensor([element]), torch.tensor([bit]))})
            changed = answers(apply_flips(network, flips), inputs) != clean
        assert torch.equal(changed, dense[number]), (tensor, element, bit)
    assert len(worst) > 0


@pytest.mark.parametrize("name", ["lstm", "gru_text"])
def test_recurrent_networks(name: str) -> None:
    """Words and activations of a body act at every place, or at one and from there on."""
    network, inputs = RECURRENT[name].integer(3), RECURRENT[name].rows(4, seed=5)
    _, unsafe = unsafe_bits(network, inputs, words=("biases", "scales", "activations"))
    dense = torch.zeros(unsafe.hit.num_bits, len(inputs), dtype=torch.bool)
    dense[torch.as_tensor(unsafe.numbers[unsafe.bits]), torch.as_tensor(unsafe.rows)] = True
    clean, values = answers(network, inputs), network.integer_values(inputs)
    draws = torch.Generator().manual_seed(0)
    worst = torch.as_tensor(unsafe.numbers)[torch.randperm(len(unsafe.numbers), generator=draws)[:40]]
    inside = 0
    for number in (*torch.randint(unsafe.hit.num_bits, (40,), generator=draws).tolist(), *worst.tolist()):
        tensor, element, bit = unsafe.hit.bit(number)
        if tensor.endswith(".activation"):
            step = tensor.removesuffix(".activation")
            masks = torch.zeros(len(inputs), values[step][0].numel(), dtype=torch.int64)
            masks[:, element] = 1 << bit
            outputs = struck(network, inputs, step, masks.reshape(values[step].shape))
            changed = asked(outputs, network.output_scale) != clean
            inside += bool(changed.any()) and "." in step
        else:
            flips = Flips({tensor: (torch.tensor([element]), torch.tensor([bit]))})
            changed = answers(apply_flips(network, flips), inputs) != clean
        assert torch.equal(changed, dense[number]), (tensor, element, bit)
    assert inside > 0


def struck(network: IntegerNetwork, inputs: Tensor, step: str, masks: Tensor) -> Tensor:
    """Outputs where the fault simulation is told which bits flip."""
    *_, outputs = TransientFlips(network, count=0)._computed(inputs, {step: masks}).values()
    return outputs


def test_what_a_statement_says() -> None:
    network, inputs = tiny(4)
    stored = upset_safe_rows(network, inputs, words=STORED)
    told = stored.settings()
    assert told["num_bits"] == told["num_upsets"] == sum(s * w for s, w in stored_sizes(network, STORED).values())
    assert told["widths"]["0.weight"] == 4 and told["ties"] == "lowest index"
    assert told["arithmetic"] == "forward_integer" and told["encoding"] == "twos_complement"
    assert told["rows"] == 40 and told["safe_rows"] == int(stored.safe.sum())
    share = stored.share(0.9)
    assert share.successes == told["safe_rows"] and share.lower <= share.value <= share.upper
    codes = upset_safe_rows(network, inputs)
    assert bool((codes.num_unsafe <= stored.num_unsafe).all()), "more words, fewer safe rows"


def test_ties_go_to_the_lowest_index() -> None:
    """Two classes with equal outputs: raising the second changes the answer, raising the first does not."""
    network, inputs = tiny(4, classes=2)
    last = list(named_steps(network))[-1]
    same = {f"{last}.{kind}": network.codes[f"{last}.{kind}"].clone() for kind in ("weight", "bias")}
    for codes in same.values():
        codes[1] = codes[0]
    tied = network.with_codes(same)
    assert bool((tied.forward_integer(inputs).argmax(1) == 0).all())
    safety, unsafe = unsafe_bits(tied, inputs, words=("biases",))
    assert not safety.safe.any()
    found = {unsafe.hit.bit(int(number)) for number in unsafe.numbers}
    width = tied.bits[f"{last}.bias"]
    code = int(same[f"{last}.bias"][1])
    changes = ENCODINGS["twos_complement"].changes(torch.tensor(code), width)
    assert {bit for name, element, bit in found if name == f"{last}.bias" and element == 1} == {
        bit for bit in range(width) if changes[bit] > 0
    }
    assert {bit for name, element, bit in found if name == f"{last}.bias" and element == 0} == {
        bit for bit in range(width) if changes[bit] < 0
    }


@pytest.mark.parametrize("dtype", [torch.int64, torch.float64])
def test_large_whole_numbers_are_compared_in_all_digits(dtype: torch.dtype) -> None:
    """Float32 holds neither of these: to it they are a tie."""
    outputs = torch.tensor([[2**24, 2**24 + 1], [2**24 + 1, 2**24]], dtype=dtype)
    assert answers_of(outputs, torch.tensor(0.5)).tolist() == [1, 0]
    assert answers_of(outputs, torch.tensor(-0.5)).tolist() == [0, 1]


def test_mistakes_are_told_in_one_line() -> None:
    network, inputs = tiny(4)
    with pytest.raises(LowlandError, match="network is a Linear; expected an IntegerNetwork"):
        upset_safe_rows(nn.Linear(3, 2), inputs)  # type: ignore[arg-type]  # what is refused
    with pytest.raises(LowlandError, match="inputs has no rows"):
        upset_safe_rows(network, inputs[:0])
    with pytest.raises(LowlandError, match=r"words are \('moods',\); expected one or more of weights, biases"):
        upset_safe_rows(network, inputs, words=("moods",))
    with pytest.raises(LowlandError, match="encoding: got 'gray'"):
        upset_safe_rows(network, inputs, encoding="gray")
    with pytest.raises(LowlandError, match=r"lengths are \[40\]; expected 1 to"):
        upset_safe_rows(network, inputs, lengths=40)
    with pytest.raises(LowlandError, match=r"lengths are \(0,\); expected different numbers of bits from 1 on"):
        upset_safe_rows(network, inputs, lengths=0)


def test_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    network, inputs = tiny(4)
    whole = upset_safe_rows(network, inputs, words=("weights", "activations"))
    monkeypatch.setattr("lowland.certification.deployed.struck_activations.ITEMS", 90)
    monkeypatch.setattr(layer_flips, "SIGHTS", 2**10)
    parts = upset_safe_rows(network, inputs, words=("weights", "activations"))
    assert torch.equal(whole.num_unsafe, parts.num_unsafe) and torch.equal(whole.examples, parts.examples)
