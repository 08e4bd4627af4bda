"""Debiased linear CKA against its published formula and its invariances."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from lowland.errors import LowlandError
from lowland.landscape.measures import similarity
from lowland.landscape.measures.similarity import disagreement_rate, layer_cka, linear_cka
from tests.cases import CASES, FakeIntegerNetwork
from tests.oracles import debiased_cka


@pytest.fixture(scope="module")
def features():
    draws = torch.Generator().manual_seed(2)
    first = torch.randn(60, 7, generator=draws, dtype=torch.float64) + 3
    second = first @ torch.randn(7, 4, generator=draws, dtype=torch.float64)
    return first, second + torch.randn(60, 4, generator=draws, dtype=torch.float64)


def test_published_formula(features):
    first, second = features
    assert linear_cka(first, second).value == pytest.approx(debiased_cka(first, second), rel=1e-9)
    assert linear_cka(second, first).value == pytest.approx(linear_cka(first, second).value, rel=1e-12)


def test_one_for_itself_up_to_rotation_shift_and_scale(features):
    first, second = features
    rotation = torch.linalg.qr(torch.randn(7, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64))[0]
    moved = 0.01 * first @ rotation + 100
    itself = linear_cka(first, moved)
    assert itself.value == pytest.approx(1, abs=1e-9)
    assert itself.standard_error == pytest.approx(0, abs=1e-8)
    assert linear_cka(moved, second).value == pytest.approx(linear_cka(first, second).value, rel=1e-9)


def test_unrelated_features_average_to_zero():
    """The biased estimate of 10 rows and 50 features would be near 0.8."""
    draws = torch.Generator().manual_seed(4)
    values = [
        linear_cka(torch.randn(10, 50, generator=draws), torch.randn(10, 50, generator=draws)).value for _ in range(100)
    ]
    mean = torch.tensor(values).mean().item()
    assert abs(mean) < 4 * torch.tensor(values).std().item() / 10


# Rows, features of the first and the second set, and the population's CKA of the second = the first mixed, plus noise.
@pytest.mark.parametrize(("rows", "first", "second"), [(400, 5, 5), (100, 50, 30), (200, 300, 300), (60, 7, 4)])
def test_standard_errors_are_honest(rows, first, second):
    draws = torch.Generator().manual_seed(6)
    mixing = torch.randn(first, second, generator=draws) / first**0.5
    own = mixing.T @ mixing
    truth = float(mixing.square().sum() / (first**0.5 * (own + torch.eye(second)).norm()))
    scores = []
    for _ in range(200):
        features = torch.randn(rows, first, generator=draws)
        found = linear_cka(features, features @ mixing + torch.randn(rows, second, generator=draws))
        scores.append((found.value - truth) / found.standard_error)
    scores = torch.tensor(scores)
    assert 0.8 < float(scores.var()) < 1.25, scores.var()
    assert abs(float(scores.mean())) < 4 / 200**0.5


def test_errors_of_unrelated_features_are_honest():
    draws = torch.Generator().manual_seed(9)
    found = [linear_cka(*torch.randn(2, 200, 20, generator=draws)) for _ in range(200)]
    scores = torch.tensor([e.value / e.standard_error for e in found])
    assert 0.8 < float(scores.var()) < 1.25, scores.var()


def test_error_of_many_rows_from_some_of_them(monkeypatch):
    draws = torch.Generator().manual_seed(3)
    first = torch.randn(3000, 6, generator=draws)
    second = first + torch.randn(3000, 6, generator=draws)
    found = linear_cka(first, second)
    monkeypatch.setattr(similarity, "ERROR_ROWS", 3000)
    every = linear_cka(first, second)
    assert found.value == every.value and found.standard_error != every.standard_error
    assert found.standard_error == pytest.approx(every.standard_error, rel=0.1)
    assert (found.num_samples, every.num_samples) == (3000, 3000)


def test_features_of_any_shape(features):
    first, second = features
    assert linear_cka(first[:, :6].reshape(60, 2, 3), second).value == linear_cka(first[:, :6], second).value


def test_failures_are_told(features):
    first, second = features
    assert linear_cka(first, torch.ones(60, 3)).status == "undefined"
    assert linear_cka(first, second * torch.nan).status == "non_finite"
    with pytest.raises(LowlandError, match="got 60 and 59 rows"):
        linear_cka(first, second[1:])
    with pytest.raises(LowlandError, match="at least 5"):
        linear_cka(first[:4], second[:4])


def test_more_features_than_rows(features, monkeypatch):
    first, second = features
    wide = torch.cat([first * k for k in range(1, 41)], 1)
    expected = pytest.approx(debiased_cka(wide, second), rel=1e-9)
    assert linear_cka(wide, second).value == expected
    monkeypatch.setattr(similarity, "BLOCK_PAIRS", 200)  # a few rows at a time
    assert linear_cka(wide, second).value == expected


@pytest.mark.parametrize(("rows", "features"), [(1200, 600), (20_000, 4)])
def test_cost_is_one_product_of_the_features_or_of_their_kernels(rows, features):
    """Multiplications by rows, features and pairs of rows: none is done again for the standard error of all rows."""
    draws = torch.Generator().manual_seed(1)
    first, second = torch.randn(2, rows, features, generator=draws)
    with FlopCounterMode(display=False) as counter:
        linear_cka(first, second)
    pairs = min(2 * rows**2 * features, 3 * rows * features**2) + 2 * 1000**2 * features
    assert counter.get_total_flops() < 2 * pairs + 100 * rows * features


def test_layers_are_compared_under_their_names():
    case = CASES["in-place"]
    model, other = case.model(), case.model()
    with torch.no_grad():
        other[2].weight.copy_(torch.randn(5, 6, generator=torch.Generator().manual_seed(1)))
    inputs, targets = case.data()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    found = layer_cka(model, other, [(inputs, targets)])
    assert list(found) == ["0", "1", "2", "3", "4", "output"]
    a = b = inputs
    for name, (layer_a, layer_b) in enumerate(zip(model, other, strict=True)):
        a, b = layer_a(a).detach().clone(), layer_b(b).detach().clone()
        assert found[str(name)].value == pytest.approx(debiased_cka(a, b), rel=1e-9)
    assert found["output"].value == found["4"].value
    assert found["1"].value == pytest.approx(1)
    pieces = layer_cka(model, other, list(zip(inputs.split(7), targets.split(7), strict=True)))
    assert all(pieces[name].value == pytest.approx(value.value, rel=1e-9) for name, value in found.items())
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


def test_batches_may_be_an_iterator():
    model, rows = CASES["mlp"].model(), CASES["mlp"].data()
    assert layer_cka(model, model, iter([rows])) == layer_cka(model, model, [rows])


def test_layers_of_other_networks():
    inputs, targets = CASES["mlp"].data()
    deployed = FakeIntegerNetwork()
    assert layer_cka(deployed, deployed, [(inputs, targets)])["output"].value == pytest.approx(1)
    gru = CASES["gru"]
    found = layer_cka(gru.model(), gru.model(), [gru.data()])
    assert list(found) == ["layer", "head", "output"]
    twice = CASES["called twice"]
    assert list(layer_cka(twice.model(), twice.model(), [twice.data()])) == ["output"]
    with pytest.raises(LowlandError, match="training mode"):
        layer_cka(CASES["mlp"].model().train(), CASES["mlp"].model(), [(inputs, targets)])


def test_disagreement_is_the_share_of_other_decisions():
    first = torch.eye(4)[[0, 1, 2, 3, 0, 1, 2, 3]]
    second = torch.eye(4)[[0, 1, 2, 3, 1, 2, 2, 3]]
    found = disagreement_rate(first, second)
    assert (found.value, found.num_samples) == (0.25, 8)
    assert found.standard_error == pytest.approx((0.25 * 0.75 / 7) ** 0.5)
    assert disagreement_rate(first, 5 * first + 1).value == 0
    assert disagreement_rate(first, second * torch.nan).status == "non_finite"
    for other in (second[:4], second[:, :1], second[0]):
        with pytest.raises(LowlandError, match="two classes or more"):
            disagreement_rate(first, other)


def test_errors_of_disagreement_are_honest():
    draws = torch.Generator().manual_seed(8)
    first = torch.randn(40_000, 3, generator=draws)
    second = first + torch.randn(40_000, 3, generator=draws)
    truth = disagreement_rate(first, second).value
    samples = [disagreement_rate(*pair) for pair in zip(first.split(200), second.split(200), strict=True)]
    scores = torch.tensor([(s.value - truth) / s.standard_error for s in samples])
    assert len(scores) == 200 and 0.8 < float(scores.var()) < 1.25
