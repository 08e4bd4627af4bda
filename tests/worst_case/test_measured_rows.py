"""Rows of the worst static policy, against networks computed by hand."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from lowland.estimate import Estimate
from lowland.randomness import generator
from lowland.worst_case import Budget, PolicySubject, Rows
from lowland.worst_case.measured_rows import (
    JudgedCell,
    ScaledNetworks,
    crest_factors,
    scaled_rows,
    worst_case_rows,
    worst_static_policy,
)
from lowland.worst_case.options import WorstCaseOptions
from lowland.worst_case.problem import wrong
from tests.base_options import base

OPTIONS = WorstCaseOptions(**base("worst_case", agent="exhaustive", evaluations=64, choices=(2, 3, 4, 8)))
INPUTS = torch.randn(300, 6, generator=generator("rows"))


@pytest.fixture(scope="module")
def cell():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 4)).eval()
        for parameter in network.parameters():
            nn.init.normal_(parameter)
    return JudgedCell(PolicySubject(network, INPUTS), wrong, lambda outputs: outputs.argmax(1))


@pytest.fixture(scope="module")
def targets(cell):
    return cell.subject(INPUTS).argmax(1)


def rows_of(cell, widths, targets):
    rows = worst_case_rows(cell, widths, {"test": Rows(INPUTS[200:], targets[200:])}, OPTIONS)
    return {(row.measure, row.target): row for row in rows}


def test_the_worst_policy_is_the_worst_of_all_that_meet_the_budget_on_the_rows_it_is_searched_on(cell, targets):
    searched = Rows(INPUTS[:200], targets[:200])
    found = worst_static_policy(cell, searched, OPTIONS, key=("jets",))
    budget = Budget(OPTIONS.choices, OPTIONS.mean_bits, cell.subject.elements)
    problem = cell.on(searched)
    assert found.drop == max(problem.drop(widths) for widths in budget.policies()) > 0
    gentle = replace(cell, told=lambda outputs, targets: -wrong(outputs, targets))  # a search that is told otherwise
    least = worst_static_policy(gentle, searched, OPTIONS, key=("jets",))
    assert -least.drop == min(problem.drop(widths) for widths in budget.policies())


def test_what_a_policy_costs_and_breaks_is_counted_row_by_row(cell, targets):
    found = rows_of(cell, (2, 2, 2), targets)
    outputs = cell.on(Rows(INPUTS[200:], targets[200:])).outputs((2, 2, 2))
    share = (outputs.argmax(1) != targets[200:]).double().mean()
    for measure in ("policy_drop", "policy_broken"):  # the targets are what the network says itself
        row = found[measure, ""]
        assert row.estimate.value == pytest.approx(float(share)) and share > 0
        assert (row.level, row.split, row.estimate.num_samples) == (5.0, "test", 100)


def test_a_layer_alone_has_the_fewest_bits_and_all_others_their_own(cell, targets):
    found = rows_of(cell, (8, 8, 8), targets)
    assert found["policy_drop", ""].estimate.value == 0
    problem = cell.on(Rows(INPUTS[200:], targets[200:]))
    for number, layer in enumerate(cell.subject.layers):
        alone = tuple(2 if number == other else 8 for other in range(3))
        row = found["layer_drop", layer]
        assert row.level == 2 and row.estimate.value == pytest.approx(problem.drop(alone))


def test_crest_factors_are_of_what_a_layer_reads(cell):
    crests = crest_factors(cell.subject, INPUTS)
    assert torch.allclose(crests["0"], (INPUTS.abs().amax(1) / INPUTS.square().mean(1).sqrt()).double())
    one_hot = torch.eye(6)[:2]
    assert crest_factors(cell.subject, one_hot)["0"].tolist() == pytest.approx([math.sqrt(6)] * 2)
    assert len(crest_factors(cell.subject, torch.zeros(3, 6))["0"]) == 0


def test_scaled_networks_are_compared_with_the_cell_and_with_themselves(cell, targets):
    judged = {"test": Rows(INPUTS, targets)}
    with torch.random.fork_rng():
        torch.manual_seed(4)
        other = JudgedCell(
            PolicySubject(nn.Sequential(nn.Linear(6, 4)).eval(), INPUTS), wrong, lambda outputs: outputs.argmax(1)
        )
    rows = {r.measure: r for r in scaled_rows(cell, ScaledNetworks(other, other), (2,), judged, OPTIONS)}
    apart = wrong(other.subject(INPUTS), targets).mean() - 0
    assert rows["rescaled_drop"].estimate.value == pytest.approx(float(apart))
    own = other.on(Rows(INPUTS, targets)).drop((2,))
    assert rows["equalized_drop"].estimate.value == pytest.approx(own) and rows["equalized_drop"].level == 5
    missing = [row.estimate for row in scaled_rows(cell, None, (), judged, OPTIONS)]
    assert {(each.status, each.num_samples) for each in missing} == {
        ("undefined", Estimate.missing("failed").num_samples)
    }
