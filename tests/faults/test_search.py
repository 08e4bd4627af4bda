from __future__ import annotations

from functools import cache

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from lowland.coding.encodings import ENCODINGS
from lowland.errors import LowlandError
from lowland.faults import CodeBits, Flips, apply_flips, random_flips
from lowland.faults.search import SearchResult, deployed_loss, progressive_search
from lowland.quantization import IntegerNetwork, Precision, build_quantized, calibrate, freeze
from tests.quantization.convolutions import CASES
from tests.quantization.networks import integer_network, rows

BATCHES = [rows(48, seed=4), rows(16, seed=5)]
INPUTS, TARGETS = (torch.cat(parts) for parts in zip(*BATCHES, strict=True))
mlp = cache(integer_network)


@cache
def tiny() -> IntegerNetwork:
    """Few enough bits to try them all."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = nn.Sequential(nn.Linear(6, 3), nn.ReLU(), nn.Linear(3, 4))
    twin = build_quantized(network, Precision(method="ptq", weight_bits=3, activation_bits=3), input_bits=4)
    calibrate(twin, BATCHES[0][0])
    return freeze(twin)


def total_loss(network: IntegerNetwork) -> float:
    return float(functional.cross_entropy(network.deployed_outputs(INPUTS), TARGETS))


def all_flips(network: IntegerNetwork) -> list[tuple[str, int, int]]:
    return [
        (name, element, position)
        for name, codes in network.codes.items()
        for element in range(codes.numel())
        for position in range(network.bits[name])
    ]


def flips_of(sites: list[tuple[str, int, int]]) -> Flips:
    found: dict[str, list[tuple[int, int]]] = {}
    for name, element, position in sites:
        found.setdefault(name, []).append((element, position))
    return Flips({name: (torch.tensor(p)[:, 0], torch.tensor(p)[:, 1]) for name, p in found.items()})


def test_with_all_bits_as_candidates_it_is_greedy_brute_force() -> None:
    network = tiny()
    sites = all_flips(network)
    found = progressive_search(network, functional.cross_entropy, BATCHES, count=2, candidates=len(sites))
    kept: list[tuple[str, int, int]] = []
    for step in range(2):
        losses = {site: total_loss(apply_flips(network, flips_of([*kept, site]))) for site in sites if site not in kept}
        worst = max(losses.values())
        assert float(found.losses[step + 1]) == pytest.approx(worst, rel=1e-5)
        assert losses[found.order[step]] == pytest.approx(worst, rel=1e-5)
        kept.append(found.order[step])
    assert found.num_evaluations == 2 * len(sites) - 1
    assert float(found.losses[0]) == pytest.approx(total_loss(network), rel=1e-5)


def test_few_candidates_come_close_to_brute_force_and_beat_chance() -> None:
    network = mlp(4)
    found = progressive_search(network, functional.cross_entropy, BATCHES, count=6)
    assert found.second_order and found.num_evaluations == 6 * 3 * 4
    single = max(total_loss(apply_flips(network, flips_of([site]))) for site in all_flips(network))
    clean = float(found.losses[0])
    assert float(found.losses[1]) - clean > 0.8 * (single - clean)
    assert float(found.losses[1]) <= single + 1e-5
    by_chance = [total_loss(apply_flips(network, random_flips(network, count=6, key=("s", n)))) for n in range(30)]
    assert float(found.losses[-1]) > max(by_chance)
    assert bool((found.losses.diff() >= 0).all()) and len(set(found.order)) == 6


def test_losses_are_those_of_the_flipped_networks_and_sets_nest() -> None:
    network = mlp(4)
    before = {name: codes.clone() for name, codes in network.codes.items()}
    found = progressive_search(network, functional.cross_entropy, BATCHES, count=4, candidates=2)
    for flips in range(5):
        disturbed = apply_flips(network, found.first(flips))
        assert len(found.first(flips)) == flips
        assert float(found.losses[flips]) == pytest.approx(total_loss(disturbed), rel=1e-5)
    assert all(torch.equal(codes, before[name]) for name, codes in network.codes.items())
    again = progressive_search(network, functional.cross_entropy, BATCHES, count=4, candidates=2)
    assert again.order == found.order and torch.equal(again.losses, found.losses)


@pytest.mark.parametrize("encoding", sorted(ENCODINGS))
def test_words_are_searched_in_every_encoding_and_no_bit_twice(encoding: str) -> None:
    network = tiny()
    layer = CodeBits(targets=("weights",), layers=("2",), encoding=encoding)
    total = 12 * 3 if encoding == "twos_complement" else 14
    found = progressive_search(network, functional.cross_entropy, BATCHES, count=total, candidates=1, bits=layer)
    assert len(set(found.order)) == total == len(found.first(total))
    assert {name for name, _, _ in found.order} == {"2.weight"}
    for flips in (1, 5, 10, total):
        disturbed = apply_flips(network, found.first(flips), encoding=encoding)
        assert float(found.losses[flips]) == pytest.approx(total_loss(disturbed), rel=1e-5)
    if total == 12 * 3:
        assert bool((found.losses.diff() < 0).any())  # with every bit flipped, some flips must have helped


def test_convolutions_are_searched() -> None:
    case = CASES["classifier"]
    network, inputs = freeze(case.twin(4)), case.rows(20, seed=1)
    targets = network.deployed_outputs(inputs).argmax(1)
    found = progressive_search(network, functional.cross_entropy, [(inputs, targets)], count=2, candidates=2)
    assert found.losses[2] > found.losses[1] > found.losses[0]


def test_losses_that_are_no_numbers_are_infinite() -> None:
    def broken(outputs: Tensor, targets: Tensor) -> Tensor:
        return outputs.sum() * torch.nan

    assert deployed_loss(tiny(), broken, BATCHES) == float("inf")


def test_impossible_searches_are_refused() -> None:
    network = tiny()
    total = network.size

    def search(**options: object) -> SearchResult:
        return progressive_search(network, functional.cross_entropy, BATCHES, **options)  # type: ignore[arg-type]  # wrong on purpose

    for count in (0, total + 1):
        with pytest.raises(LowlandError, match=f"count is {count}; expected 1 to {total}"):
            search(count=count)
    with pytest.raises(LowlandError, match="candidates is 0"):
        search(count=1, candidates=0)
    with pytest.raises(LowlandError, match="targets name scales"):
        search(count=1, bits=CodeBits(targets=("scales",)))
    with pytest.raises(LowlandError, match=r"layers are \['9'\]"):
        search(count=1, bits=CodeBits(layers=["9"]))
    with pytest.raises(LowlandError, match="encoding: got 'gray'"):
        search(count=1, bits=CodeBits(encoding="gray"))
    with pytest.raises(LowlandError, match="batches: got none"):
        progressive_search(network, functional.cross_entropy, [], count=1)
    found = search(count=1, candidates=1)
    with pytest.raises(LowlandError, match="count is 2; expected 0 to 1"):
        found.first(2)


def test_codes_in_another_memory_format_are_searched_alike() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        plain = nn.Sequential(nn.Conv2d(2, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2))
        inputs = torch.rand(8, 2, 3, 3)
    twin = build_quantized(plain, Precision(method="ptq", weight_bits=4, activation_bits=4), input_bits=8)
    network = freeze(calibrate(twin, inputs))
    turned = network.with_codes(
        {n: c.contiguous(memory_format=torch.channels_last) for n, c in network.codes.items() if c.ndim == 4}
    )
    assert not all(codes.is_contiguous() for codes in turned.codes.values())
    batches = [(inputs, torch.arange(8) % 2)]
    first, second = (
        progressive_search(n, functional.cross_entropy, batches, count=2, candidates=2) for n in (network, turned)
    )
    assert torch.equal(first.losses, second.losses) and first.order == second.order
