"""What the words mean."""

from tests.made_study.lower_is_better import with_emd
from tests.made_study.rendering import section_of, text_of
from tests.made_study.tables import Tables

NOTHING = {"chosen": None, "nearest": None, "best": None}


def glossary(measurements):
    found = {"tasks": {task: NOTHING for task in measurements.task.unique()}}
    return text_of(section_of("glossary", Tables.of_recommendation(measurements, found)))


def test_every_measure_that_was_taken_is_explained_with_its_unit(tiny):
    text = glossary(tiny)
    assert "flip curvature" in text and "size in bits" in text and "loss in nats" in text
    assert "worst single flip" not in text, "only what was measured"


def test_losses_of_errors_have_no_unit(tiny):
    assert "loss in nats" not in glossary(with_emd(tiny))
