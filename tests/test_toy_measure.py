"""A new landscape measure in a copy of the project: computed, told, correlated; its own file and two changed ones.

A real one also has its test in ``tests/landscape``.
"""

import pytest

from tests.changed_copy import ChangedCopy

pytestmark = pytest.mark.slow

OWN = "src/lowland/landscape/measures/largest_weight.py"
EDITS = (
    (
        OWN,
        "",
        '''"""The largest weight of a network."""

from __future__ import annotations

from lowland.estimate import Estimate
from lowland.landscape.problem.problem import Problem


def largest_weight(problem: Problem) -> Estimate:
    """Largest size of a weight: an exact number of the model alone."""
    sizes = [float(p.detach().abs().max()) for p in problem.parameters.values() if p.ndim > 1]
    return Estimate(max(sizes), 0.0, 1)
''',
    ),
    (
        "src/lowland/vocabulary/landscape_measures.py",
        "LANDSCAPE: dict[str, Measure] = {\n",
        """LANDSCAPE: dict[str, Measure] = {
    "largest_weight": Measure("largest weight", "1", False, "Size of the largest weight."),
""",
    ),
    (
        "src/lowland/landscape/measures/measure.py",
        "from lowland.landscape.measures.matched import (\n",
        """from lowland.landscape.measures.largest_weight import largest_weight
from lowland.landscape.measures.matched import (
""",
    ),
    (
        "src/lowland/landscape/measures/measure.py",
        '    _whole("weight_norm", lambda c: weight_norm(c.problem)),\n',
        """    _whole("weight_norm", lambda c: weight_norm(c.problem)),
    _whole("largest_weight", lambda c: largest_weight(c.problem)),
""",
    ),
)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return ChangedCopy(tmp_path_factory.mktemp("toy_measure"), EDITS)


def test_two_existing_files_and_its_own_are_enough(project):
    assert project.changed() == (
        ["src/lowland/landscape/measures/measure.py", "src/lowland/vocabulary/landscape_measures.py"],
        [OWN],
    )


def test_it_is_measured_told_and_correlated(project):
    project.meets("tests.test_toy_measure.whoever_must_know_it_does")


def whoever_must_know_it_does():
    """Runs in the copy: the composed measures, the long table, and what may foretell robustness."""
    import torch
    from torch.nn import functional

    from lowland.analysis.predictors import predictors
    from lowland.estimate import Estimate
    from lowland.landscape import LandscapeOptions, measure_landscape
    from lowland.measurements import Cell, Measurement, checked, table
    from lowland.report.labels import predictor_label
    from tests.base_options import base
    from tests.cases import CASES

    model, (inputs, targets) = CASES["mlp"].model(), CASES["mlp"].data()
    small = base("landscape", few_rows=6, weight_noise_draws=2, adaptive_steps=4)
    rows = measure_landscape(
        model,
        functional.cross_entropy,
        [(inputs, targets)],
        options=LandscapeOptions(**small),
        input_covariance=torch.ones(inputs.shape[1:]),
        is_classifier=True,
    )
    (own,) = [row for row in rows if row.measure == "largest_weight"]
    assert own.estimate.value == max(float(p.abs().max()) for p in model.parameters() if p.ndim > 1)

    cell = Cell(
        task="jets", recipe="plain", seed="s0", precision="fp32", method="float", weight_bits=32, activation_bits=32
    )
    score = [Measurement("performance", name, Estimate(0.5, 0.0, 8), split="test") for name in ("accuracy", "loss")]
    found = predictors(checked(table(cell, [*rows, *score]))).set_index("predictor")
    assert found.loc["largest_weight", "kind"] == "landscape"
    assert found.loc["largest_weight", "value"] == pytest.approx(own.estimate.value)
    assert predictor_label("largest_weight") == "largest weight"
