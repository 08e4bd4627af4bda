"""One made-up study and everything derived from it, made once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd
import pytest

import lowland.tasks  # noqa: F401  # declares the shifted sets of jets, by which the made-up study calls its own
from lowland.analysis.correlation import correlations
from lowland.analysis.pareto import pareto
from lowland.analysis.prediction import prediction_fits
from lowland.analysis.prediction_points import prediction_points
from lowland.decision.recommendation import recommend
from lowland.decision.requirements import Requirements, TaskRequirements
from lowland.report.inputs import ReportInputs
from lowland.report.inputs import Tables as ReportTables
from lowland.report.page import render_page
from tests.made_study.faults import with_faults
from tests.made_study.study import study

REQUIREMENTS = Requirements(
    needs=[
        {"measure": "size", "at_most": 40_000},
        {"at_least": 0.7},
        {"condition": "gaussian", "level": 10, "at_least": 0.7},
        {"condition": "bit_error_rate", "level": 1e-3, "at_least": 0.6},
    ],
    prefer=["size", "score"],
)


@dataclass(frozen=True)
class Tables:
    """A study and what the summary makes of it."""

    measurements: pd.DataFrame
    correlations: pd.DataFrame
    points: pd.DataFrame
    fits: pd.DataFrame
    pareto: pd.DataFrame
    recommendation: dict[str, Any]

    @classmethod
    def of(cls, measurements: pd.DataFrame, requirements: Requirements = REQUIREMENTS, num_resamples: int = 200):
        points = prediction_points(measurements)
        return cls(
            measurements,
            correlations(measurements, num_resamples=num_resamples),
            points,
            prediction_fits(points, num_resamples=20),
            pareto(measurements),
            recommend(measurements, TaskRequirements(dict.fromkeys(measurements.task.unique(), requirements))),
        )

    @classmethod
    def of_recommendation(cls, measurements: pd.DataFrame, recommendation: dict[str, Any]) -> ReportInputs:
        """What a page is made of where nothing but the recommendation matters."""
        none = pd.DataFrame()
        return cls(measurements, none, none, none, none, recommendation).inputs()

    def inputs(self, *, pictures=None, learning_curves=None, facts=None, commands=("make run",)) -> ReportInputs:
        """What a page of this study is made of."""
        return ReportInputs(
            measurements=self.measurements,
            tables=ReportTables(
                correlations=self.correlations,
                predictions=self.points,
                prediction_fits=self.fits,
                pareto=self.pareto,
                learning_curves=pd.DataFrame() if learning_curves is None else learning_curves,
                pictures=pictures or {},
            ),
            recommendation=self.recommendation,
            facts=facts or {},
            commands=commands,
        )

    def report(self, **options: Any) -> str:
        """The page; options as in ``inputs``."""
        return render_page(self.inputs(**options))


@cache
def _whole() -> Tables:
    """Made once for all folders whose conftest imports the fixture."""
    return Tables.of(study())


@pytest.fixture(scope="session")
def tables() -> Tables:
    return _whole()


def small_study() -> pd.DataFrame:
    """Two recipes, two seeds, three precisions: as small as a smoke study."""
    return study(recipes=("plain", "clipping"), seeds=("s0", "s1"), precisions=("fp32", "qat4", "ptq8"))


def tiny_study() -> pd.DataFrame:
    """The small study at the first and the last level of everything."""
    small = small_study()
    return small[small.level.isna() | small.level.isin([5, 10, 50, 1, 100, 1e-4, 1e-2])].reset_index(drop=True)


@pytest.fixture(scope="session")
def tiny() -> pd.DataFrame:
    """The small study at the first and the last level of everything."""
    return tiny_study()


@pytest.fixture(scope="session")
def small() -> pd.DataFrame:
    """As small as a smoke study."""
    return small_study()


@pytest.fixture(scope="session")
def faulty(tiny) -> pd.DataFrame:
    """The tiny study with everything that faults add."""
    return with_faults(tiny)
