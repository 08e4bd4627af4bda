"""Tables: Parquet, or CSV where DVC wants to plot them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pandas as pd

from lowland.datasets.atomic import FileDataset, TablePreview
from lowland.errors import LowlandError


class TableDataset(FileDataset[pd.DataFrame | None]):
    """A data frame in a Parquet or CSV file, which one the name's ending says; its index is not kept.

    Args:
        filepath: Ends in ``.parquet`` or ``.csv``.
        missing_ok: Load ``None`` where there is no file: gathers read what exists.
        metadata: For plugins.
    """

    KIND = "table"

    def __init__(self, *, filepath: str, missing_ok: bool = False, metadata: dict[str, Any] | None = None) -> None:
        super().__init__(filepath=filepath, metadata=metadata)
        if self._filepath.suffix not in (".parquet", ".csv"):
            raise LowlandError(f"filepath is {filepath}; expected a name that ends in .parquet or .csv")
        self._missing_ok = missing_ok

    def load(self) -> pd.DataFrame | None:
        """Return the frame, or ``None`` where there is no file and ``missing_ok`` is set."""
        if self._missing_ok and not self._filepath.is_file():
            return None
        return super().load()

    def _read(self, path: Path) -> pd.DataFrame:
        return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)

    def _write(self, data: pd.DataFrame | None, path: Path) -> None:
        if data is None:
            raise LowlandError("there is no table to save")
        if self._filepath.suffix == ".parquet":
            data.to_parquet(path, engine="pyarrow", index=False)
        else:
            data.to_csv(path, index=False, lineterminator="\n")

    def preview(self, nrows: int = 20) -> TablePreview:
        """The first rows for kedro-viz."""
        if not self._filepath.is_file():
            return cast(TablePreview, None)  # kedro-viz shows nothing then
        # by way of JSON: kedro-viz encodes neither NaN nor pandas' own types
        head = self._read(self._filepath).head(nrows).to_json(orient="split", date_format="iso")
        return TablePreview(json.loads(head))

    def _describe(self) -> dict[str, Any]:
        return {**super()._describe(), "missing_ok": self._missing_ok}
