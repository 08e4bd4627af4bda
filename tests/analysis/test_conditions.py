"""Conditions in words, their units, and where a reader looks for them."""

import pandas as pd
import pytest

from lowland.analysis.conditions import (
    condition_label,
    disturbances,
    group_of,
    level_text,
    level_title,
    number_text,
    power_text,
)
from lowland.perturbation import IMAGE_CORRUPTIONS
from lowland.report.scope import disturbed
from lowland.vocabulary.conditions import GROUPS


@pytest.mark.parametrize(
    ("condition", "target", "label"),
    [
        ("gaussian", "", "Gaussian noise"),
        ("flips", "", "bit flips, fixed number"),
        ("flips", "float32", "bit flips in float32 words, fixed number"),
        ("bit_error_rate", "scales", "bit errors in scales, fixed rate"),
        ("bit_error_rate", "float32_weights", "bit errors in float32 words of weights, fixed rate"),
        ("flips", "0.conv", "bit flips in 0.conv, fixed number"),
        ("stuck_at_1", "", "stuck-at-1 bits, fixed number"),
        ("upset_rate", "", "multi-bit upsets, fixed rate"),
        ("transient_bit_error_rate", "activations", "bit errors in activations, fixed rate"),
        ("motion_blur", "", "motion blur"),
        ("ranked_flips", "weights", "bit flips of the weights' worst-ranked bits, fixed number"),
        ("somebody_elses", "", "somebody elses"),
    ],
)
def test_labels(condition, target, label):
    assert condition_label(condition, target) == label


@pytest.mark.parametrize(
    ("condition", "level", "text", "title"),
    [
        ("uniform", 5.0, "5 %", "uniform noise, per cent"),
        ("requantization", 1.0, "1 bit", "coarser ADC, ADC bits"),
        ("translation", 3.0, "severity 3", "displaced images, severity, 1 to 5"),
        ("pgd_l2", 0.05, "0.05 σ", "iterated attack (PGD, L2), radius in training standard deviations"),
        ("flips", 1.0, "1 flip", "bits flipped, out of all stored bits"),
        ("upsets", 5.0, "5 upsets", "number of upsets"),
        ("ranked_flips", 5.0, "5 flips", "bits of weights flipped, the worst-ranked first"),
        ("bit_error_rate", 1e-4, "rate 10⁻⁴", "bit error rate (probability that a stored bit is flipped)"),
    ],
)
def test_levels_have_units(condition, level, text, title):
    assert level_text(condition, level) == text
    assert level_title(condition) == title


def test_numbers():
    assert [number_text(v) for v in (12345.0, 123.4, 12.34, 1.234, 0.012, 0.0012)] == [
        "12,345",
        "123",
        "12.3",
        "1.2",
        "0.012",
        "1.2·10⁻³",
    ]
    assert [power_text(v) for v in (0.1, 2e-5, 3.0)] == ["10⁻¹", "2·10⁻⁵", "3"]


def test_every_disturbance_has_its_group(faulty):
    found = disturbances(faulty)
    assert list(dict.fromkeys(found.group)) == [group for group in GROUPS if group != "images"]  # jets are none
    groups = dict(zip(zip(found.condition, found.target, strict=True), found.group, strict=True))
    assert groups["requantization", ""] == "sensors" and groups["pileup", ""] == "shift"
    assert groups["flips", "scales"] == "memory" and groups["stuck_at_1", ""] == "faults"
    assert not any(target.startswith("float32") for _, target in groups)


def test_corruptions_of_images_are_a_group_of_their_own():
    assert {group_of(kind) for kind in IMAGE_CORRUPTIONS} == {"images"}
    assert group_of("saturation") == "sensors"
    spoiled = {"task": ["t"], "family": "image_corruption", "condition": "fog", "target": "", "measure": "accuracy"}
    (found,) = disturbed(pd.DataFrame(spoiled | {"level": 1.0}))
    assert found["title"] == "Spoiled images" and "severities" in found["sentences"][0]


def ranked(readings=None):
    flipped = {
        "task": "t",
        "condition": ["ranked_flips", "gaussian"],
        "family": ["bit_flip", "noise"],
        "target": ["weights", ""],
    }
    table = pd.DataFrame(flipped | {"measure": "accuracy", "level": 1.0})
    return {entry["group"]: " ".join(entry["sentences"]) for entry in disturbed(table, readings)}


def test_ranked_flips_have_words():
    assert ranked()["memory"].count("ranking names first") == 1


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ((0.0, None), " No reading can lie below 0: what would is cut off there."),
        ((0.0, 1.0), " No reading can lie below 0 or above 1: what would is cut off there."),
    ],
)
def test_readings_with_limits_are_cut_off(limits, said):
    found = ranked({"unit": None, "extremes": None, "limits": limits})
    assert found["noise"].endswith(said) and "No reading" not in found["memory"]
    assert "No reading" not in ranked({"limits": (None, None)})["noise"] == ranked()["noise"]


def test_words_of_float_networks_stay_where_they_are_alone(tiny):
    found = disturbances(tiny[tiny.method == "float"])
    assert ("flips", "float32") in set(zip(found.condition, found.target, strict=True))


def test_no_disturbances(tiny):
    assert disturbances(tiny[tiny.family == "cost"]).empty
