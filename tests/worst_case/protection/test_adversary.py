"""The search against a protected network is as strong as its strongest agent, and forgets nothing."""

from dataclasses import replace

import pytest

from lowland.worst_case import Budget
from lowland.worst_case.protection.adversary import Adversary, widths_of
from lowland.worst_case.search.greedy import Greedy
from lowland.worst_case.search.random_draws import RandomDraws
from tests.worst_case.protection.cases import problem

WEAK = Adversary((2, 4, 8), 4.0, RandomDraws(), 3, ("toy",))


@pytest.fixture(scope="module")
def four():
    return problem(16, 8, 8)


def worst_of_all(found, kept=()):
    elements = found.subject.elements
    free = [number for number in range(4) if number not in kept]
    budget = Budget((2, 4, 8), 4.0, tuple(elements[number] for number in free))
    drops = {}
    for widths in budget.policies():
        given = dict(zip(free, widths, strict=True))
        whole = tuple(given.get(number, 8) for number in range(4))
        drops[whole] = found.drop(whole)
    return drops


@pytest.mark.parametrize("kept", [(), (0,), (1, 3)])
def test_small_spaces_are_searched_whole(four, kept):
    found = replace(WEAK, evaluations=81).worst(four, kept)
    assert found.status == "complete" and found.drop == max(worst_of_all(four, kept).values())
    widths = widths_of(four.subject, found)
    assert all(widths[number] == 8 for number in kept) and four.drop(widths) == found.drop


def test_several_agents_search_larger_ones_and_the_worst_counts(four):
    weak, greedy = WEAK.worst(four), replace(WEAK, agent=Greedy()).worst(four)
    assert weak.drop >= greedy.drop  # greedy is among the agents of both


def test_what_other_searches_found_counts_where_it_is_allowed(four):
    drops = worst_of_all(four)
    worst = max(drops, key=drops.get)
    known = {worst: drops[worst], (8, 2, 2, 2): 0.9}  # the latter misses the mean of these layers
    found = WEAK.worst(four, known=known)
    assert found.drop == drops[worst] and widths_of(four.subject, found) == worst
    kept = [number for number in range(4) if worst[number] < 8][:1]
    assert WEAK.worst(four, kept, known=dict(known)).drop <= max(worst_of_all(four, kept).values())
    assert len(known) > 2  # and it learns what was computed


def test_where_all_layers_keep_their_width_there_is_nothing_to_search(four):
    assert WEAK.worst(four, (0, 1, 2, 3)) is None and widths_of(four.subject, None) == (8, 8, 8, 8)
