"""Rows of a flip map by the error of their mean, against the map of many more rows."""

import pytest
import torch
from torch.nn import functional

from lowland.faults import FlipMapOptions, MapSamples, SingleFlips, flip_map, measure_vulnerability, single_flips
from lowland.faults.map_rows import mapped_rows, mean_map
from lowland.quantization import freeze
from tests.base_options import base
from tests.faults.test_vulnerability import OPTIONS, Classes, numbers
from tests.quantization.networks import rows, twin

BLOCK, MOST = 60, 16 * 60


def losses(outputs, targets):
    return functional.cross_entropy(outputs, targets, reduction="none")[:, None]


@pytest.fixture(scope="module")
def network():
    return freeze(twin(4, steps=60))


@pytest.fixture(scope="module")
def truth(network):
    """The rise of the loss of every one of many rows by all flips together."""
    drops = [single_flips(network, losses, [batch]).sample_drops[:, 0] for batch in batches(7, 8000, size=2000)]
    return -torch.cat(drops)


def batches(seed, count=MOST, size=BLOCK // 2):
    inputs, targets = rows(count, seed=seed)
    return list(zip(inputs.split(size), targets.split(size), strict=True))


def drawn(truth, seed):
    """Rows of the truth in an order of their own, in blocks: what they do is known."""
    order = torch.randperm(len(truth), generator=torch.Generator().manual_seed(seed))[:MOST]
    return [(rows, rows) for rows in order.split(BLOCK // 2)]


def test_rows_are_added_until_the_error_is_small_and_the_truth_lies_within_it(truth):
    asked, mean = 0.1, float(truth.mean())

    def single(batch):
        return SingleFlips({}, -truth[batch[0], None])

    found = [mapped_rows(single, drawn(truth, seed), standard_error=asked) for seed in range(200)]
    away = [(each.rise.value - mean) / each.rise.standard_error for each in found]
    for each in found:
        number = sum(len(part.sample_drops) for part in each.parts)
        assert each.rise.status == "ok" and each.rise.num_samples == number < MOST
        assert each.rise.standard_error <= asked * each.rise.value
        one_less = torch.cat([-part.sample_drops[:, 0] for part in each.parts[:-2]]) if len(each.parts) > 2 else None
        if one_less is not None:  # no row more than it takes
            assert float(one_less.std() / len(one_less) ** 0.5) > asked * float(one_less.mean())
    assert 175 <= sum(abs(z) < 1.96 for z in away) <= 200  # 95 % of 200, and the early ends that chance brings
    expected = (float(truth.std()) / (asked * mean)) ** 2
    used = sum(each.rise.num_samples for each in found) / len(found)
    assert 0.5 * expected < used < 2 * expected + BLOCK


def test_rows_that_run_out_are_told(network):
    few = batches(3)[:6]
    found = mapped_rows(lambda b: single_flips(network, losses, [b]), few, standard_error=1e-4)
    assert found.rise.status == "not_converged" and found.rise.num_samples == 3 * BLOCK and found.rise.value > 0
    whole = single_flips(network, losses, few)
    for name, values in mean_map(found.parts).items():
        torch.testing.assert_close(values, whole.metric[name])
    torch.testing.assert_close(found.rise.value, -float(whole.sample_drops.mean()))
    first, second = found.compared
    odd = single_flips(network, losses, few[1::2])
    torch.testing.assert_close(second, odd.metric)
    assert not torch.equal(first["0.weight"], second["0.weight"])


def test_without_an_error_all_rows_are_taken_as_ever(network):
    found = mapped_rows(lambda b: single_flips(network, losses, [b]), batches(3)[:4])
    assert found.rise is None and len(found.parts) == 4 == len(found.compared)
    assert all(
        torch.equal(a["0.weight"], b.metric["0.weight"]) for a, b in zip(found.compared, found.parts, strict=True)
    )
    with pytest.raises(ValueError, match="standard_error is 0"):
        mapped_rows(lambda b: None, [], standard_error=0)


def test_the_slope_of_the_loss_is_a_measure_with_its_rows(network, truth, monkeypatch):
    options = OPTIONS.model_copy(update={"standard_error": 0.1, "recall_counts": (50,), "search_flips": 0})
    samples = MapSamples(batches(21, size=120), known=[rows(150, seed=1)])
    found = measure_vulnerability(network, Classes(), samples, options=options)
    (rise,) = numbers(found, "bit_error_loss_slope").values()
    assert rise.status == "ok" and rise.num_samples == found.num_rows == found.bit_columns()["num_rows"][0] < MOST
    assert rise.standard_error <= 0.1 * rise.value
    assert abs(rise.value - float(truth.mean())) < 4 * rise.standard_error
    assert ("truth_elsewhere", 50) in numbers(found, "ranking_recall")
    monkeypatch.setattr(flip_map, "SAMPLED_FLIPS", 300)
    sampled = measure_vulnerability(network, Classes(), samples, options=options)
    (of_sample,) = numbers(sampled, "bit_error_loss_slope").values()
    assert of_sample.standard_error > rise.standard_error
    assert abs(of_sample.value - float(truth.mean())) < 4 * of_sample.standard_error
    plain = measure_vulnerability(network, Classes(), samples, options=OPTIONS)
    assert not numbers(plain, "bit_error_loss_slope") and plain.num_rows == MOST


def test_options_that_do_not_fit_are_refused():
    assert FlipMapOptions(**base("flip_map")).standard_error is None
    assert FlipMapOptions(**base("flip_map", standard_error=0.05, max_rows=2000)).max_rows == 2000
    for changes, message in (
        ({"standard_error": 0}, "standard_error"),
        ({"max_rows": 500}, "max_rows is 500; expected at least rows, which is 1000, or all"),
        ({"max_rows": 500, "rows": "all"}, "which is all"),
    ):
        with pytest.raises(ValueError, match=message):
            FlipMapOptions(**base("flip_map", **changes))
    planned = FlipMapOptions(**base("flip_map", standard_error=0.05)).planned()
    assert any("bit_error_loss_slope" in each.measures for each in planned)
