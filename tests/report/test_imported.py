"""The page and the console about one network from outside: nothing is said of training, seeds or choices."""

import pytest

from lowland.analysis.criteria import SIZE, clean_criterion
from lowland.analysis.over_seeds import configurations, with_test_rows
from lowland.analysis.score import Score
from lowland.decision.outcomes import RECOMMENDED
from lowland.decision.recommendation import recommend
from lowland.decision.requirements import Requirements, TaskRequirements
from lowland.report.closing import closing_lines
from lowland.report.page import render_page
from tests.made_study.rendering import section_of, text_of
from tests.made_study.study import study
from tests.made_study.tables import Tables

CLEAN = clean_criterion(Score.named("accuracy"))
GIVEN = {"recipe": "given", "precision": "imported", "method": "imported"}


@pytest.fixture(scope="module")
def lonely():
    """One network, as if it had come from outside."""
    return study(recipes=("plain",), seeds=("s0",), precisions=("qat4",)).assign(**GIVEN)


@pytest.fixture(scope="module")
def asked(lonely):
    return Tables.of(lonely, Requirements(needs=[{"at_least": 0.1}]), 2)


def test_its_interval_is_that_of_test_rows_and_draws(lonely):
    found = configurations(lonely, [CLEAN, SIZE])
    assert (found.low == found["mean"]).all() and (found.high == found["mean"]).all()
    wide = with_test_rows(found, lonely, [CLEAN, SIZE]).set_index("criterion").loc["score"]
    assert wide.low < wide["mean"] < wide.high
    assert (wide.seeds_low, wide.seeds_high) == (wide["mean"], wide["mean"])
    trained = lonely.assign(method="qat")
    assert configurations(trained, [CLEAN]).low.isna().all()


def test_it_can_surely_meet_a_requirement(asked):
    found = asked.recommendation["tasks"]["jets"]
    assert found["outcome"] == RECOMMENDED and found["chosen"]["precision"] == "imported"
    text = text_of(section_of("answer", asked.inputs()))
    assert "Deploy the network as it came (4-bit weights). It holds the requirement." in text
    assert "95 % interval over test rows and draws" in text and "imported.safetensors the network as it came" in text
    assert "seed" not in text and "recipe" not in text and "Train" not in text


def test_the_page_speaks_of_no_training_and_no_choice(asked):
    text = text_of(render_page(asked.inputs()))
    assert "A network from outside, studied as it came" in text and "One network from outside" in text
    for word in ("Which numbers go along with fragility", "Pareto", "Equal count", "over the seeds", "Recipe given"):
        assert word not in text.partition("Glossary recipe")[0]
    assert "Does matched curvature predict the damage?" in text and "Gaussian noise" in text


def test_what_it_misses_is_told_of_the_network(lonely):
    missed = recommend(lonely, TaskRequirements({"jets": Requirements(needs=[{"at_least": 0.999}])}))
    text = text_of(section_of("answer", Tables.of_recommendation(lonely, missed)))
    assert "The network from outside does not meet the requirements." in text and "add recipes" not in text
    (answer, *_) = closing_lines(missed)
    assert answer == "Answer: the network does not meet the requirements; the report says by how much it misses."


def test_the_run_ends_with_the_network_as_it_came(asked):
    answer, deploy, *_ = closing_lines(asked.recommendation)
    assert answer.startswith("Answer: deploy the network as it came; accuracy ")
    assert deploy.startswith("Deploy: ") and deploy.endswith("/jets/given/s0/imported.safetensors (as it came)")
