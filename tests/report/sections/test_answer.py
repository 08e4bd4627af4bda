"""The answer, whatever came of the study."""

import numpy as np
import pandas as pd

from lowland.decision.outcomes import ON_THE_MEAN
from lowland.decision.recommendation import recommend
from lowland.decision.requirements import Requirements, TaskRequirements
from tests.made_study.first_day import answer_of, curves, lost, references, with_gains
from tests.made_study.rendering import section_of, text_of
from tests.made_study.study import study
from tests.made_study.tables import Tables

ASKED = Requirements()


def page(table, requirements=ASKED, references=None, learning=None):
    """The text of the section, of the undisturbed test rows alone."""
    few = table[table.family.isin(["performance", "cost"])].reset_index(drop=True)
    found = recommend(
        few,
        TaskRequirements(dict.fromkeys(few.task.unique(), requirements)),
        references=references,
        learning_curves=learning,
    )
    return text_of(section_of("answer", Tables.of_recommendation(few, found)))


def test_it_says_what_to_train_and_to_deploy(tables):
    html = section_of("answer", tables.inputs())
    chosen = tables.recommendation["tasks"]["jets"]["chosen"]
    text = text_of(html)
    assert 'data-outcome="recommended"' in html
    assert f"Train with {chosen['recipe']} and deploy at {chosen['precision']}" in text
    assert "holds all 4 requirements" in text and f"Deploy {chosen['deploy']['file']}" in text
    score = chosen["numbers"]["score"]
    assert "95 % interval over seeds, test rows and draws" in text
    assert f"{100 * score['low']:.1f} % to {100 * score['high']:.1f} %" in text
    assert html.count('class="interval-plot"') == len(chosen["numbers"])


def test_what_gives_way_first(tables):
    text = text_of(section_of("answer", tables.inputs()))
    assert "“Held” means a mean accuracy of at least 60.0 %, with a number from every seed." in text
    broken = tables.recommendation["tasks"]["jets"]["breaking_levels"]
    assert all(entry["label"] in text for entry in broken)
    assert "Least to spare:" in text and ("beyond what was tried" in text or "lost" in text)


def test_where_nothing_meets_it_names_the_nearest_and_by_how_much_it_misses(tiny):
    html = section_of("answer", Tables.of(tiny, Requirements(needs=[{"at_least": 0.99}]), 2).inputs())
    text = text_of(html)
    assert 'data-outcome="no configuration meets the requirements"' in html
    assert "No configuration meets clean accuracy ≥ 99.0 % even on its own. 6 configurations were tried." in text
    assert "Nearest comes" in text and "short by" in text and "How it was chosen" not in text


def test_one_recipe_one_seed_is_never_sure():
    lonely = study(recipes=("plain",), seeds=("s0",), precisions=("qat4",))
    assert "Probably plain at qat4" in page(lonely, Requirements(needs=[{"at_least": 0.1}]))


def test_one_seed_has_no_interval_and_the_answer_says_so():
    lonely = study(recipes=("plain", "clipping"), seeds=("s0",), precisions=("qat4",))
    text = page(lonely, Requirements(needs=[{"at_least": 0.1}]))
    assert "it meets the requirements on the mean, but one seed gives no interval" in text
    assert "Another seed is needed" in text and "no interval" in text
    assert "One seed gives no interval, so this study cannot tell them apart" in text
    assert "reaches beyond" not in text and "would settle it" not in text and "overlap" not in text


def test_two_tasks_have_an_answer_each_and_names_cannot_break_it(tiny):
    evil = tiny.replace({"recipe": {"plain": "</script><b>&\"'"}}).assign(task="econ")
    table = pd.concat([tiny, evil], ignore_index=True)
    found = recommend(table, TaskRequirements({}))
    html = section_of("answer", Tables.of_recommendation(table, found))
    assert html.count('class="verdict"') == 2 and "</script><b>" not in html
    assert html.count('<a href="#answer-') == html.count('id="answer-') == 2


def test_where_nothing_beats_the_guess_it_says_what_to_do(tiny):
    text = page(with_gains(tiny, 0.001), references=references(guess=0.74))
    for needed in ("Nothing here learned more than guessing.", "guessing reaches 74.0 %", "Train longer", "more rows"):
        assert needed in text
    assert "Train with" not in text


def test_an_incomplete_configuration_is_said_to_be_one(tiny):
    text = page(lost(tiny, tiny.seed == "s1"))
    assert "Only incomplete configurations are left" in text and "of which 1 of 2 seeds gave a result" in text


def test_what_diverged_is_named(tiny):
    assert "6 networks are missing: clipping" in page(lost(tiny, tiny.recipe == "clipping"))
    text = page(lost(tiny, tiny.task == "jets"))
    assert "No network gave a result." in text and "training diverged" in text and "learning_rate" in text


def test_one_task_that_diverged_leaves_the_other_its_answer(tiny):
    both = pd.concat([lost(tiny, tiny.task == "jets").assign(task="econ"), tiny], ignore_index=True)
    text = page(both)
    assert "No network gave a result." in text and "Train with" in text


def test_a_recommendation_far_behind_a_reference_says_so(tiny):
    table, listed = with_gains(tiny), references(boosting=0.97)
    text = page(table, references=listed)
    assert "Gradient boosting reaches 97.0 % on the same rows" in text
    assert "Guessing 20.0 % on the same test rows" in text
    assert "far better" not in page(table, references=references(boosting=0.75))


def test_what_was_not_measured_is_said(tiny):
    assert "Whether it learned more than guessing was not measured." in page(tiny)
    text = page(with_gains(tiny, 0.5))
    assert "guessing was not measured" not in text and "better than guessing by 50 points" in text


def test_a_training_that_was_stopped_too_early_is_named(tiny):
    learning = pd.concat([curves("plain", 1 - np.arange(20) / 50), curves("clipping", [1, 0.5, *[0.4] * 18])])
    assert "The validation loss of plain still fell when training ended: train longer." in page(tiny, learning=learning)


def test_a_limit_that_is_missed_is_not_kept(tables):
    best = answer_of(tables.measurements, prefer=("score",))["chosen"]["numbers"]["score"]
    requirements = Requirements(needs=[{"at_least": best["mean"] - 1e-9}])
    assert answer_of(tables.measurements, needs=requirements.needs)["outcome"] == ON_THE_MEAN
    text = page(tables.measurements, requirements)
    assert "draws reaches beyond them" in text and "More seeds, test rows or draws would settle it" in text
    missed = 100 * (best["mean"] - best["low"])
    assert f"misses the limit by {missed:.1f} percentage points" in text and "interval keeps" not in text


def test_any_requirement_has_its_own_unit(faulty):
    few = faulty[faulty.family.isin(["performance", "cost", "noise", "sensor_fault", "adversarial"])]
    needs = [
        {"measure": "half_life", "condition": "gaussian", "at_least": 20},
        {"measure": "accuracy_drop", "condition": "pgd_linf", "level": 0.2, "at_most": 0.1},
        {"measure": "half_life", "condition": "gaussian", "at_least": 99},
    ]
    found = recommend(few, TaskRequirements({"jets": Requirements(needs=needs)}))
    text = text_of(section_of("answer", Tables.of_recommendation(few, found)))
    assert "half-life under Gaussian noise ≥ 99 %" in text and "≤ 10 points" in text
