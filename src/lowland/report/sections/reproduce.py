"""How to get the page again."""

from __future__ import annotations

from typing import Any

from lowland.report.figure_registry import FigureRegistry
from lowland.report.inputs import ReportInputs
from lowland.report.section import Section


class Reproduce(Section):
    """Commands, and where the numbers are."""

    name, title = "reproduce", "Reproduce"
    is_detail = True

    def context(self, inputs: ReportInputs, figures: FigureRegistry) -> dict[str, Any]:
        """``commands``."""
        return {"commands": inputs.commands}
