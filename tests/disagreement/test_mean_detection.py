"""Detection on the mean over networks: single networks, pairing, and what is left out."""

import pytest
import torch

from lowland.disagreement import (
    MarkedScores,
    compare_detectors,
    detection_auroc,
    mean_detection_auroc,
    share_among_least_sure,
)
from lowland.errors import LowlandError
from lowland.randomness import generator


def network(key, rows=400, *, positives=0.2):
    draw = generator("mean detection", key)
    disagree = torch.rand(rows, generator=draw) < positives
    good = torch.randn(rows, generator=draw) + 2.0 * disagree
    return MarkedScores({"good": good, "poor": good + 2 * torch.randn(rows, generator=draw)}, disagree)


SOURCES = torch.arange(200).repeat(2)


def test_of_one_network_it_is_the_bootstrap_of_its_source_rows():
    made = network("one")
    found = mean_detection_auroc([made], SOURCES, key=("draws",))
    options = {"source_rows": SOURCES, "generator": generator("draws")}
    alone = detection_auroc(made.scores["good"], made.disagree, **options)
    assert found["good"][0].value == pytest.approx(alone.value)
    assert found["good"][0].standard_error == pytest.approx(alone.standard_error)
    options["generator"] = generator("draws")
    ahead = compare_detectors(made.scores["good"], made.scores["poor"], made.disagree, **options).difference
    assert found["poor"][1].value == pytest.approx(ahead.value)
    assert found["poor"][1].standard_error == pytest.approx(ahead.standard_error)


def test_networks_count_alike_and_the_same_network_twice_adds_nothing():
    first, second = network("one"), network("two")
    areas = [float(detection_auroc(each.scores["good"], each.disagree).value) for each in (first, second)]
    found = mean_detection_auroc([first, second], SOURCES, key=("draws",))
    assert found["good"][0].value == pytest.approx(sum(areas) / 2) and found["good"][0].num_samples == 2
    once, twice = (mean_detection_auroc([first] * count, SOURCES, key=("draws",)) for count in (1, 2))
    assert twice["good"][0].standard_error == pytest.approx(once["good"][0].standard_error)


def test_the_first_is_not_ahead_of_itself():
    area, ahead = mean_detection_auroc([network("one")], SOURCES, key=("draws",))["good"]
    assert (ahead.value, ahead.standard_error) == (0, 0) and 0.8 < area.value < 1


def test_networks_with_few_disagreements_are_left_out():
    few = network("few", positives=0.01)
    found = mean_detection_auroc([few, network("one")], SOURCES, key=("draws",))
    assert found["good"][0].num_samples == 1
    assert mean_detection_auroc([few], SOURCES, key=("draws",))["poor"][0].status == "undefined"


def test_other_rows_or_detectors_are_refused():
    other = network("one", rows=300)
    with pytest.raises(LowlandError, match="300 rows"):
        mean_detection_auroc([network("one"), other], SOURCES, key=("draws",))
    renamed = MarkedScores({"good": network("one").scores["good"]}, network("one").disagree)
    with pytest.raises(LowlandError, match="detectors good;"):
        mean_detection_auroc([network("one"), renamed], SOURCES, key=("draws",))


def test_disagreements_among_the_least_sure():
    scores = torch.arange(100.0)
    assert share_among_least_sure(scores, scores >= 90) == 1.0
    assert share_among_least_sure(scores, scores >= 80) == 0.5
    assert share_among_least_sure(scores, scores < 10) == 0.0
    assert share_among_least_sure(scores, scores < 0) != share_among_least_sure(scores, scores < 0)
    with pytest.raises(LowlandError, match="share"):
        share_among_least_sure(scores, scores < 10, share=1.0)
