"""What was disturbed is explained, and only that."""

from dataclasses import replace

import pandas as pd

from lowland.report.inputs import Facts
from tests.made_study.rendering import section_of, text_of
from tests.made_study.tables import Tables

NOTHING = {"chosen": None, "nearest": None, "best": None}


def inputs_of(measurements, **facts):
    found = {"tasks": {task: NOTHING for task in measurements.task.unique()}}
    return replace(Tables.of_recommendation(measurements, found), facts=facts)


def test_every_group_is_explained_with_the_scope(faulty):
    text = text_of(section_of("disturbed", inputs_of(faulty, jets=Facts(description="Jets of particles."))))
    assert "Jets of particles." in text and "FPGA's configuration memory" in text
    for title in ("Noise on the inputs", "Broken sensors", "Attacks", "Flipped bits in memory", "Other faults"):
        assert f"{title}." in text
    assert "is p/100 of the standard deviation" in text
    assert "Coarser ADC: every feature is read in so many bits" in text
    assert "Uniform p %" in text and "Offset drift" not in text, "only what was measured"
    assert "keeps the worst point that it came by" in text


def test_two_tasks_are_named_where_they_differ(tiny):
    quiet = tiny[tiny.family != "noise"].assign(task="econ")
    both = pd.concat([tiny, quiet], ignore_index=True)
    text = text_of(section_of("disturbed", inputs_of(both, econ=Facts(description="Sensors."))))
    assert "Noise on the inputs (jets)." in text and "Flipped bits in memory." in text and "econ : Sensors." in text
