"""A first study that went wrong in one of the usual ways gets an answer that says so."""

import html
import json
import re

import numpy as np
import pandas as pd
import pytest

from lowland.analysis.pareto import pareto
from lowland.decision.outcomes import FAILED, GUESSING, INCOMPLETE, NOTHING, ON_THE_MEAN, RECOMMENDED
from lowland.decision.recommendation import recommend
from lowland.decision.requirements import Requirements, TaskRequirements
from lowland.pipelines.analysis import nodes as analysis
from lowland.pipelines.decision import nodes as decision
from lowland.pipelines.report import nodes as report
from lowland.pipelines.tables import nodes as tables
from lowland.report.closing import closing_lines
from lowland.tasks.description import TaskDescriptions
from tests.made_study.first_day import curves, lost, references, with_gains, with_validation
from tests.made_study.tables import Tables


def _recommend(table, references=None, learning=None, **asked):
    found = recommend(
        table,
        TaskRequirements({"jets": Requirements(**asked)}),
        references=references,
        learning_curves=learning,
        folder="data/own",
    )
    json.dumps(found, allow_nan=False)
    return found


def _answer(table, **options):
    return _recommend(table, **options)["tasks"]["jets"]


ASKED = Requirements()


def _page(table, requirements=ASKED, listings=None, references=None, learning=None):
    """The text of the page of what is told of the undisturbed test rows."""
    table = table[table.family.isin(["performance", "cost"])].reset_index(drop=True)
    tables = Tables.of(table, requirements, 2)
    found = recommend(
        table,
        TaskRequirements(dict.fromkeys(table.task.unique(), requirements)),
        references=references,
        learning_curves=learning,
    )
    page = Tables(**{**vars(tables), "recommendation": found}).report(listings=listings)
    body = re.sub(r"<(script|style)>.*?</\1>", "", page, flags=re.DOTALL)
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body)))


def test_what_does_not_beat_the_guess_is_never_recommended(tiny):
    best = _answer(tiny, prefer=("score",))["chosen"]
    idle = with_gains(tiny, lambda r, p, s: 0.0 if (r, p) == (best["recipe"], best["precision"]) else 0.3)
    answer = _answer(idle, prefer=("score",))
    named = [answer["chosen"], *answer["tied"], answer["runner_up"]]
    assert (best["recipe"], best["precision"]) not in [(c["recipe"], c["precision"]) for c in named]
    assert answer["num_beating_guess"] == 5 and "1 did not beat the guess." in answer["why"]


def test_where_nothing_beats_it_nothing_is_recommended(tiny):
    found = _recommend(with_gains(tiny, 0.001), references=references(guess=0.74), needs=[{"at_least": 0.5}])
    answer = found["tasks"]["jets"]
    assert answer["outcome"] == GUESSING and answer["chosen"] is None and answer["num_beating_guess"] == 0
    assert answer["best"]["numbers"]["score"]["mean"] > 0.7
    assert "nothing here learned more than guessing" in closing_lines(found)[0]
    assert "guessing 74.0 %, gradient boosting 75.0 %" in closing_lines(found)[0]
    text = _page(with_gains(tiny, 0.001), references=references(guess=0.74))
    for needed in ("Nothing here learned more than guessing.", "guessing reaches 74.0 %", "Train longer", "more rows"):
        assert needed in text
    assert "Train with" not in text


def test_meeting_the_requirements_by_guessing_is_not_meeting_them(tiny):
    small_ones = tiny.loc[tiny.measure == "size", "value"].min() * 1.01
    idle = with_gains(tiny, lambda r, p, s: 0.0 if p == "qat4" else 0.3)
    answer = _answer(idle, needs=[{"measure": "size", "at_most": small_ones}])
    assert answer["outcome"] == NOTHING
    assert answer["why"] == ["What meets the requirements learned no more than guessing."]
    assert answer["nearest"]["precision"] != "qat4" and answer["requirements"][0]["nearest"]["precision"] != "qat4"


def test_a_survivor_does_not_win(tiny):
    best = _answer(tiny, prefer=("score",))["chosen"]
    at = (tiny.recipe == best["recipe"]) & (tiny.precision == best["precision"]) & (tiny.seed == "s1")
    broken = lost(tiny, at)
    broken.loc[(broken.recipe == best["recipe"]) & (broken.precision == best["precision"]), "value"] *= 1.05
    answer = _answer(broken, prefer=("score",))
    named = [answer["chosen"], *answer["tied"], answer["runner_up"]]
    assert (best["recipe"], best["precision"]) not in [(c["recipe"], c["precision"]) for c in named]
    assert answer["outcome"] == RECOMMENDED and answer["num_complete"] == 5
    assert "1 lost a seed and ranks behind." in answer["why"]


def test_where_all_lost_a_seed_the_heading_says_so(tiny):
    broken = lost(tiny, tiny.seed == "s1")
    answer = _answer(broken, needs=[{"at_least": 0.5}])
    assert answer["outcome"] == INCOMPLETE
    assert (answer["chosen"]["num_seeds"], answer["chosen"]["num_planned"]) == (1, 2)
    text = _page(broken)
    assert "Only incomplete configurations are left" in text and "of which 1 of 2 seeds gave a result" in text
    assert "6 deployable networks, each trained" in text and "12 were planned" in text
    assert "6 networks of the 12 planned" in text and "1 of 2 seeds" in text
    assert "(1 of 2 seeds)" in closing_lines(_recommend(broken))[0]


def test_a_survivor_stands_on_no_front(tiny):
    front = pareto(tiny)
    names = front[front.standing == "front"].iloc[0]
    at = (tiny.recipe == names.recipe) & (tiny.precision == names.precision) & (tiny.seed == "s1")
    found = pareto(lost(tiny, at))
    ours = (found.recipe == names.recipe) & (found.precision == names.precision)
    assert set(found.standing[ours]) <= {"incomplete", "dominated"} and "incomplete" in set(found.standing[ours])
    assert not found.dominated_by[~ours].eq(f"{names.recipe} {names.precision}").any()
    assert (found.standing[~ours] == "front").any()


@pytest.mark.parametrize(
    "asked", [{}, {"needs": [{"at_least": 0.6}]}, {"needs": [{"measure": "size", "at_most": 1e6}], "prefer": ["size"]}]
)
def test_a_study_that_diverged_has_a_page_figures_and_lines(tiny, asked):
    dead = lost(tiny, tiny.task == "jets")
    front, _ = analysis.find_front(dead)
    correlations, (points, fits) = analysis.correlate(dead), analysis.predict(dead)
    requirements = TaskRequirements({"jets": Requirements(**asked)})
    found, metrics = decision.choose(requirements, "data", dead, tables.gather_references({}), None)
    figures = report.draw(dead, correlations, front)
    assert all("No network gave a result" in f.layout.annotations[0].text for f in figures)
    told = TaskDescriptions.model_validate({})
    page = report.report(told, [], dead, {"conditions": {}}, correlations, points, fits, front, found, {}, None, None)
    assert "No network gave a result." in page and "training diverged" in page and "learning_rate" in page
    assert found["tasks"]["jets"]["outcome"] == FAILED and metrics["jets"]["num_rows_not_ok"] == len(dead)
    assert closing_lines(found) == [
        "Answer: no network gave a result; see the report for why.",
        "Note:   12 networks are missing: plain (6 of 6, training diverged) and clipping (6 of 6, training diverged).",
        "Report: data/08_reporting/report.html",
    ]


def test_one_task_that_diverged_leaves_the_other_its_answer(tiny):
    both = pd.concat([lost(tiny, tiny.task == "jets").assign(task="econ"), tiny], ignore_index=True)
    whole = pd.concat([both, both[both.split == "test"].assign(split="selection")], ignore_index=True)
    front, _ = analysis.find_front(whole)
    figures = report.draw(whole, analysis.correlate(whole), front)
    assert all(len(figure.data) for figure in figures), "of the task that lives"
    text = _page(both)
    assert "No network gave a result." in text and "Train with" in text


def test_one_recipe_that_diverged_is_told(tiny):
    broken = lost(tiny, tiny.recipe == "clipping")
    lines = closing_lines(_recommend(broken))
    assert any(line == "Note:   6 networks are missing: clipping (6 of 6, training diverged)." for line in lines)
    assert "6 networks are missing: clipping" in _page(broken)


def test_the_run_ends_with_the_answer_the_file_and_the_page(tiny):
    lines = closing_lines(_recommend(with_validation(with_gains(tiny), {"s0": 2.0, "s1": 1.0})))
    assert len(lines) == 3
    assert re.match(r"Answer: train with \w+ and deploy at \w+; accuracy \d\d\.\d %\.$", lines[0])
    assert re.match(
        r"Deploy: data/own/06_models/deployed/jets/\w+/s1/\w+\.safetensors \(seed s1, best on val", lines[1]
    )
    assert lines[2] == "Report: data/own/08_reporting/report.html"


def test_two_tasks_end_with_an_answer_each(tiny):
    both = pd.concat([tiny, tiny.assign(task="econ")], ignore_index=True)
    lines = closing_lines(_recommend(both))
    assert [line.split(":")[0] for line in lines] == ["Answer", "Deploy", "Answer", "Deploy", "Report"]
    assert lines[0].startswith("Answer: jets: ") and lines[2].startswith("Answer: econ: ")
    assert "validation was not measured" in lines[1]


def test_ties_and_the_runner_up_have_their_files(tiny):
    answer = _answer(tiny, prefer=("score",))
    assert answer["tied"] and all(c["deploy"]["file"].endswith(f"{c['precision']}.safetensors") for c in answer["tied"])
    assert answer["runner_up"] == answer["tied"][0]
    alone = _answer(tiny, prefer=("size", "score"), needs=[{"measure": "size", "at_most": 1e6}])
    assert alone["runner_up"]["deploy"]["seed"] == "s0"


def test_a_recommendation_far_behind_a_reference_says_so(tiny):
    table, listed = with_gains(tiny), references(boosting=0.97)
    text = _page(table, references=listed)
    assert "Gradient boosting reaches 97.0 % on the same rows" in text
    assert "Guessing 20.0 % on the same test rows" in text and "guessing 20.0" in text
    assert "far better" not in _page(table, references=references(boosting=0.75))


def test_what_was_not_measured_is_said(tiny):
    assert "Whether it learned more than guessing was not measured." in _page(tiny)
    text = _page(with_gains(tiny, 0.5))
    assert "guessing was not measured" not in text and "better than guessing by 50 points" in text


def test_a_training_that_was_stopped_too_early_is_named(tiny):
    learning = pd.concat([curves("plain", 1 - np.arange(20) / 50), curves("clipping", [1, 0.5, *[0.4] * 18])])
    assert "The validation loss of plain still fell when training ended: train longer." in _page(
        tiny, learning=learning
    )


def test_a_limit_that_is_missed_is_not_kept(tables):
    best = _answer(tables.measurements, prefer=("score",))["chosen"]["numbers"]["score"]
    requirements = Requirements(needs=[{"at_least": best["mean"] - 1e-9}])
    assert _answer(tables.measurements, needs=requirements.needs)["outcome"] == ON_THE_MEAN
    text = _page(tables.measurements, requirements)
    missed = 100 * (best["mean"] - best["low"])
    assert f"misses the limit by {missed:.1f} percentage points" in text and "interval keeps" not in text


LISTING = {
    "file": "wine.csv",
    "rows": 1780,
    "rows_used": 1700,
    "rows_without_target": 50,
    "rows_dropped_for_gaps": 30,
    "missing": "drop",
    "features": [{"name": "alcohol", "gaps": 0}, {"name": "hue", "gaps": 12}],
    "left_out": [{"name": "id", "why": "different in every row"}],
}


def test_the_page_lists_what_the_networks_were_given(tiny):
    text = _page(tiny, listings={"jets": LISTING})
    for needed in (
        "wine.csv : 1,700 of 1,780 rows used; 50 had no target; 30 dropped for gaps",
        "hue 12",
        "The 2 features",
        "id : different in every row",
    ):
        assert needed in text
    assert "What the networks were given" not in _page(tiny)


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
