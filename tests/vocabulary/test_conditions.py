"""What is done is declared once, and whatever does it finds its record."""

import json
from dataclasses import asdict, replace
from typing import get_args

import pytest

from lowland.faults.options import FAULT_CONDITIONS
from lowland.perturbation import ATTACKS, IMAGE_CORRUPTIONS, INPUT_NOISES, SENSOR_FAULTS, TOKEN_CORRUPTIONS
from lowland.perturbation.ball import NORMS
from lowland.perturbation.image_corruptions import CorruptionKind
from lowland.perturbation.input_noise import NoiseKind
from lowland.perturbation.sensor_faults import FaultKind
from lowland.perturbation.token_corruptions import TokenCorruptionKind
from lowland.vocabulary.conditions import (
    CONDITIONS,
    GROUPS,
    condition_named,
    declare,
    declare_written,
    is_general,
    shifted_set,
)
from lowland.vocabulary.families import DISTURBANCES
from lowland.vocabulary.targets import TARGETS, codes_target, float32_target
from lowland.vocabulary.worst_case_measures import STUDENTS

DONE = {
    "noise": set(INPUT_NOISES),
    "sensor_fault": set(SENSOR_FAULTS),
    "image_corruption": set(IMAGE_CORRUPTIONS),
    "token_corruption": set(TOKEN_CORRUPTIONS),
    "adversarial": {f"{kind}_{norm}" for kind in ATTACKS for norm in NORMS},
    "worst_case": set(STUDENTS),
    "bit_flip": {name for fault in FAULT_CONDITIONS.values() for name in fault[:2] if name},
}


@pytest.mark.parametrize("family", DONE)
def test_what_can_be_done_has_a_record_and_what_has_one_can_be_done(family):
    assert {c.name for c in CONDITIONS.values() if c.family == family} == DONE[family]


@pytest.mark.parametrize(
    ("kinds", "registry"),
    [
        (NoiseKind, INPUT_NOISES),
        (FaultKind, SENSOR_FAULTS),
        (CorruptionKind, IMAGE_CORRUPTIONS),
        (TokenCorruptionKind, TOKEN_CORRUPTIONS),
    ],
)
def test_what_can_be_done_can_be_asked_for(kinds, registry):
    assert set(get_args(kinds)) == set(registry)


def test_records_are_complete():
    for condition in CONDITIONS.values():
        assert condition.family in (*DISTURBANCES, "worst_case") and condition.group in GROUPS
        assert condition.label.format(place="") and condition.target in TARGETS
        assert bool(condition.unit.name) == (condition.group != "shift")


def test_a_name_stands_for_one_thing():
    declare(CONDITIONS["gaussian"])
    with pytest.raises(ValueError, match="'gaussian' is declared twice"):
        declare(shifted_set("gaussian"))


def test_what_nobody_declared_is_a_set_from_elsewhere():
    found = condition_named("winter_run")
    assert (found.family, found.label, found.unit.name) == ("shift", "winter run", "")
    assert "winter_run" not in CONDITIONS


def test_a_condition_of_every_study_is_general_and_a_set_of_a_task_is_not():
    import lowland.tasks  # noqa: F401  # declares what tasks call their shifted sets

    assert is_general("gaussian") and is_general("stuck_at_0_rate")
    assert "pileup" in CONDITIONS and not is_general("pileup") and not is_general("winter_run")


def test_only_images_are_spoiled_as_images():
    for condition in CONDITIONS.values():
        assert condition.applies_to("image") == (condition.family != "token_corruption")
        assert condition.applies_to("features") == (condition.family not in ("image_corruption", "token_corruption"))


def test_parts_of_float32_words_stand_beside_those_of_codes():
    assert {float32_target(part) for part in ("", "weights", "biases")} == {
        t.name for t in TARGETS.values() if t.is_float32
    }
    assert [codes_target(name) for name in ("float32", "float32_biases", "scales", "0.conv")] == [
        "",
        "biases",
        "scales",
        "0.conv",
    ]


def test_conditions_come_back_as_they_were_written(monkeypatch):
    theirs = replace(CONDITIONS["requantization"], name="coarser_clock", label="a coarser clock")
    written = json.loads(json.dumps({"jets": {c.name: asdict(c) for c in (theirs, CONDITIONS["gaussian"])}}))
    monkeypatch.setitem(written["jets"]["gaussian"], "label", "another word for it")
    monkeypatch.setattr("lowland.vocabulary.conditions.CONDITIONS", dict(CONDITIONS))
    declare_written(written)
    assert condition_named("coarser_clock") == theirs and condition_named("gaussian").label == "Gaussian noise"


def test_tokens_meet_nothing_that_is_of_readings():
    for condition in CONDITIONS.values():
        met = condition.family not in ("noise", "sensor_fault", "image_corruption")
        assert condition.applies_to("tokens") == met
