"""The smallest set of kept layers, against all sets and all policies in a plain loop."""

import itertools
import math

import pytest

from lowland.errors import LowlandError
from lowland.worst_case import Budget, PolicyProblem
from lowland.worst_case.problem import wrong
from lowland.worst_case.protection.adversary import Adversary, widths_of
from lowland.worst_case.protection.kept_layers import added_bits, all_sets, smallest_kept_layers
from lowland.worst_case.search.greedy import Greedy
from tests.worst_case.protection.cases import ADVERSARY, INPUTS, problem


def slow_worst(found, kept, choices=(2, 4, 8), mean=4.0):
    """Worst drop over all widths of the layers that are not kept, at the mean of their own elements."""
    elements = found.subject.elements
    free = [number for number in range(len(elements)) if number not in kept]
    drops = [0.0]
    for bits in itertools.product(choices, repeat=len(free)):
        if (
            free
            and sum(elements[n] * b for n, b in zip(free, bits, strict=True)) / sum(elements[n] for n in free) < mean
        ):
            continue
        widths = [8] * len(elements)
        for number, width in zip(free, bits, strict=True):
            widths[number] = width
        drops.append(found.drop(widths))
    return max(drops)


@pytest.fixture(scope="module")
def three():
    return problem(16, 8)


@pytest.mark.parametrize("target", [0.02, 0.05, 0.1, 0.9])
def test_no_smaller_set_meets_the_target(three, target):
    kept = smallest_kept_layers(three, ADVERSARY, target=target)
    assert kept.is_smallest and kept.chosen.most < target
    assert slow_worst(three, kept.chosen.layers) == pytest.approx(kept.chosen.lost.value)
    for layers in all_sets(three.subject):
        if layers == kept.chosen.layers:
            break
        drop = slow_worst(three, layers)  # of accuracy on its own answers: a share of 240 rows
        assert drop + 1.645 * math.sqrt(drop * (1 - drop) / 239) >= target and len(layers) <= len(kept.chosen.layers)


def test_the_adversary_searches_again_for_every_set(three):
    """The policy that is worst without protection would clear sets that another policy still breaks."""
    worst = ADVERSARY.worst(three)
    for tried in smallest_kept_layers(three, ADVERSARY, target=1e-9).tried:
        old = [8 if number in tried.layers else bits for number, bits in enumerate(widths_of(three.subject, worst))]
        free = [number for number in range(3) if number not in tried.layers]
        elements = tuple(three.subject.elements[number] for number in free)
        if free and Budget((2, 4, 8), 4.0, elements).allows([old[number] for number in free]):
            assert tried.lost.value >= three.drop(old)
        assert tried.lost.value == pytest.approx(slow_worst(three, tried.layers))


def test_all_sets_come_by_size_then_by_what_they_code(three):
    elements = three.subject.elements
    sets = list(all_sets(three.subject))
    assert len(sets) == len(set(sets)) == 8 and sets[0] == () and sets[-1] == (0, 1, 2)
    costs = [(len(layers), sum(elements[number] for number in layers)) for layers in sets]
    assert costs == sorted(costs)


def test_with_many_layers_one_is_added_at_a_time():
    deep = problem(6, 6, 6, 6, 6, 6)
    adversary = Adversary((2, 8), 2.0, Greedy(), 200, ("toy",))
    kept = smallest_kept_layers(deep, adversary, target=0.03)
    assert not kept.is_smallest and kept.chosen.most < 0.03
    smaller = [each for each in kept.tried if len(each.layers) < len(kept.chosen.layers)]
    assert all(each.most >= 0.03 for each in smaller if set(each.layers) < set(kept.chosen.layers))
    alone = [each for each in kept.tried if len(each.layers) == 1]
    assert len(alone) == 7
    assert slow_worst(deep, kept.chosen.layers, (2, 8), 2.0) == pytest.approx(kept.chosen.lost.value)


def test_what_counts_may_be_another_harm_than_the_search_is_told(three):
    half = PolicyProblem(three.subject, INPUTS, None, lambda outputs, targets: wrong(outputs, targets) / 2)
    halved = smallest_kept_layers(three, ADVERSARY, target=0.05, judge=half)
    whole = smallest_kept_layers(three, ADVERSARY, target=0.1)
    assert halved.chosen.layers == whole.chosen.layers and halved.chosen.found == whole.chosen.found
    assert [2 * each.lost.value for each in halved.tried] == pytest.approx([each.lost.value for each in whole.tried])


def test_a_set_that_just_passes_on_few_rows_is_not_sure(three):
    mean = smallest_kept_layers(three, ADVERSARY, target=1e-9).tried[0].lost
    just = smallest_kept_layers(three, ADVERSARY, target=mean.value + 0.5 * mean.standard_error)
    assert just.chosen.layers  # no layer kept would do on the mean
    assert smallest_kept_layers(three, ADVERSARY, target=mean.value + 1.7 * mean.standard_error).chosen.layers == ()


def test_kept_layers_cost_the_bits_between_the_mean_and_their_own(three):
    elements = three.subject.elements  # 6, 16, 8
    assert added_bits(three.subject, (0, 2), 4.0) == pytest.approx((elements[0] + elements[2]) * 4 / sum(elements))
    assert added_bits(three.subject, (), 4.0) == 0
    assert added_bits(three.subject, (0, 1, 2), 4.0) == 4.0
    assert added_bits(three.subject, (0,), 8.0) == 0


def test_a_target_that_nothing_can_meet_is_refused(three):
    with pytest.raises(LowlandError, match="target is 0; expected a drop above 0"):
        smallest_kept_layers(three, ADVERSARY, target=0)


def test_a_sparing_adversary_meets_the_mean_with_the_kept_layers(three):
    elements, subject = three.subject.elements, three.subject
    spare = ADVERSARY.sparing(subject, (0,))
    whole = (elements[0] * 8 + (elements[1] + elements[2]) * spare.mean_bits) / sum(elements)
    assert whole == pytest.approx(4.0) and 2 < spare.mean_bits < 4
    assert ADVERSARY.sparing(subject, (0, 1)).mean_bits == 2.0  # no fewer than its choices have
    assert ADVERSARY.sparing(subject, ()).mean_bits == ADVERSARY.sparing(subject, (0, 1, 2)).mean_bits == 4.0
