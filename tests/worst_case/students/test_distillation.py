"""Students know their teacher's outputs alone; the sign of one term makes one break and the other hold."""

import copy
import dataclasses
from typing import get_args

import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from lowland.architectures import MLP
from lowland.errors import LowlandError
from lowland.worst_case import Rows
from lowland.worst_case.students import (
    Distillation,
    Kind,
    StudentRows,
    check_teacher,
    distilled,
    students_beside_policies,
)

HOW = Distillation(
    (2, 4, 8), 5.0, weight=1.0, epochs=40, batch_size=64, learning_rate=1e-2, search_every=8, evaluations=12
)
SHORT = Distillation((2, 8), 5.0, epochs=2)


def network(seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return MLP(inputs=64, outputs=10, hidden=(32, 16))


def rows(first: int, last: int) -> Rows:
    """Handwritten digits of 8 x 8 pixels."""
    pixels, labels = load_digits(return_X_y=True)
    return Rows(torch.tensor(pixels[first:last] / 16, dtype=torch.float32), torch.tensor(labels[first:last]))


TRAINING, SEARCHING, JUDGING = rows(0, 1000), rows(1000, 1300), rows(1300, 1797)
GIVEN = StudentRows(TRAINING.inputs, SEARCHING.inputs)
FEW = StudentRows(TRAINING.inputs[:200], SEARCHING.inputs[:50])


@pytest.fixture(scope="module")
def teacher() -> nn.Module:
    """Trained on labels."""
    taught, given = network(0), TRAINING
    optimizer = torch.optim.Adam(taught.parameters(), lr=1e-2)
    for _ in range(150):
        optimizer.zero_grad()
        nn.functional.cross_entropy(taught(given.inputs), given.targets).backward()
        optimizer.step()
    return taught.eval()


@pytest.fixture(scope="module")
def students(teacher: nn.Module) -> dict[Kind, nn.Module]:
    return {kind: distilled(teacher, network(3), GIVEN, kind, HOW, key=("toy",)).network for kind in get_args(Kind)}


def test_one_breaks_where_the_other_holds_and_both_are_as_accurate_in_float(students: dict[Kind, nn.Module]) -> None:
    table = students_beside_policies(students, SEARCHING, JUDGING, HOW, evaluations=27, key=("toy",))
    broken, held = table.of("detrimental", "detrimental_policy"), table.of("robust", "robust_policy")
    assert broken.drop.value > 0.25
    assert held.drop.value < 0.02
    assert broken.mean_bits >= 5.0 >= held.mean_bits
    assert table.of("robust", "detrimental_policy").drop.value < 0.1
    accuracies = [table.accuracy[kind].value for kind in get_args(Kind)]
    assert min(accuracies) > 0.85 and max(accuracies) - min(accuracies) < 0.03
    assert len(table.pairs) == 24
    own = table.of("detrimental", "own_worst_policy")
    assert own.drop == broken.drop and table.of("robust", "own_worst_policy").drop.value < broken.drop.value
    assert table.of("detrimental", "uniform_policy").widths.widths == (8, 8, 8)
    assert table.document["policies"]["detrimental_worst"] == broken.widths.spec


def test_policies_are_not_searched_for_on_the_rows_that_judge(students: dict[Kind, nn.Module]) -> None:
    poisoned = Rows(JUDGING.inputs + 5, (JUDGING.targets + 1) % 10)
    found = [
        students_beside_policies(students, SEARCHING, each, HOW, evaluations=9, key=("toy",))
        for each in (JUDGING, poisoned)
    ]
    assert [pair.widths for pair in found[0].pairs] == [pair.widths for pair in found[1].pairs]
    assert [pair.drop for pair in found[0].pairs] != [pair.drop for pair in found[1].pairs]


def test_a_student_is_the_same_for_the_same_key_and_leaves_its_teacher_alone(teacher: nn.Module) -> None:
    before, start = copy.deepcopy(teacher.state_dict()), network(3)
    first, second = (distilled(teacher, start, FEW, "robust", SHORT, key=("toy",)) for _ in range(2))
    pairs = zip(first.network.parameters(), second.network.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert all(torch.equal(before[name], value) for name, value in teacher.state_dict().items())
    assert torch.equal(start.layers[0].weight, network(3).layers[0].weight)


def test_kinds_differ_in_the_sign_alone(teacher: nn.Module) -> None:
    """With as good as no weight all of them are the control, whatever policies they meet."""
    none = dataclasses.replace(SHORT, weight=1e-30)
    control, *others = (
        distilled(teacher, network(3), FEW, kind, none, key=("toy",)) for kind in ("control", "robust", "detrimental")
    )
    for other in others:
        pairs = zip(control.network.parameters(), other.network.parameters(), strict=True)
        assert all(torch.allclose(a, b, atol=1e-6) for a, b in pairs)


def test_statistics_of_batches_stand_still_from_the_first_search_on(teacher: nn.Module) -> None:
    """In the control as well; a last row that would be alone, which has no statistics, joins the batch before it."""
    start = nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10))
    how = Distillation((8,), 8.0, epochs=8, alone=0.5, batch_size=67, evaluations=1)
    few = StudentRows(FEW.training[: 2 * 67 + 1], FEW.searching)
    for kind in get_args(Kind):
        student = distilled(teacher, start, few, kind, how, key=("toy",))
        assert student.status == "ok" and not student.network.training
        assert student.network[1].num_batches_tracked == 4 * 2
    at_once = dataclasses.replace(how, alone=0.0)
    assert distilled(teacher, start, few, "robust", at_once, key=("toy",)).network[1].num_batches_tracked == 2


def test_only_policies_that_were_tried_are_met_where_the_worst_has_no_share(teacher: nn.Module) -> None:
    start = network(3)
    worst, tried = (
        distilled(teacher, start, FEW, "robust", dataclasses.replace(SHORT, worst_share=share), key=("toy",))
        for share in (1.0, 0.0)
    )
    pairs = zip(worst.network.parameters(), tried.network.parameters(), strict=True)
    assert not all(torch.equal(a, b) for a, b in pairs)


def test_a_teacher_that_learned_nothing_is_refused(teacher: nn.Module) -> None:
    check_teacher(teacher, JUDGING.inputs, JUDGING.targets)
    silent = nn.Linear(64, 10)
    nn.init.zeros_(silent.weight)
    with pytest.raises(LowlandError, match=r"teacher is right on .* expected a network that learned"):
        check_teacher(silent, JUDGING.inputs, JUDGING.targets)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight": 0.0}, "weight is 0.0"),
        ({"temperature": -1.0}, "temperature is"),
        ({"epochs": 0}, "epochs is 0"),
        ({"alone": 1.0}, "alone is 1.0"),
        ({"worst_share": 1.5}, "worst_share is 1.5"),
        ({"agent": "gredy"}, "agent is 'gredy'"),
    ],
)
def test_numbers_that_mean_nothing_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(LowlandError, match=message):
        Distillation((2, 8), 5.0, **options)  # type: ignore[arg-type]


def test_both_students_are_needed() -> None:
    with pytest.raises(LowlandError, match="expected robust among them"):
        students_beside_policies({"detrimental": network(0)}, SEARCHING, JUDGING, HOW, key=("toy",))
