"""What the words on the page mean."""

from __future__ import annotations

from typing import Any

from lowland.report.figure_registry import FigureRegistry
from lowland.report.inputs import ReportInputs
from lowland.report.section import Section
from lowland.report.words import plural
from lowland.vocabulary.measures import MEASURES


class Glossary(Section):
    """The study's own words, and every measure that was taken."""

    name, title = "glossary", "Glossary"
    is_detail = True

    def context(self, inputs: ReportInputs, figures: FigureRegistry) -> dict[str, Any]:
        """``measures``: label, unit (empty where there is none) and meaning."""
        present = set(inputs.measurements.measure.unique()) - {"all"}
        unitless = {"1"} if any(task.style.score.is_share for task in inputs.tasks) else {"1", "nat"}
        return {
            "measures": [
                (measure.label, "" if measure.unit in unitless else plural(0, measure.unit), measure.meaning)
                for name, measure in MEASURES.items()
                if name in present
            ]
        }
