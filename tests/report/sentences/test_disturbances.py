"""What was disturbed, in plain words."""

import pandas as pd
import pytest

from lowland.report.sentences.disturbances import describe_disturbances, merge_tasks


def test_spoiled_images_are_explained():
    spoiled = {"task": ["t"], "family": "image_corruption", "condition": "fog", "target": "", "measure": "accuracy"}
    (found,) = describe_disturbances(pd.DataFrame(spoiled | {"level": 1.0}))
    assert found["title"] == "Spoiled images" and "severities" in found["sentences"][0]


def test_attacks_on_texts_are_told_from_those_on_readings():
    rows = {"task": "t", "family": ["token_corruption", "adversarial"], "condition": ["truncation", "fgsm_linf"]}
    table = pd.DataFrame(rows | {"target": "", "measure": "accuracy", "level": 1.0})
    texts, attacks = describe_disturbances(table)
    assert texts["title"] == "Spoiled texts" and "per cent are of the words" in texts["sentences"][0]
    assert attacks["sentences"][-1].startswith("Of texts not the words are changed but the vectors")
    (others,) = describe_disturbances(table[1:])
    assert "Of texts" not in " ".join(others["sentences"])


def ranked(readings=None):
    flipped = {
        "task": "t",
        "condition": ["ranked_flips", "gaussian"],
        "family": ["bit_flip", "noise"],
        "target": ["weights", ""],
    }
    table = pd.DataFrame(flipped | {"measure": "accuracy", "level": 1.0})
    return {entry["group"]: " ".join(entry["sentences"]) for entry in describe_disturbances(table, readings)}


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


def test_what_several_tasks_share_is_said_once():
    noise, shift = ({"group": g, "title": g.title(), "sentences": [f"About {g}."]} for g in ("noise", "shift"))
    found = merge_tasks({"jets": [noise, shift], "econ": [noise]})
    assert [(entry["title"], entry["tasks"]) for entry in found] == [("Noise", []), ("Shift", ["jets"])]
