"""A new condition in a copy of the project: declared, done, validated, swept and told, by two changed files.

A real one also has its test (in ``tests/perturbation``), and ``python -m scripts.describe_options`` writes it into
``docs/parameters.md``; a line of ``conf`` measures it.
"""

import pytest

from tests.changed_copy import ChangedCopy
from tests.studies import default_parameters

pytestmark = pytest.mark.slow

EDITS = (
    (
        "src/lowland/vocabulary/conditions.py",
        "_GENERAL = (\n",
        """_GENERAL = (
    _noise(
        name="lost_readings",
        label="lost readings",
        explanation="Lost readings p %: that share of all entries reads its training mean.",
    ),
""",
    ),
    (
        "src/lowland/perturbation/input_noise.py",
        "NoiseKind = Literal[",
        'NoiseKind = Literal["lost_readings", ',
    ),
    (
        "src/lowland/perturbation/input_noise.py",
        "INPUT_NOISES: dict[str, Callable[..., Tensor]] = {\n",
        '''def lost_readings(inputs: Tensor, ranges: FeatureRanges, drawn: Disturbance, *, level: float) -> Tensor:
    """Sets level per cent of the entries to the training mean of their feature."""
    return torch.where(drawn.uniform < _share(level), ranges.mean, inputs)


INPUT_NOISES: dict[str, Callable[..., Tensor]] = {
    "lost_readings": lost_readings,
''',
    ),
)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return ChangedCopy(tmp_path_factory.mktemp("toy_condition"), EDITS)


def test_two_existing_files_are_enough(project):
    assert project.changed() == (
        ["src/lowland/perturbation/input_noise.py", "src/lowland/vocabulary/conditions.py"],
        [],
    )


def test_it_is_validated_swept_and_told(project):
    project.meets("tests.test_toy_condition.whoever_must_know_it_does")


def test_the_tests_of_all_conditions_hold_for_it(project):
    told = project.run("-m", "pytest", "tests/vocabulary", "-q", "-n0", "-p", "no:cacheprovider")
    assert "passed" in told and "failed" not in told


def test_a_copy_without_the_condition_does_not_know_it(tmp_path):
    bare = ChangedCopy(tmp_path, ())
    assert bare.changed() == ([], [])
    with pytest.raises(AssertionError, match="lost_readings"):
        bare.meets("tests.test_toy_condition.whoever_must_know_it_does")


def whoever_must_know_it_does():
    """Runs in the copy: parameters, sweep, long table and words."""
    import torch
    from torch import nn

    from lowland import grid
    from lowland.analysis.conditions import disturbances
    from lowland.measurements import Cell, checked, table
    from lowland.perturbation import FeatureRanges
    from lowland.robustness import HalfLifeOptions, Subject
    from lowland.robustness.measure import robustness
    from lowland.tasks import HeldOut, Samples, build_task
    from lowland.vocabulary.labels import level_title
    from tests.made_splits import splits_of

    raw = default_parameters()
    noise = raw["input_noise"] | {"kinds": ["lost_readings"], "levels": [20, 80]}
    study = grid.validate(raw | {"input_noise": noise, "requirements": "none"})

    inputs, targets = torch.eye(5).repeat(40, 1) * 3, torch.arange(5).repeat(40)
    rows = Samples(inputs, targets)
    splits = splits_of(rows, rows, rows, HeldOut(rows, torch.arange(200) >= 100), torch.zeros(5))
    task = build_task(study.tasks["jets"])
    subject = Subject(task, nn.Identity(), splits, FeatureRanges.of(inputs), ("toy",), HalfLifeOptions(floor="halfway"))
    cell = Cell(
        task="jets", recipe="plain", seed="s0", precision="fp32", method="float", weight_bits=32, activation_bits=32
    )
    found = checked(table(cell, robustness("noise", subject, study.input_noise)))
    assert set(found["condition"]) == {"lost_readings"} and set(found["level_unit"]) == {"per cent"}
    lost = found[(found["measure"] == "accuracy_drop") & (found["split"] == "test")].set_index("level")["value"]
    assert 0 < lost[20.0] < lost[80.0]
    assert "half_life" in set(found["measure"])
    assert disturbances(found)[["condition", "group"]].to_numpy().tolist() == [["lost_readings", "noise"]]
    assert level_title("lost_readings") == "lost readings, per cent"
