"""What a study will measure of a task's networks, before it runs."""

import pytest

from lowland.measurable import measurable
from lowland.perturbation import ImageCorruptionOptions, InputNoiseOptions
from lowland.tasks import build_task
from lowland.tasks.fusion import FusionOptions
from lowland.tasks.jets import JetsOptions
from tests.base_options import base

SIZES = {"train_rows": 9, "validation_rows": 9, "landscape_rows": 9, "test_rows": 9}
JETS = JetsOptions(kind="jets", source="file", hidden=(4,), **SIZES)
FRAMES = FusionOptions(kind="fusion", source="simulated", **SIZES)


@pytest.mark.parametrize("options, spoiled", [(JETS, set()), (FRAMES, {"fog", "rotation"})])
def test_only_what_the_inputs_can_meet_is_measured(options, spoiled):
    images = ImageCorruptionOptions(**base("corruptions", kinds=["fog", "rotation"]))
    noise = InputNoiseOptions(**base("input_noise"))
    task = build_task(options)
    found = measurable([images, noise, "no options"], task)
    assert {plan.condition for plan in found if plan.family == "image_corruption"} == spoiled
    assert {plan.condition for plan in found if plan.family == "noise"} == set(noise.kinds)
    assert {plan.condition for plan in found if plan.family == "shift"} == {s.name for s in task.shifted_sets}
    assert any(task.score_name in plan.measures for plan in found if plan.family == "performance")
