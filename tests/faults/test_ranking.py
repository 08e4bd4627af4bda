from __future__ import annotations

from functools import partial
from itertools import pairwise

import pytest
import torch
from torch.nn import functional

from lowland.coding.encodings import ENCODINGS
from lowland.errors import LowlandError
from lowland.faults.flip_map_options import RANKINGS
from lowland.faults.ranking import flip_scores, recall_at, worst_flips
from lowland.faults.sensitivity import clean_metric, flip_sensitivity
from lowland.faults.targets import CodeBits
from lowland.landscape import flip_curvature, hessian_diagonal, hessian_eigenvalues, mean_gradient
from tests.quantization.networks import integer_network, rows

LOSS = functional.cross_entropy


@pytest.fixture(scope="module")
def network():
    return integer_network(6)


@pytest.fixture(scope="module")
def batches():
    return [rows(60)]


@pytest.fixture(scope="module")
def scores(network, batches):
    return flip_scores(network, LOSS, batches, num_eigenvectors=2)


def _flat(found):
    return torch.cat([values.flatten() for values in found.values()])


def test_taylor_scores_are_the_terms_of_flip_curvature(network, batches, scores):
    slopes, bends = mean_gradient(network, LOSS, batches), hessian_diagonal(network, LOSS, batches)
    for name, codes in network.codes.items():
        step = network.scales[name].double()
        changes = ENCODINGS["twos_complement"].changes(codes, network.bits[name]) * step
        torch.testing.assert_close(scores["first_order"][name], slopes[name][..., None] * changes)
        torch.testing.assert_close(scores["second_order"][name], bends[name][..., None] * changes.square() / 2)
        torch.testing.assert_close(scores["squared_change"][name], changes.double().square())
    torch.testing.assert_close(
        _flat(scores["matched"]), _flat(scores["first_order"]) + _flat(scores["second_order"]), rtol=1e-9, atol=1e-15
    )
    assert float(_flat(scores["matched"]).mean()) == pytest.approx(flip_curvature(network, LOSS, batches).value)


def test_fkeras_equals_its_formula(network, batches, scores):
    found = hessian_eigenvalues(network, LOSS, batches, count=2, with_vectors=True)
    weights = dict(network.dequantized().named_parameters())
    along = sum((found.vectors[n].double().flatten(1) @ w.detach().double().flatten()) for n, w in weights.items())
    wanted = torch.cat(
        [
            (found.values[:, None] ** 2 * along.abs()[:, None] * found.vectors[n].double().flatten(1).abs()).sum(0)
            for n in weights
        ]
    )
    top = torch.cat([scores["fkeras"][n][..., -1].flatten() for n in weights])
    assert torch.equal(wanted.argsort(stable=True), top.argsort(stable=True))


def test_with_one_eigenvector_both_forms_of_fkeras_agree(network, batches):
    found = flip_scores(network, LOSS, batches, rankings=("fkeras", "fkeras_pylandscape"))
    orders = [_flat(found[name]).argsort(stable=True) for name in found]
    assert torch.equal(*orders)


@pytest.mark.parametrize("ranking", ["fkeras", "fkeras_pylandscape", "magnitude", "most_significant"])
def test_the_most_significant_bits_come_first(network, scores, ranking):
    by_place = [
        torch.cat([s[..., s.shape[-1] - 1 - k].flatten() for s in scores[ranking].values() if s.shape[-1] > k])
        for k in range(6)
    ]
    for higher, lower in pairwise(by_place):
        assert float(higher.min()) > float(lower.max())


def test_worst_flips_are_the_highest_scores(scores):
    flips = worst_flips(scores["matched"], 25)
    assert len(flips) == 25
    values = torch.cat([scores["matched"][n].flatten(0, -2)[e, p] for n, (e, p) in flips.bits.items()])
    assert torch.equal(values.sort().values, _flat(scores["matched"]).topk(25).values.sort().values)
    assert len(worst_flips(scores["matched"], 0)) == 0


def test_bits_of_some_layers_have_the_scores_that_they_have_among_all(network, batches, scores):
    some = flip_scores(
        network, LOSS, batches, rankings=("matched",), bits=CodeBits(targets=("weights",), layers=("2",))
    )
    assert set(some["matched"]) == {"2.weight"}
    torch.testing.assert_close(some["matched"]["2.weight"], scores["matched"]["2.weight"])
    with pytest.raises(LowlandError, match=r"layers are \['9'\]"):
        flip_scores(network, LOSS, batches, bits=CodeBits(layers=["9"]))


def test_flips_hurt_and_matched_curvature_finds_them(network, batches):
    metric = partial(LOSS, reduction="none")
    truth = flip_sensitivity(network, metric, batches)
    clean = clean_metric(network, metric, batches)
    assert float(_flat(truth).max()) > float(clean)
    found = flip_scores(network, LOSS, batches, rankings=("matched", "most_significant"))
    matched, top = (recall_at(found[name], truth, 50) for name in ("matched", "most_significant"))
    assert matched > top and matched > 0.4


def test_recall_counts_ties_with_the_worst():
    truth = {"a": torch.tensor([[3.0, 1.0], [1.0, 0.0]])}
    assert recall_at({"a": torch.tensor([[4.0, 0.0], [3.0, 2.0]])}, truth, 2) == 1.0
    assert recall_at({"a": torch.tensor([[0.0, 1.0], [2.0, 3.0]])}, truth, 2) == 0.5
    assert recall_at(truth, truth, 3) == 1.0


def test_mistakes_are_told(network, batches, scores):
    with pytest.raises(LowlandError, match="rankings: got hessian; expected some of matched"):
        flip_scores(network, LOSS, batches, rankings=("hessian",))
    with pytest.raises(LowlandError, match="count is 99999; expected 0 to"):
        worst_flips(scores["matched"], 99999)
    with pytest.raises(LowlandError, match="count is 0; expected 1 to"):
        recall_at(scores["matched"], scores["matched"], 0)
    with pytest.raises(LowlandError, match="different tensors"):
        recall_at(scores["matched"], {"x": torch.ones(1, 1)}, 1)
    assert set(RANKINGS) == set(scores)
