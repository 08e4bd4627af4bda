"""The figures of the page: where each stands, and all their data at its end."""

from __future__ import annotations

import json
from typing import Any

import plotly.graph_objects as go
from markupsafe import Markup

DIGITS = 7
"""Of numbers in figures, far beyond a pixel."""


class FigureRegistry:
    """Collects figures: a placeholder where each stands, all their data at the end of the page."""

    def __init__(self) -> None:
        self._specifications: dict[str, str] = {}

    def add(self, name: str, figure: go.Figure, *, linked: str = "", wide: bool = False) -> Markup:
        """The place where a figure will stand.

        Args:
            name: Its id on the page.
            figure: With a height.
            linked: Figures of one such name show the same recipe.
            wide: Scrolls rather than shrinks on small screens.
        """
        specification = figure.to_plotly_json()
        text = json.dumps(_plain(specification), separators=(",", ":"), allow_nan=False, sort_keys=True)
        self._specifications[name] = text
        height = int(figure.layout.height)
        template = '<div class="scroll"><div class="{}" id="{}" data-linked="{}" style="height:{}px"></div></div>'
        return Markup(template).format("figure wide" if wide else "figure", name, linked, height)  # escapes the names

    def as_json(self) -> str:
        """All figures as one object by name."""
        entries = ",\n".join(f"{json.dumps(name)}:{text}" for name, text in self._specifications.items())
        return f"{{{entries}}}"


def _plain(value: Any) -> Any:
    """Plotly's nested values as JSON knows them: NaN becomes null, arrays lists, numbers as exact as eyes are."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return None if value != value else float(f"{value:.{DIGITS}g}")
    return value
