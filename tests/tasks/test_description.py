import json
import math

import pytest
from pydantic import ValidationError

from lowland.tasks import Readings, ShiftedSet, TaskDescription, build_task
from lowland.tasks.fusion import FusionOptions
from lowland.tasks.jets import JetsOptions

SIZES = {"train_rows": 9, "validation_rows": 9, "landscape_rows": 9, "test_rows": 9}


@pytest.mark.parametrize(
    "options, kind, sets",
    [
        (JetsOptions(kind="jets", source="file", hidden=(4,), **SIZES), "features", ["high_pt", "pileup", "smeared"]),
        (JetsOptions(kind="jets", source="openml", hidden=(4,), **SIZES), "features", []),
        (
            FusionOptions(kind="fusion", source="simulated", **SIZES),
            "image",
            ["later_campaign", "moved_surface", "bright_background"],
        ),
    ],
)
def test_a_task_tells_about_itself_what_json_can_hold(options, kind, sets):
    task = build_task(options)
    about = task.about
    assert about.input_kind == kind and [shifted.name for shifted in about.shifted_sets] == sets
    assert all(shifted.label for shifted in about.shifted_sets)
    assert about.text == task.description and about.score == task.score_name
    again = TaskDescription.model_validate_json(json.dumps(about.model_dump(mode="json"), allow_nan=False))
    assert again == about
    assert about.meets["image_corruption"] == (kind == "image") and about.meets["noise"] and about.meets["bit_flip"]


def test_a_limit_that_is_not_there_is_null():
    readings = Readings(limits=(0.0, math.inf))
    assert readings.model_dump(mode="json")["limits"] == [0.0, None] and readings.limits == (0.0, math.inf)
    assert Readings.model_validate_json('{"limits": [null, 1.0]}').limits == (-math.inf, 1.0)


def test_a_users_own_set_is_called_what_it_is_called():
    assert ShiftedSet.named("year_2020") == ShiftedSet(name="year_2020", label="year 2020")


def test_a_description_does_not_change():
    with pytest.raises(ValidationError):
        Readings().unit = 1.0
