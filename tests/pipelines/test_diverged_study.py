"""A study, or one of its tasks, that diverged goes through all stages from the tables to the page."""

import pandas as pd
import pytest

from lowland.decision.outcomes import FAILED
from lowland.decision.requirements import Requirements, TaskRequirements
from lowland.pipelines.analysis import nodes as analysis
from lowland.pipelines.decision import nodes as decision
from lowland.pipelines.report import nodes as report
from lowland.pipelines.tables import nodes as tables
from lowland.tasks.description import TaskDescriptions
from tests.made_study.answers import answers
from tests.made_study.first_day import LISTING, lost, references
from tests.made_study.tables import tiny_study


@pytest.fixture
def tiny():
    return tiny_study()


@pytest.mark.parametrize(
    "asked", [{}, {"needs": [{"at_least": 0.6}]}, {"needs": [{"measure": "size", "at_most": 1e6}], "prefer": ["size"]}]
)
def test_a_study_that_diverged_has_a_page_and_figures(tiny, asked):
    dead = lost(tiny, tiny.task == "jets")
    front, _ = analysis.find_front(dead)
    correlations, (points, fits) = analysis.correlate(dead), analysis.predict(dead)
    requirements = TaskRequirements({"jets": Requirements(**asked)})
    found, metrics = decision.choose(requirements, "data", dead, tables.gather_references({}), None)
    figures = report.draw(dead, correlations, front)
    assert all("No network gave a result" in f.layout.annotations[0].text for f in figures)
    told = TaskDescriptions.model_validate({})
    warned, volume = analysis.warn_of_policies(dead), analysis.measure_hypervolume(dead)
    words = {"conditions": {}}
    page = report.report(
        told, [], dead, words, correlations, points, fits, front, warned, volume, found, {}, None, None
    )
    assert "No network gave a result." in page and "training diverged" in page and "learning_rate" in page
    assert not (warned.status == "ok").any()
    assert found["tasks"]["jets"]["outcome"] == FAILED and metrics["jets"]["num_rows_not_ok"] == len(dead)


def test_one_task_that_diverged_leaves_the_other_its_answer(tiny):
    dead = lost(tiny, tiny.task == "jets").assign(task="econ")
    both = pd.concat([dead, tiny, answers()], ignore_index=True)
    whole = pd.concat([both, both[both.split == "test"].assign(split="selection")], ignore_index=True)
    front, _ = analysis.find_front(whole)
    figures = report.draw(whole, analysis.correlate(whole), front)
    assert all(len(figure.data) for figure in figures), "of the task that lives"


def test_tables_of_the_tasks_are_gathered_under_their_names():
    tasks = {"jets": {}, "wine": {}}
    own = references().drop(columns="task")
    facts = {"listing": LISTING, "preprocessing": {}}
    album = tables.gather_pictures(own, facts, flip_map_0=pd.DataFrame({"score": ["accuracy"]}))
    assert list(album.picture) == ["flip_map", "references", "inputs"]
    found = tables.gather_references(tasks, None, album)
    assert set(found.task) == {"wine"}
    pd.testing.assert_frame_equal(found.drop(columns="task"), own[list(found.columns[1:])], check_dtype=False)
    assert list(tables.gather_references(tasks, None, None)) == list(found)
    assert tables.gather_inputs(tasks, tables.gather_pictures(None, {}), album) == {"wine": LISTING}
    assert tables.gather_inputs(tasks, pd.DataFrame(), None) == {}
