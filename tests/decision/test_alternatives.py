"""What safety costs, and which requirements exclude each other."""

from itertools import combinations

import pytest

from lowland.analysis.criteria import SIZE
from lowland.decision.alternatives import conflicts, margins, safer
from lowland.decision.choice import Choice
from lowland.decision.numbers import Numbers
from lowland.decision.requirements import Requirements
from tests.made_study.tables import REQUIREMENTS

LOW = {"at_least": 0.3}
NOISY = {"condition": "gaussian", "level": 10, "at_least": 0.3}


@pytest.fixture(scope="module")
def numbers(small):
    return Numbers(small, small)


def choice(numbers, *needs, **others):
    return Choice(numbers, Requirements(needs=needs, **others))


def test_what_is_safer_keeps_more_and_nothing_beats_it_in_all_three(numbers):
    made = choice(numbers, LOW, NOISY, prefer=["score"])
    found = safer(made)
    least = margins(made).min(axis=1)
    sizes, scores = numbers.means(SIZE), numbers.means(numbers.clean)
    assert 0 < len(found) <= 3
    kept = [entry["margin"] for entry in found]
    assert kept == sorted(kept) and kept[0] > found[0]["margin_now"]
    for entry in found:
        (own,) = [s for s in made.candidates if s[1:3] == (entry["recipe"], entry["precision"])]
        beaten = [
            s
            for s in made.candidates
            if s != own and least[s] >= least[own] and sizes[s] <= sizes[own] and scores[s] >= scores[own]
        ]
        assert not beaten
        assert entry["size_factor"] == pytest.approx(sizes[own] / sizes[made.subject])
        assert entry["score_change"] == pytest.approx(scores[own] - scores[made.subject])


def test_without_limits_or_a_choice_nothing_is_safer(numbers):
    assert safer(choice(numbers)) == []
    assert safer(choice(numbers, {"at_least": 0.9999})) == []
    assert safer(choice(numbers, {"measure": "size", "at_most": 1e9})) == [], "smaller than allowed is not safer"


def test_the_first_conflict_is_the_fewest_that_no_configuration_meets_together(numbers):
    sizes, scores = numbers.means(SIZE), numbers.means(numbers.clean)
    smallest = float(sizes.min()) * 1.01
    above = float(scores[sizes <= smallest].max()) + 1e-6
    made = choice(
        numbers, {"measure": "size", "at_most": smallest}, {"at_least": above}, LOW | {"at_least": 0.1} | NOISY
    )
    assert (scores >= above).any() and conflicts(made)[0] == ["needs[0]", "needs[1]"]
    met = made.on_the_mean
    for pair in combinations(met.columns, 1):
        assert met[list(pair)].all(axis=1).any()
    assert conflicts(choice(numbers, LOW, NOISY)) == []


def test_the_made_study_is_chosen_from_its_candidates(numbers):
    made = Choice(numbers, REQUIREMENTS)
    assert made.subject in made.candidates and made.runner_up != made.subject
