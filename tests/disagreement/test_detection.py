"""Areas under the curve of detectors, their errors and their comparison, against slow oracles and MLstatkit."""

import itertools
import math
import time

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lowland.disagreement import compare_detectors, detection_auroc
from lowland.disagreement.bootstrap import resampled_areas
from lowland.disagreement.detection import detect_by_each
from lowland.disagreement.ranking import Ranking
from lowland.errors import LowlandError
from lowland.randomness import generator

K = torch.arange(60)
MARKED = ((K * 7) % 5 == 0) | (K % 11 == 3)
FIRST = ((K * 37) % 23) / 4 + 2.0 * MARKED
SECOND = ((K * 53) % 19) / 3 + 1.2 * MARKED
OF_MLSTATKIT = {  # 0.1.91, Delong_test(MARKED, FIRST, SECOND): with ties; its z is second less first
    "areas": (0.6422708618331053, 0.7578659370725034),
    "z": 0.9943670278641512,
    "p_value": 0.3200442143419283,
    "variance": 0.013514041047335487,
    "lower": 0.49599433275095584,
    "upper": 0.7885473909152548,
}


def pairs(scores, marked):
    """Share of (marked, other) pairs in the right order, one by one."""
    found = [float(a > b) + 0.5 * float(a == b) for a in scores[marked] for b in scores[~marked]]
    return sum(found) / len(found)


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=20, max_size=40))
def test_the_area_is_the_share_of_pairs_in_order(rows):
    scores, marked = torch.tensor([r[0] for r in rows]).double(), torch.tensor([r[1] for r in rows])
    found = detection_auroc(scores, marked)
    if min(int(marked.sum()), int((~marked).sum())) < 10:
        assert found.status == "undefined" and math.isnan(found.value)
    else:
        assert found.value == pytest.approx(pairs(scores, marked)) and found.num_samples == len(rows)
        assert detection_auroc(-scores, marked).value == pytest.approx(1 - found.value)
        assert detection_auroc(scores.exp(), marked).value == found.value


def test_the_paired_test_is_that_of_mlstatkit():
    areas = [detection_auroc(scores, MARKED) for scores in (FIRST, SECOND)]
    assert [each.value for each in areas] == pytest.approx(OF_MLSTATKIT["areas"], abs=1e-12)
    half = 1.959963984540054 * areas[0].standard_error
    assert areas[0].value - half == pytest.approx(OF_MLSTATKIT["lower"], abs=1e-12)
    assert areas[0].value + half == pytest.approx(OF_MLSTATKIT["upper"], abs=1e-12)
    found = compare_detectors(FIRST, SECOND, MARKED)
    assert found.z == pytest.approx(-OF_MLSTATKIT["z"], abs=1e-12)
    assert found.p_value == pytest.approx(OF_MLSTATKIT["p_value"], abs=1e-12)
    assert found.difference.standard_error**2 == pytest.approx(OF_MLSTATKIT["variance"], abs=1e-14)


@pytest.mark.parametrize("key", range(3))
def test_the_paired_test_is_that_of_mlstatkit_where_it_is_installed(key):
    peer = pytest.importorskip("MLstatkit.delong")
    g = generator("mlstatkit", key)
    marked = torch.rand(700, generator=g) < 0.2
    first, second = (torch.randn(700, generator=g).mul(4).round() + shift * marked for shift in (3, 2))
    z, p_value, *_ = peer.Delong_test(marked.int().numpy(), first.numpy(), second.numpy())
    found = compare_detectors(first, second, marked)
    assert (found.z, found.p_value) == pytest.approx((-z, p_value), abs=1e-10)


def test_several_at_once_are_what_each_is_alone():
    scores = {"first": FIRST, "second": SECOND, "third": FIRST + SECOND}
    rankings = {name: Ranking.of(each.double()) for name, each in scores.items()}
    for name, (area, ahead) in detect_by_each(rankings, MARKED.numpy()).items():
        alone, difference = (
            detection_auroc(scores[name], MARKED),
            compare_detectors(FIRST, scores[name], MARKED).difference,
        )
        assert (area.value, area.standard_error) == pytest.approx((alone.value, alone.standard_error), abs=1e-12)
        assert (ahead.value, ahead.standard_error) == pytest.approx(
            (difference.value, difference.standard_error), abs=1e-12
        )


def test_ten_thousand_rows_take_less_than_a_tenth_of_a_second():
    marked = torch.rand(10_000, generator=generator("fast")) < 0.1
    scores = torch.randn(2, 10_000, generator=generator("fast", 1)) + marked
    compare_detectors(scores[0], scores[1], marked)
    spent = []
    for _ in range(5):
        start = time.perf_counter()
        compare_detectors(scores[0], scores[1], marked)
        spent.append(time.perf_counter() - start)
    assert min(spent) <= 0.1


def test_a_score_and_what_ranks_alike_do_not_differ():
    found = compare_detectors(FIRST, 3 * FIRST + 1, MARKED)
    assert (found.difference.value, found.z, found.p_value) == (0, 0, 1)


def test_complete_separation_does_not_tell_its_error():
    marked = torch.arange(40) < 12
    found = detection_auroc(marked.double(), marked)
    assert (found.value, found.status) == (1, "undefined") and math.isnan(found.standard_error)


def test_too_few_disagreements_and_broken_scores_are_a_status():
    marked = torch.arange(100) < 9
    assert detection_auroc(torch.rand(100), marked).status == "undefined"
    assert detection_auroc(torch.rand(100), torch.zeros(100, dtype=torch.bool)).status == "undefined"
    assert detection_auroc(torch.full((100,), torch.nan), torch.arange(100) < 50).status == "non_finite"
    lost = compare_detectors(torch.rand(100), torch.rand(100), marked)
    assert lost.difference.status == "undefined" and math.isnan(lost.p_value)


def test_delongs_error_is_honest():
    found = []
    for draw in range(200):
        g = generator("delong", draw)
        marked = torch.rand(300, generator=g) < 0.15
        found.append(detection_auroc(torch.randn(300, generator=g) + marked, marked))
    spread = torch.tensor([each.value for each in found]).std()
    told = torch.tensor([each.standard_error for each in found]).square().mean().sqrt()
    assert float(told / spread) == pytest.approx(1, abs=0.15)


def test_drawing_rows_again_gives_the_areas_of_rows_that_stand_several_times():
    scores = torch.stack([FIRST, SECOND]).double().numpy()
    marked, sources = MARKED.numpy(), (K % 20).numpy()
    found = resampled_areas(scores, marked, sources, generator("again"))
    drawn = torch.randint(20, (found.shape[1], 20), generator=generator("again"))
    for draw, detector in itertools.product(range(4), range(2)):
        rows = np.concatenate([np.flatnonzero(sources == source) for source in drawn[draw].tolist()])
        again = pairs(torch.from_numpy(scores[detector][rows]), torch.from_numpy(marked[rows]))
        assert found[detector, draw] == pytest.approx(again)


def test_on_rows_of_their_own_the_bootstrap_agrees_with_delong():
    marked = torch.rand(2000, generator=generator("own")) < 0.1
    scores = torch.randn(2000, generator=generator("own", 1)) + marked
    plain = detection_auroc(scores, marked)
    again = detection_auroc(scores, marked, source_rows=torch.arange(2000), generator=generator("own", 2))
    assert again.value == plain.value
    assert again.standard_error == pytest.approx(plain.standard_error, rel=0.15)


def test_across_sets_of_the_same_rows_the_bootstrap_keeps_a_true_null_that_pooled_delong_rejects():
    sets, rows, rejected = 8, 100, {"pooled": 0, "bootstrap": 0}
    sources = torch.arange(rows).repeat(sets)
    for study in range(40):
        g = generator("null", study)
        of_row, of_first, of_second = torch.randn(3, rows, generator=g)
        marked = (of_row + 0.3 * torch.randn(sets, rows, generator=g)).flatten() > 1
        first, second = (
            (of_row + own + 0.3 * torch.randn(sets, rows, generator=g)).flatten() for own in (of_first, of_second)
        )
        rejected["pooled"] += compare_detectors(first, second, marked).p_value < 0.05
        more = {"source_rows": sources, "generator": generator("null", "bootstrap", study)}
        rejected["bootstrap"] += compare_detectors(first, second, marked, **more).p_value < 0.05
    assert rejected["bootstrap"] <= 6 and rejected["pooled"] >= 12, rejected


def test_a_difference_without_spread_has_no_test():
    marked = torch.arange(40) < 20
    right = marked.double()
    found = compare_detectors(right, -right, marked)
    assert found.difference.value == 1 and found.difference.status == "undefined"
    assert math.isnan(found.z) and math.isnan(found.p_value)
    alike = compare_detectors(right, 2 * right, marked)
    assert (alike.difference.value, alike.difference.status, alike.z, alike.p_value) == (0, "ok", 0, 1)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((torch.zeros(3), torch.zeros(4)), "expected twice the same"),
        ((torch.zeros(3), torch.tensor([0, 1, 2])), "other values than true and false"),
    ],
)
def test_what_is_no_detector_is_refused(arguments, told):
    with pytest.raises(LowlandError, match=told):
        detection_auroc(*arguments)


def test_sources_and_their_generator_come_together():
    with pytest.raises(LowlandError, match="got one without the other"):
        detection_auroc(FIRST, MARKED, source_rows=K)
    with pytest.raises(LowlandError, match="expected 60 whole numbers"):
        detection_auroc(FIRST, MARKED, source_rows=K[:5], generator=generator("short"))
