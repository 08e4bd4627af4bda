"""What every measure in the long table means, by the name that the table gives it."""

from __future__ import annotations

from lowland.vocabulary.certificate_measures import CERTIFICATES
from lowland.vocabulary.disagreement_measures import DISAGREEMENT
from lowland.vocabulary.landscape_measures import LANDSCAPE
from lowland.vocabulary.measure import Measure
from lowland.vocabulary.performance_measures import PERFORMANCE
from lowland.vocabulary.response_measures import RESPONSES, SINGLE_BITS
from lowland.vocabulary.worst_case_measures import WORST_CASE

MEASURES: dict[str, Measure] = {
    "all": Measure("any", "1", None, "Stands for every measure of a stage that gave no result."),
    **PERFORMANCE,
    **RESPONSES,
    **SINGLE_BITS,
    **LANDSCAPE,
    **DISAGREEMENT,
    **CERTIFICATES,
    **WORST_CASE,
}

SCORES = ("accuracy", "emd", "vector_error", "absolute_error")
"""Headline scores: each task has one of them."""

SHARES = ("accuracy",)
"""Those between 0 and 1: written in per cent, their differences in points."""

SELECTED = frozenset(name for name, measure in MEASURES.items() if measure.selected)
