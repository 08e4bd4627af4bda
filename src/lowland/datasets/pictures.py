"""Tables that are looked at as figures."""

from __future__ import annotations

import json
from typing import Any, cast

import pandas as pd
import plotly.io

from lowland.datasets.atomic import PlotlyPreview
from lowland.datasets.tables import TableDataset
from lowland.errors import LowlandError


class PictureDataset(TableDataset):
    """A table that kedro-viz shows as a figure.

    Args:
        filepath: Ends in ``.parquet`` or ``.csv``.
        figure: What draws it, a key of ``lowland.report.figures.PICTURES``.
        missing_ok: Load ``None`` where there is no file.
        metadata: For plugins.
    """

    def __init__(
        self, *, filepath: str, figure: str, missing_ok: bool = False, metadata: dict[str, Any] | None = None
    ) -> None:
        super().__init__(filepath=filepath, missing_ok=missing_ok, metadata=metadata)
        self._figure = figure

    def preview(self) -> PlotlyPreview:  # type: ignore[override]  # kedro-viz goes by the name of the annotation
        """The figure for kedro-viz."""
        # Here and not above: every stage reads and writes datasets, and none but this needs the figures.
        from lowland.report.figures import PICTURES

        frame = self._read(self._filepath) if self._filepath.is_file() else pd.DataFrame()
        if frame.empty:
            return cast(PlotlyPreview, None)  # kedro-viz shows nothing then
        if self._figure not in PICTURES:
            raise LowlandError(f"figure is {self._figure!r}; expected one of {', '.join(PICTURES)}")
        return cast(PlotlyPreview, json.loads(plotly.io.to_json(PICTURES[self._figure](frame), engine="json")))
