"""Facts about inputs, what tells broken ones, interactions and the table, against loops over rows."""

import math

import pytest
import torch
from torch import nn

from lowland.disagreement import detection_auroc
from lowland.worst_case import PolicyProblem, PolicySubject
from lowland.worst_case.diagnosis import (
    detection_rows,
    interaction_rows,
    layer_facts,
    margins,
    most_harmful_layers,
    worst_inputs,
)
from lowland.worst_case.diagnosis.measured_rows import TOLD_BY, told_before
from lowland.worst_case.measured_rows import JudgedCell, crest_factors
from tests.worst_case.protection.cases import INPUTS, judged

WIDTHS = (2, 2, 8)


@pytest.fixture(scope="module")
def cell():
    return judged(16, 8)


@pytest.fixture(scope="module")
def targets(cell):
    return cell.subject(INPUTS).argmax(1)


def test_ranges_and_crests_are_those_of_each_row(cell):
    facts = layer_facts(cell.subject, INPUTS)
    crests = crest_factors(cell.subject, INPUTS)
    assert facts.layers == cell.subject.layers == ("0", "2", "4")
    assert torch.equal(facts.crests[:, 0], crests["0"])
    assert torch.equal(facts.ranges[:, 0], INPUTS.abs().amax(1).double())
    hidden = cell.subject.points[0].layer(INPUTS).relu()
    assert torch.allclose(facts.ranges[:, 1], hidden.amax(1).double())
    assert torch.equal(facts.highest_crest(), facts.crests.max(1).values)
    units = facts.ranges / facts.ranges.mean(0)
    assert torch.equal(facts.largest_range(), units.max(1).values)


def test_rows_of_zeros_are_flat(cell):
    facts = layer_facts(cell.subject, torch.zeros(3, 6))
    assert facts.ranges[:, 0].tolist() == [0, 0, 0] and facts.crests[:, 0].tolist() == [1, 1, 1]
    assert facts.largest_range().isfinite().all()


def test_a_layer_that_sees_other_rows_than_the_network_is_left_out():
    class ByStep(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.outer = nn.Linear(2, 2), nn.Linear(6, 3)

        def forward(self, values):
            return self.outer(self.inner(values.reshape(-1, 2)).reshape(len(values), 6))

    subject = PolicySubject(ByStep(), INPUTS)
    assert subject.layers == ("inner", "outer") and layer_facts(subject, INPUTS).layers == ("outer",)


def test_margins_are_of_the_class_that_is_named_without_a_policy(cell, targets):
    problem = PolicyProblem(cell.subject, INPUTS, targets)
    outputs = problem.outputs(WIDTHS).clone()
    outputs[5, 0] = torch.nan
    before, under = margins(problem, outputs)
    for row in (0, 17, 101):
        named = int(problem.reference[row].argmax())
        others = [float(value) for place, value in enumerate(outputs[row]) if place != named]
        assert float(under[row]) == pytest.approx(float(outputs[row, named]) - max(others), rel=1e-6)
    assert (before >= 0).all() and under[5] == -math.inf
    changed = outputs.argmax(1) != targets
    assert torch.equal((under < 0)[changed], torch.ones(int(changed.sum()), dtype=torch.bool))


def test_broken_rows_are_told_by_scores_that_know_neither_policy_nor_label(cell, targets):
    rows = {row.target: row for row in detection_rows(cell, WIDTHS, {"test": (INPUTS, targets)}, mean_bits=4.0)}
    problem = cell.on((INPUTS, targets))
    broken = problem.outputs(WIDTHS).argmax(1) != targets
    told = told_before(problem)
    assert tuple(rows) == tuple(told) == TOLD_BY
    for name, row in rows.items():
        assert row.estimate == detection_auroc(told[name], broken) and (row.level, row.split) == (4.0, "test")
    assert rows["margin"].estimate.value > 0.6
    shuffled = told_before(cell.on((INPUTS, targets.flip(0))))
    assert all(torch.equal(told[name], shuffled[name]) for name in told)


def test_outputs_that_name_no_class_have_no_margin(cell):
    problem = PolicyProblem(cell.subject, INPUTS, torch.zeros(240, 4), lambda outputs, targets: outputs.square().sum(1))
    assert tuple(told_before(problem)) == ("crest", "range")
    told = JudgedCell(cell.subject, problem.harm, lambda outputs: outputs.argmax(1))
    rows = {r.target: r for r in detection_rows(told, WIDTHS, {"test": (INPUTS, problem.targets)}, mean_bits=4.0)}
    assert rows["margin"].estimate.status == "undefined" and rows["crest"].estimate.status == "ok"
    table = worst_inputs(problem, WIDTHS, broken=torch.zeros(240, dtype=torch.bool), count=3)
    assert table.margin.isna().all() and (table.answer == -1).all()
    assert table.lost.tolist() == pytest.approx(problem.harms(problem.outputs(WIDTHS)).topk(3).values.tolist())


def test_two_layers_together_are_compared_with_the_sum_of_both(cell, targets):
    problem = cell.on((INPUTS, targets))
    rows = {r.target: r for r in interaction_rows(cell, (2, 0, 1), {"test": (INPUTS, targets)}, fewest=2)}
    assert tuple(rows) == ("0 + 2", "0 + 4", "2 + 4")
    both = problem.drop((2, 2, 8)) - problem.drop((2, 8, 8)) - problem.drop((8, 2, 8))
    assert rows["0 + 2"].estimate.value == pytest.approx(both) and rows["0 + 2"].level == 2
    drops = [problem.drop(widths) for widths in ((2, 8, 8), (8, 2, 8), (8, 8, 2))]
    order = most_harmful_layers(problem, 2, count=2)
    assert [drops[number] for number in order] == sorted(drops, reverse=True)[:2]


def test_the_table_begins_with_what_loses_most(cell, targets):
    problem = cell.on((INPUTS, targets))
    outputs = problem.outputs(WIDTHS)
    broken = cell.broken(problem, outputs)
    table = worst_inputs(problem, WIDTHS, broken=broken, count=5)
    before, under = margins(problem, outputs)
    assert table.row.tolist() == (before - under).argsort(descending=True)[:5].tolist()
    first = int(table.row[0])
    assert table.lost[0] == float((before - under).max()) and bool(table.broken[0]) == bool(broken[first])
    assert table.answer[0] == int(targets[first]) and table.answer_under[0] == int(outputs[first].argmax())
    assert table.input[0].tolist() == INPUTS[first].tolist() and table["shape"][0] == [6]
    facts = layer_facts(problem.subject, INPUTS)
    assert table.crest_layer[0] == facts.layers[int(facts.crests[first].argmax())]
    assert table.crest[0] == float(facts.crests[first].max())
