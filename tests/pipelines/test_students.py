"""Students of a run: what they are searched and reported on, and what says why there are none."""

import json

import pytest
import torch

from lowland.artifacts import StoredModel, StoredTensors
from lowland.datasets.reports import jsonable
from lowland.datasets.tensors import ModelDataset
from lowland.expectations import everything
from lowland.grid import Run, grid_of
from lowland.measurements import student_cell
from lowland.pipelines.worst_case.stage import STAGE
from lowland.pipelines.worst_case.student_nodes import KINDS, judge_students, teach_students
from lowland.placing import chosen_places
from lowland.tasks import HeldOut, Samples, Splits
from lowland.worst_case import policy_from_spec
from lowland.worst_case.options import WorstCaseOptions
from lowland.worst_case.students import StudentOptions
from tests.base_options import base
from tests.made_splits import all_in
from tests.pipelines.test_worst_case import TASK, rows, trained
from tests.studies import default_parameters

__all__ = ["rows", "trained"]

RUN = Run(task="jets", recipe="plain", seed="s0", number=0)
BUDGET = WorstCaseOptions(**base("worst_case", evaluations=20))
OPTIONS = StudentOptions(**base("worst_case_students", recipes="all", epochs=2, batch_size=64, evaluations=5))


def taught(splits, trained, status="ok"):
    """Rows, document and models."""
    args = RUN, TASK, BUDGET, OPTIONS, StoredTensors(splits.to_tensors())
    models = teach_students(*args, StoredModel(trained, status))
    return *judge_students(*args, *models), *models


def test_every_student_meets_every_policy_on_test_rows(rows, trained, tmp_path):
    frame, document, *models = taught(all_in(rows, 16), trained)
    pairs = frame[frame.measure.isin(["pair_drop", "pair_drop_equalized"])]
    assert len(pairs) == 2 * 3 * 4 and set(frame.status) == {"ok"} and set(frame.split) == {"test"}
    assert set(frame.precision) == {""} and set(frame.method) == {"dynamic"}
    assert set(pairs.level) == {BUDGET.mean_bits} and set(pairs.level_unit) == {"mean bits"}
    of_policy = pairs[pairs.target == "detrimental_policy"]
    assert (of_policy.activation_bits >= BUDGET.mean_bits).all()
    stored = json.loads(json.dumps(jsonable(document)))
    policy = policy_from_spec(stored["policies"]["detrimental_worst"])
    assert all(len(each["history"]) > 1 for each in stored["searches"].values())
    assert list(policy.bits) == ["layers.0", "layers.2", "layers.4"]
    for kind, model in zip(KINDS, models, strict=True):
        dataset = ModelDataset(filepath=str(tmp_path / f"{kind}.safetensors"))
        dataset.save(model)
        read = dataset.load().network
        assert torch.equal(read(rows.inputs[:9]), model.network(rows.inputs[:9]))
        right = (read(rows.inputs).argmax(1) == rows.targets).double()
        half = all_in(rows, 16).held_out.halves["test"]
        row = frame[(frame.measure == "student_accuracy") & (frame.condition == f"{kind}_student")]
        assert row.value.item() == pytest.approx(right[half].mean().item())


def test_nothing_of_the_students_knows_the_rows_that_are_reported(rows, trained):
    splits = all_in(rows, 16)
    half = splits.held_out.halves["test"]
    spoiled = Samples(
        rows.inputs.where(~half[:, None], 1e3 * torch.ones(16)), rows.targets.where(~half, 4 - rows.targets)
    )
    held_out = HeldOut(**{**{n: getattr(splits.held_out, n) for n in HeldOut.__dataclass_fields__}, "samples": spoiled})
    poisoned = Splits({name: splits[name] for name in ("train", "validation", "landscape")}, held_out, torch.zeros(16))
    (frame, document, *models), (other, same, *others) = taught(splits, trained), taught(poisoned, trained)
    assert same == document
    for one, two in zip(models, others, strict=True):
        assert all(map(torch.equal, one.network.state_dict().values(), two.network.state_dict().values()))
    assert frame.value.tolist() != other.value.tolist()


def test_a_teacher_that_failed_or_learned_nothing_is_said(rows, trained):
    frame, document, *models = taught(all_in(rows, 16), trained, "non_finite")
    assert set(frame.status) == {"non_finite"} == {model.status for model in models}
    assert document["status"] == "non_finite"
    silent = torch.nn.Linear(16, 5)
    torch.nn.init.zeros_(silent.weight)
    assert set(taught(all_in(rows, 16), silent)[0].status) == {"undefined"}


def test_they_stand_beside_the_cells_of_the_runs_that_are_asked_for():
    parameters = default_parameters()
    assert STAGE.nodes[-1].name == "judge_students" and not chosen_places(STAGE.nodes[-1], grid_of(parameters))
    asked = parameters["worst_case_students"] | {"recipes": ["plain"], "seeds": 2}
    study = grid_of({**parameters, "worst_case_students": asked})
    names = [place.namespace for place in chosen_places(STAGE.nodes[-1], study)]
    assert names == ["jets.plain.s0.worst_case", "jets.plain.s1.worst_case"]
    wanted = [rows for rows in everything([STAGE], study)["rows"] if rows["measure"] == "student_accuracy"]
    assert (
        [cell for each in wanted for cell in each["cells"]]
        == names
        == [student_cell("jets", "plain", seed).id for seed in ("s0", "s1")]
    )
