"""What people open: pages, figures and JSON files."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import plotly.graph_objects as go
import plotly.io

from lowland.datasets.atomic import FileDataset, JSONPreview, PlotlyPreview


def jsonable(value: Any) -> Any:
    """The value with every non-finite number as ``None``: strict JSON has no word for them."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [jsonable(item) for item in value]
    return value


class TextDataset(FileDataset[str]):
    """A text in UTF-8, such as an HTML page."""

    KIND = "text"

    def _read(self, path: Path) -> str:
        return path.read_text(encoding="utf-8")

    def _write(self, data: str, path: Path) -> None:
        path.write_text(data, encoding="utf-8", newline="\n")


class JSONDataset(FileDataset[Any]):
    """Strict JSON, indented, keys in their own order; non-finite numbers become ``null``.

    Args:
        filepath: Where the file is or will be.
        missing_ok: Load ``None`` where there is no file: gathers read what exists.
        metadata: For plugins.
    """

    KIND = "JSON file"

    def __init__(self, *, filepath: str, missing_ok: bool = False, metadata: dict[str, Any] | None = None) -> None:
        super().__init__(filepath=filepath, metadata=metadata)
        self._missing_ok = missing_ok

    def load(self) -> Any:
        """Return the content, or ``None`` where there is no file and ``missing_ok`` is set."""
        return None if self._missing_ok and not self._filepath.is_file() else super().load()

    def _read(self, path: Path) -> Any:
        return json.loads(path.read_text(encoding="utf-8"))

    def _write(self, data: Any, path: Path) -> None:
        text = json.dumps(jsonable(data), indent=2, ensure_ascii=False, allow_nan=False)
        path.write_text(text + "\n", encoding="utf-8", newline="\n")

    def preview(self) -> JSONPreview:
        """The whole content for kedro-viz."""
        return cast(JSONPreview, self._filepath.read_text(encoding="utf-8") if self._filepath.is_file() else None)


class PlotlyDataset(FileDataset[go.Figure]):
    """An interactive figure as Plotly's JSON."""

    KIND = "Plotly figure"

    def _read(self, path: Path) -> go.Figure:
        return plotly.io.from_json(path.read_text(encoding="utf-8"))

    def _write(self, data: go.Figure, path: Path) -> None:
        figure = json.loads(plotly.io.to_json(data, engine="json"))
        path.write_text(json.dumps(figure, sort_keys=True) + "\n", encoding="utf-8", newline="\n")

    def preview(self) -> PlotlyPreview:
        """The figure for kedro-viz."""
        return cast(PlotlyPreview, json.loads(self._filepath.read_text("utf-8")) if self._filepath.is_file() else None)
