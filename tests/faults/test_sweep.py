from itertools import pairwise

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from lowland.architectures import initialised_network
from lowland.coding.encodings import ENCODINGS
from lowland.errors import LowlandError
from lowland.faults import MemoryFaultOptions, TransientFlips, fault_series
from lowland.faults.float_flips import float_words
from lowland.faults.scale_words import scale_words
from lowland.faults.sweep import FAULTS
from lowland.quantization import Precision, build_quantized, calibrate, freeze, quantize_dynamically
from lowland.selection import Axes
from tests.quantization.graphs import GRAPHS

SPEC = {"kind": "mlp", "inputs": 6, "hidden": [5], "outputs": 3}
INPUTS = torch.randn(40, 6, generator=torch.Generator().manual_seed(0))
LEVELS = {"counts": (1, 4, 10**9), "bit_error_rates": (0.01, 0.2), "draws": 3}


def faults(*names, encoding="twos_complement", levels=LEVELS):
    """These faults at the same levels; activations have rates alone."""
    own = {"activations": {"bit_error_rates": levels.get("bit_error_rates")}, "upsets": levels | {"length": 2}}
    return MemoryFaultOptions(encoding=encoding, **{name: own.get(name, levels) for name in names})


OPTIONS = faults("codes")
EVERYTHING = faults(*(name for name in FAULTS if name != "ranked"))


def integer_network():
    network = initialised_network(SPEC, key=("toy", 0)).eval()
    twin = build_quantized(network, Precision(method="ptq", weight_bits=4, activation_bits=4), input_bits=8)
    calibrate(twin, INPUTS)
    return freeze(twin)


def words_of(network, encoding="twos_complement"):
    coding = ENCODINGS[encoding]
    codes = {name: coding.encode(codes.long(), network.bits[name]) for name, codes in network.codes.items()}
    return codes | {name: words for name, (words, _) in scale_words(network).items()}


def changed_bits(network, flipped, encoding="twos_complement"):
    """Bits by which the stored words of two networks differ, by kind of tensor."""
    counts = {}
    after = words_of(flipped, encoding)
    for name, words in words_of(network, encoding).items():
        kind = name.rpartition(".")[2]
        counts[kind] = counts.get(kind, 0) + sum(d.bit_count() for d in (words ^ after[name]).flatten().tolist())
    return {kind: count for kind, count in counts.items() if count}


def flipped_networks(network, options, **given):
    """(name of the condition with its target, level, one network a draw)."""
    for series in fault_series(network, options, **given):
        name = "/".join(filter(None, [series.condition, series.target]))
        for level in series.levels:
            yield name, level, [draw(level) for draw in series.draws]


def test_every_level_flips_as_many_bits_as_it_says_and_impossible_counts_are_left_out():
    network = integer_network()
    levels = {(c, level): networks for c, level, networks in flipped_networks(network, OPTIONS, key=("toy",))}
    assert set(levels) == {("flips", 1.0), ("flips", 4.0), ("bit_error_rate", 0.01), ("bit_error_rate", 0.2)}
    assert [sum(changed_bits(network, n).values()) for n in levels["flips", 4.0]] == [4, 4, 4]
    share = sum(sum(changed_bits(network, n).values()) for n in levels["bit_error_rate", 0.2]) / (3 * network.size)
    assert 0.13 < share < 0.27


def test_every_fault_hits_what_it_names_under_a_condition_of_its_own():
    network = integer_network()
    levels = {(c, level): networks for c, level, networks in flipped_networks(network, EVERYTHING, key=("toy",))}
    conditions = {condition for condition, _ in levels}
    parts = {f"{c}/{part}" for c in ("flips", "bit_error_rate") for part in ("weights", "biases", "scales")}
    faults = {"upsets", "upset_rate", "stuck_at_0", "stuck_at_0_rate", "stuck_at_1", "stuck_at_1_rate"}
    assert conditions == {"flips", "bit_error_rate", "transient_bit_error_rate/activations"} | parts | faults
    kinds = {"weights": {"weight"}, "biases": {"bias"}, "scales": {"scale", "multiplier", "shift", "output_scale"}}
    for fault, allowed in kinds.items():
        found = [changed_bits(network, flipped) for flipped in levels[f"flips/{fault}", 4.0]]
        assert [sum(counts.values()) for counts in found] == [4, 4, 4]
        assert set().union(*found) <= allowed
    assert [sum(changed_bits(network, n).values()) for n in levels["upsets", 4.0]] == [8, 8, 8]
    for zero, one, flipped in zip(
        levels["stuck_at_0", 4.0], levels["stuck_at_1", 4.0], levels["flips", 4.0], strict=True
    ):  # the same sites: each is wrong at one of the two values
        counts = [sum(changed_bits(network, n).values()) for n in (zero, one, flipped)]
        assert counts[0] + counts[1] == counts[2] == 4
    assert all(isinstance(n, TransientFlips) for n in levels["transient_bit_error_rate/activations", 0.2])
    (transient,) = levels["transient_bit_error_rate/activations", 0.2]  # flips of every row are a draw of their own
    assert not torch.equal(transient(INPUTS[:1].expand(40, -1))[0], transient(INPUTS[:1].expand(40, -1))[1])
    for (condition, _), networks in levels.items():
        assert len(networks) == (1 if condition.startswith("transient") else 3)
        assert all(n(INPUTS).shape == (40, 3) for n in networks)


def test_upsets_and_flips_are_compared_at_equal_shares_of_bits():
    network = integer_network()
    upsets = {"bit_error_rates": (0.2, 1.0), "draws": 40, "length": 3}
    options = MemoryFaultOptions(encoding="twos_complement", upsets=upsets)
    levels = {level: networks for _, level, networks in flipped_networks(network, options, key=("toy",))}
    assert set(levels) == {0.2}  # upsets of three bits in words of four cannot flip all
    flipped = sum(sum(changed_bits(network, n).values()) for n in levels[0.2])
    expected = 0.2 * 40 * network.size
    assert abs(flipped - expected) < 4 * (3 * expected) ** 0.5


@pytest.mark.parametrize("encoding", ["twos_complement", "offset_binary"])
def test_codes_are_flipped_in_the_encoding_asked_for(encoding):
    network = integer_network()
    options = faults("codes", "upsets", "stuck_at_1", encoding=encoding)
    levels = {(c, level): networks for c, level, networks in flipped_networks(network, options, key=("toy",))}
    assert [sum(changed_bits(network, n, encoding).values()) for n in levels["flips", 4.0]] == [4, 4, 4]
    coding = ENCODINGS[encoding]
    for before, after in zip(levels["flips", 4.0], levels["stuck_at_1", 4.0], strict=True):
        for name, codes in network.codes.items():
            words, sites = (coding.encode(c.long(), network.bits[name]) for c in (codes, before.codes[name]))
            stuck = coding.encode(after.codes[name].long(), network.bits[name])
            assert torch.equal(stuck, words | (words ^ sites))


def test_float_networks_flip_words_under_conditions_of_their_own():
    network = initialised_network(SPEC, key=("toy", 0)).eval()
    before = network.layers[0].weight.detach().clone()
    conditions = {condition for condition, _, _ in flipped_networks(network, EVERYTHING, key=("toy",))}
    assert conditions == {
        f"{c}/float32{part}" for part in ("", "_weights", "_biases") for c in ("flips", "bit_error_rate")
    }
    assert torch.equal(network.layers[0].weight, before)


def test_what_is_not_deployed_is_not_hit():
    network = initialised_network(SPEC, key=("toy", 0)).eval()
    path = [name for name, layer in network.layers.named_children() if isinstance(layer, torch.nn.Linear)][-1]
    options = faults("codes", levels={"counts": (1,), "bit_error_rates": (0.5,), "draws": 3})
    found = flipped_networks(network, options, key=("toy",), float_from=path)
    whole = {level: networks for _, level, networks in flipped_networks(network, options, key=("toy",))}
    for _, level, networks in found:
        for number, flipped in enumerate(networks):
            after = {name: p.detach().view(torch.int32) for name, p in flipped.named_parameters()}
            changed = {n for n, p in network.named_parameters() if not torch.equal(p.view(torch.int32), after[n])}
            assert changed and not any(name.startswith(f"layers.{path}.") for name in changed)
            if level < 1:  # what is hit is hit as without a float part
                expected = dict(whole[level][number].named_parameters())
                assert all(torch.equal(after[n], expected[n].detach().view(torch.int32)) for n in changed)
    with pytest.raises(LowlandError, match="float_from is 'decodr'"):
        list(flipped_networks(network, options, key=("toy",), float_from="decodr"))


def test_what_a_network_does_not_have_is_left_out():
    network = initialised_network(SPEC, key=("toy", 0)).eval()
    for layer in network.modules():
        if isinstance(layer, torch.nn.Linear):
            layer.bias = None
    assert list(flipped_networks(network, faults("biases"), key=("toy",))) == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"everything": LEVELS}, "everything\n  Extra inputs are not permitted"),
        ({"encoding": "gray"}, "encoding is 'gray'; expected one of twos_complement"),
        ({"upsets": LEVELS | {"length": 1}}, "greater than or equal to 2"),
        ({"upsets": LEVELS}, "upsets.length\n  Field required"),
        ({"codes": LEVELS | {"counts": (1, 1)}}, "counts names an entry twice"),
        ({"codes": {"draws": 2}}, "both empty"),
        ({"codes": LEVELS | {"draws": 1}}, "greater than or equal to 2"),
        ({"codes": LEVELS | {"bit_error_rates": (1.5,)}}, "less than or equal to 1"),
        ({"ranked": LEVELS}, "bit_error_rates\n  Extra inputs are not permitted"),
        ({"ranked": {"counts": ()}}, "at least 1 item"),
        ({"activations": LEVELS}, "counts\n  Extra inputs are not permitted"),
    ],
)
def test_options_that_mean_nothing_are_refused(wrong, told):
    with pytest.raises(ValidationError, match=told):
        MemoryFaultOptions(**{"encoding": "twos_complement"} | wrong)


@pytest.mark.parametrize("nothing", ["none", None])
def test_what_is_not_drawn_may_be_left_out_or_switched_off(nothing):
    options = MemoryFaultOptions(encoding="twos_complement", stuck_at_0=LEVELS, weights=nothing, codes=LEVELS)
    assert list(options.by_fault) == ["codes", "stuck_at_0"]  # in their own order, whatever that of the parameters
    assert not MemoryFaultOptions.model_validate(nothing).by_fault


def ranking(counts=(1, 5, 20, 10**6)):
    return MemoryFaultOptions(encoding="twos_complement", ranked={"counts": counts})


LOSS = torch.nn.functional.cross_entropy
KNOWN = [(INPUTS, torch.arange(40) % 3)]


def ranked_levels(network, **options):
    found = flipped_networks(network, ranking(**options), key=("toy",), loss=LOSS, known_batches=KNOWN)
    return {(condition, level): networks for condition, level, networks in found}


def dense_ranking(network):
    """(tensor, element) of all weights by |v·w||v_i|, v the top eigenvector of the dense float64 Hessian."""
    twin = network.dequantized().double()
    names, values = zip(*twin.named_parameters(), strict=True)
    sizes = [value.numel() for value in values]

    def mean_loss(flat):
        parts = [part.reshape(v.shape) for part, v in zip(flat.split(sizes), values, strict=True)]
        outputs = torch.func.functional_call(twin, dict(zip(names, parts, strict=True)), KNOWN[0][0].double())
        return LOSS(outputs, KNOWN[0][1])

    point = torch.cat([value.detach().flatten() for value in values])
    top = torch.linalg.eigh(torch.autograd.functional.hessian(mean_loss, point)).eigenvectors[:, -1]
    vectors = dict(zip(names, top.split(sizes), strict=True))
    weights = {name: v.detach().flatten() for name, v in zip(names, values, strict=True) if name.endswith("weight")}
    along = sum(vectors[name] @ weight for name, weight in weights.items()).abs()
    scores = {(n, i): float(along * vectors[n][i].abs()) for n, w in weights.items() for i in range(len(w))}
    return sorted(scores, key=scores.get, reverse=True)


def test_ranked_flips_are_the_top_bits_of_the_weights_along_the_sharpest_direction():
    network = integer_network()
    levels = ranked_levels(network)
    assert list(levels) == [
        ("ranked_flips/weights", 1.0),
        ("ranked_flips/weights", 5.0),
        ("ranked_flips/weights", 20.0),
    ]
    order = dense_ranking(network)
    for count in (1, 5, 20):
        codes = {name: code.clone() for name, code in network.codes.items()}
        for name, element in order[:count]:
            flat = codes[name].flatten()
            word = (int(flat[element]) & 0xF) ^ 0x8  # four bits in two's complement, the sign bit flipped
            flat[element] = word - 16 if word & 0x8 else word
            codes[name] = flat.reshape(codes[name].shape)
        (flipped,) = levels["ranked_flips/weights", float(count)]
        assert all(torch.equal(flipped.codes[name], code) for name, code in codes.items())


def test_ranked_flips_go_on_with_the_next_bits_and_nest():
    network = integer_network()
    weights = sum(code.numel() for name, code in network.codes.items() if name.endswith("weight"))
    levels = ranked_levels(network, counts=(weights - 1, weights, weights + 1))
    codes = [networks[0].codes for networks in levels.values()]
    signs = {name: (codes[1][name].long() ^ code.long()) & 0xF for name, code in network.codes.items()}
    assert all(bool((sign == (8 if name.endswith("weight") else 0)).all()) for name, sign in signs.items())
    for smaller, larger in pairwise(codes):
        changed = sum(int(((smaller[name].long() ^ larger[name].long()) & 0xF).ne(0).sum()) for name in smaller)
        assert changed == 1


def test_ranked_flips_need_rows_to_rank_by_and_codes():
    with pytest.raises(LowlandError, match="loss is missing; expected loss and known_batches"):
        list(flipped_networks(integer_network(), ranking(), key=("toy",)))
    floats = initialised_network(SPEC, key=("toy", 0)).eval()
    assert not list(flipped_networks(floats, ranking(), key=("toy",)))


def test_a_hessian_that_is_no_number_ranks_nothing():
    found = flipped_networks(
        integer_network(),
        ranking(),
        key=("toy",),
        loss=lambda outputs, targets: LOSS(outputs, targets) / 0,
        known_batches=KNOWN,
    )
    assert not list(found)


def words_by_target(network):
    """All stored words as whole numbers, by what the long table calls the part."""
    tables = {name: codes.long() for name, codes in network.codes.items() if name.endswith(".table")}
    others = {name: codes.long() for name, codes in network.codes.items() if name not in tables}
    floats = {name: float_words(value, name=name) for name, value in network.float_words.items()}
    scales = {name: words for name, (words, _) in scale_words(network).items()}
    return {"tables": tables, "": others, "float_steps": floats, "scales": scales}


@pytest.mark.parametrize(("name", "target"), [("tables", "tables"), ("attention", "float_steps")])
def test_tables_and_float_steps_are_parts_of_their_own(name, target):
    network = GRAPHS[name].network(4)
    before = words_by_target(network)
    options = faults("tables", "float_steps", levels={"counts": (3, 10**9), "bit_error_rates": (0.02,), "draws": 2})
    found = {(series.condition, series.target): series for series in fault_series(network, options, key=("a",))}
    asked = set() if not before["float_steps"] else {("flips", "float_steps"), ("bit_error_rate", "float_steps")}
    asked |= {("flips", "tables"), ("bit_error_rate", "tables")} if before["tables"] else set()
    assert set(found) == asked and target in {where for _, where in found}
    for (condition, where), series in found.items():
        assert len(series.draws) == 2 and len(series.levels) == 1  # there are not so many bits
        bits = sum(words.numel() for words in before[where].values()) * (32 if where == "float_steps" else 8)
        for draw in series.draws:
            flipped = draw(series.levels[0])
            after = words_by_target(flipped)
            changed = {
                part: sum(int((old != after[part][n]).sum()) for n, old in words.items())
                for part, words in before.items()
            }
            assert all(not count for part, count in changed.items() if part != where)
            assert 1 <= changed[where] <= (3 if condition == "flips" else bits)


def test_flips_of_float_steps_reach_what_is_computed():
    network, rows = GRAPHS["attention"].network(4), GRAPHS["attention"].rows(12, seed=1)
    options = faults("float_steps", levels={"counts": (), "bit_error_rates": (0.2,), "draws": 2})
    (series,) = fault_series(network, options, key=("a",))
    clean = network.deployed_outputs(rows)
    first, second = (draw(0.2).deployed_outputs(rows) for draw in series.draws)
    assert not torch.equal(first, clean) and not torch.equal(first.nan_to_num(), second.nan_to_num())


def test_networks_without_tables_and_float_steps_have_no_such_faults():
    options = faults("tables", "float_steps")
    plain = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)).eval()
    dynamic = quantize_dynamically(plain, Precision(method="dynamic", weight_bits=8, activation_bits=8))
    for network in (integer_network(), plain, dynamic):
        assert list(fault_series(network, options, key=("a",))) == []
    with_numbers = faults("tables", levels={"counts": (10**9,), "draws": 2})
    axes = Axes(tasks={}, recipes=(), seeds=(), precisions=(), deployed={"q": 4}, smallest=("a at q", 100))
    assert not list(with_numbers.misfits(axes)) and list(faults("codes").misfits(axes))
