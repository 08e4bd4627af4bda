"""Answers under noise against all inputs of the region, tried one by one."""

from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lowland.certification.rounding.answer import integer_answers
from lowland.certification.rounding.code_box import box_around
from lowland.certification.rounding.input_noise import Question, answer_under_noise, certified_radius
from lowland.errors import LowlandError
from lowland.quantization import IntegerNetwork
from tests.certification.rounding.networks import SHAPES, codes_around, every_input, joined, looked, perceptron


def _row(build, seed):
    return torch.randn(SHAPES[build], generator=torch.Generator().manual_seed(seed))


def _can_change(network, row, radius):
    inputs = every_input(network, *codes_around(network, row, radius))
    return bool((integer_answers(network, inputs) != integer_answers(network, row[None])).any())


@pytest.mark.parametrize("even", [False, True])
@pytest.mark.parametrize("build", [perceptron, joined, looked])
def test_verdicts_are_those_of_all_inputs_tried_by_the_programme_alone_too(build, even):
    seen = Counter()
    for seed in range(5 if build is perceptron else 3):
        network, row = build(seed, even=even), _row(build, seed)
        question = Question(network, row)
        for radius in (1, 2):
            verdict = "refuted" if _can_change(network, row, radius) else "proved"
            assert answer_under_noise(network, row, radius).verdict == verdict
            solved = question.by("programme", box_around(question.graph, row, radius, "codes"), float("inf"))
            assert solved.verdict == verdict
            seen[verdict] += 1
    assert min(seen["proved"], seen["refuted"]) > 0


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([3, 4, 5]), st.booleans(), st.integers(1, 3))
def test_random_networks(seed, bits, even, radius):
    network, row = perceptron(seed, bits=bits, even=even), _row(perceptron, seed)
    found = answer_under_noise(network, row, radius)
    assert (found.verdict == "refuted") == _can_change(network, row, radius)
    if found.witness is not None:
        step = network.steps["input"]
        assert int((step.integer(found.witness) - step.integer(row)).abs().max()) <= radius
        assert int(integer_answers(network, found.witness[None])[0]) != found.answer


def test_the_radius_is_the_largest_at_which_no_input_changes_the_answer():
    for seed in range(6):
        network, row = perceptron(seed), _row(perceptron, seed)
        found = certified_radius(network, row, most=4)
        assert found.status == "exact"
        assert found.lower == max(radius for radius in range(5) if not _can_change(network, row, radius))


def test_equal_outputs_are_decided_for_the_lowest_index():
    network = perceptron(1)
    head = network.steps["4"]
    same = network.with_codes({"4.weight": head.weight[[0, 0, 1]], "4.bias": head.bias[[0, 0, 1]]})
    row = _row(perceptron, 1)
    answer = answer_under_noise(same, row, 1).answer
    assert answer != 1  # an equal output of a higher index never wins, and never changes the answer
    twice = network.with_codes({"4.weight": head.weight[[0, 0, 0]], "4.bias": head.bias[[0, 0, 0]]})
    found = answer_under_noise(twice, row, 3)
    assert (found.verdict, found.answer) == ("proved", 0)


def test_without_time_the_answer_stays_open():
    for seed in range(20):
        network, row = perceptron(seed, bits=5), _row(perceptron, seed)
        question = Question(network, row)
        box = box_around(question.graph, row, 2, "codes")
        if question.by("bounds", box, 0.0).verdict == "open":
            assert question.by("programme", box, 0.0).verdict == "open"
            bounds = certified_radius(network, row, timeout=0.0)
            assert (bounds.lower, bounds.status) == (0, "timeout")
            return
    raise AssertionError("no row that bounds leave open")


def test_one_output_has_no_answer():
    network = perceptron(0)
    head = network.steps["4"]
    spec = network.spec
    spec["steps"][-1] |= {"out_features": 1}
    single = IntegerNetwork.from_spec(spec)
    state = dict(network.state_dict())
    state |= {"steps.4.weight": head.weight[:1], "steps.4.bias": head.bias[:1]}
    single.load_state_dict(state, assign=True)
    with pytest.raises(LowlandError, match="one output; expected two or more"):
        answer_under_noise(single, torch.zeros(3), 1)
