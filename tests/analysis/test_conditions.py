"""Which conditions a table has, and where a reader looks for them."""

from lowland.analysis.conditions import disturbances, group_of
from lowland.perturbation import IMAGE_CORRUPTIONS
from lowland.vocabulary.conditions import GROUPS


def test_every_disturbance_has_its_group(faulty):
    found = disturbances(faulty)
    asked = [
        group for group in GROUPS if group not in ("images", "texts", "labels", "policies")
    ]  # of other tasks or none
    assert list(dict.fromkeys(found.group)) == asked
    groups = dict(zip(zip(found.condition, found.target, strict=True), found.group, strict=True))
    assert groups["requantization", ""] == "sensors" and groups["pileup", ""] == "shift"
    assert groups["flips", "scales"] == "memory" and groups["stuck_at_1", ""] == "faults"
    assert not any(target.startswith("float32") for _, target in groups)


def test_corruptions_of_images_are_a_group_of_their_own():
    assert {group_of(kind) for kind in IMAGE_CORRUPTIONS} == {"images"}
    assert group_of("saturation") == "sensors"


def test_words_of_float_networks_stay_where_they_are_alone(tiny):
    found = disturbances(tiny[tiny.method == "float"])
    assert ("flips", "float32") in set(zip(found.condition, found.target, strict=True))


def test_no_disturbances(tiny):
    assert disturbances(tiny[tiny.family == "cost"]).empty
