"""Policies for each input of a cell: what they are searched on, what is reported, and what has none."""

import json

import pytest

from lowland.artifacts import StoredModel, StoredTensors
from lowland.datasets.reports import jsonable
from lowland.pipelines.worst_case.input_policy_nodes import judge_input_policies
from lowland.pipelines.worst_case.nodes import search_worst_policy
from lowland.worst_case import policy_from_spec
from lowland.worst_case.per_input.options import InputPolicyOptions
from tests.base_options import base
from tests.made_splits import all_in
from tests.pipelines.test_worst_case import OPTIONS, TASK, cell_of, poisoned_test, rows, trained

__all__ = ["rows", "trained"]

INPUTS = InputPolicyOptions(
    **base("worst_case_inputs", precisions="all", agents=["cross_entropy"], evaluations=12, bins=2, least=5)
)


def run(splits, network, inputs=INPUTS, status="ok"):
    data, model = StoredTensors(splits.to_tensors()), StoredModel(network, status)
    _, policy, _ = search_worst_policy(cell_of("fp32"), TASK, OPTIONS, data, model)
    return judge_input_policies(cell_of("fp32"), TASK, OPTIONS, inputs, data, model, policy)


def test_policies_and_oracles_stand_in_rows_and_can_be_read_again(rows, trained):
    frame, document = run(all_in(rows, 16), trained)
    lost = frame[frame.split == "test"].set_index(["measure", "target"]).value
    assert set(lost.index) == {
        ("oracle_drop", "restricted"),
        ("oracle_drop", "free"),
        ("input_policy_drop", "static"),
        *((f"input_policy_{of}", "cross_entropy") for of in ("drop", "gain", "bits", "share")),
    }
    gained = lost["input_policy_drop", "cross_entropy"] - lost["input_policy_drop", "static"]
    assert lost["input_policy_gain", "cross_entropy"] == pytest.approx(gained)
    assert lost["oracle_drop", "free"] >= lost["input_policy_drop", "cross_entropy"] - 1e-12
    stored = json.loads(json.dumps(jsonable(document)))
    found = stored["policies"]["cross_entropy"]
    assert policy_from_spec(found["policy"]).spec == found["policy"]
    assert len(found["history"]) == 12 and found["drop"] >= stored["static_drop"]
    assert stored["spent"]["test"]["cross_entropy"]["met"] is True


def test_without_labels_harm_is_a_changed_decision(rows, trained):
    splits = all_in(rows, 16)
    free = INPUTS.model_copy(update={"labels": False})
    frame, document = run(splits, trained, free)
    assert document["static_drop"] >= 0 and (frame[frame.measure == "oracle_broken"].value >= 0).all()
    assert not frame.measure.isin(["oracle_drop", "input_policy_drop"]).any()


def test_nothing_of_the_search_knows_the_rows_that_are_reported(rows, trained):
    (frame, one), (other, two) = run(all_in(rows, 16), trained), run(poisoned_test(all_in(rows, 16), rows), trained)
    assert {name: one[name] for name in ("policies", "static", "restricted")} == {
        name: two[name] for name in ("policies", "static", "restricted")
    }
    assert frame.value.tolist() != other.value.tolist()


def test_a_cell_without_a_policy_says_why(rows, trained):
    frame, document = run(all_in(rows, 16), trained, status="non_finite")
    assert set(frame.status) == {"non_finite"} and document["status"] == "non_finite"
