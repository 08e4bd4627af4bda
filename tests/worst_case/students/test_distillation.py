"""Students know their teacher's outputs alone; the sign of one term makes one break and the other hold."""

import copy

import pytest
import torch
from torch import nn

from lowland.architectures import MLP
from lowland.errors import LowlandError
from lowland.worst_case.students import Distillation, LabelledRows, StudentRows, distilled, students_beside_policies

HOW = Distillation((2, 4, 8), 5.0, weight=1.0, epochs=12, batch_size=64, learning_rate=1e-2, evaluations=12)


def network(seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return MLP(inputs=6, outputs=3, hidden=(24, 16))


def rows(count: int, seed: int) -> LabelledRows:
    draws = torch.Generator().manual_seed(seed)
    inputs = torch.randn(count, 6, generator=draws)
    return LabelledRows(inputs, (inputs[:, :3] + 0.5 * inputs[:, 3:]).argmax(1))


@pytest.fixture(scope="module")
def teacher() -> nn.Module:
    """Trained on labels."""
    taught, given = network(0), rows(1500, 1)
    optimizer = torch.optim.Adam(taught.parameters(), lr=1e-2)
    for _ in range(150):
        optimizer.zero_grad()
        nn.functional.cross_entropy(taught(given.inputs), given.targets).backward()
        optimizer.step()
    return taught.eval()


@pytest.fixture(scope="module")
def students(teacher: nn.Module) -> dict[str, nn.Module]:
    given = StudentRows(rows(1500, 1).inputs, rows(300, 2).inputs)
    kinds = ("detrimental", "robust", "control")
    return {kind: distilled(teacher, network(3), given, kind, HOW, key=("toy",)).network for kind in kinds}  # type: ignore[arg-type]


def test_one_breaks_where_the_other_holds_and_both_are_as_accurate_in_float(students: dict[str, nn.Module]) -> None:
    table = students_beside_policies(students, rows(300, 4), rows(1000, 5), HOW, evaluations=27, key=("toy",))  # type: ignore[arg-type]
    broken, held = table.of("detrimental", "detrimental_policy"), table.of("robust", "robust_policy")
    assert broken.drop.value > 0.2
    assert held.drop.value < 0.03
    assert broken.mean_bits >= 5.0 >= held.mean_bits
    assert table.of("robust", "detrimental_policy").drop.value < broken.drop.value
    accuracies = [table.accuracy[kind].value for kind in ("detrimental", "robust", "control")]  # type: ignore[index]
    assert min(accuracies) > 0.85
    assert len(table.pairs) == 18
    assert table.of("detrimental", "uniform_policy").widths.widths == (8, 8, 8)


def test_policies_are_not_searched_for_on_the_rows_that_judge(students: dict[str, nn.Module]) -> None:
    search, judge = rows(200, 4), rows(200, 5)
    poisoned = LabelledRows(judge.inputs + 5, (judge.targets + 1) % 3)
    found = [
        students_beside_policies(students, search, each, HOW, evaluations=9, key=("toy",))  # type: ignore[arg-type]
        for each in (judge, poisoned)
    ]
    assert [pair.widths for pair in found[0].pairs] == [pair.widths for pair in found[1].pairs]


def test_a_student_is_the_same_for_the_same_key_and_leaves_its_teacher_alone(teacher: nn.Module) -> None:
    given, short = StudentRows(rows(200, 1).inputs, rows(50, 2).inputs), Distillation((2, 8), 5.0, epochs=2)
    before, start = copy.deepcopy(teacher.state_dict()), network(3)
    first, second = (distilled(teacher, start, given, "robust", short, key=("toy",)) for _ in range(2))
    pairs = zip(first.network.parameters(), second.network.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert first.policy == second.policy and first.policy is not None
    assert all(torch.equal(before[name], value) for name, value in teacher.state_dict().items())
    assert torch.equal(start.layers[0].weight, network(3).layers[0].weight)


def test_the_control_knows_no_policy(teacher: nn.Module) -> None:
    given, short = StudentRows(rows(200, 1).inputs, rows(50, 2).inputs), Distillation((2, 8), 5.0, epochs=1)
    assert distilled(teacher, network(3), given, "control", short, key=("toy",)).policy is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight": 0.0}, "weight is 0.0"),
        ({"temperature": -1.0}, "temperature is"),
        ({"epochs": 0}, "epochs is 0"),
        ({"alone": 1.0}, "alone is 1.0"),
    ],
)
def test_numbers_that_mean_nothing_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(LowlandError, match=message):
        Distillation((2, 8), 5.0, **options)  # type: ignore[arg-type]


def test_both_students_are_needed() -> None:
    with pytest.raises(LowlandError, match="expected robust among them"):
        students_beside_policies({"detrimental": network(0)}, rows(9, 1), rows(9, 2), HOW, key=("toy",))
