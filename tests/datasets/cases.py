"""One dataset of every kind with something to put into it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import torch

from lowland.architectures import initialised_network
from lowland.artifacts import StoredModel, StoredTensors
from lowland.datasets import (
    JSONDataset,
    ModelDataset,
    PictureDataset,
    PlotlyDataset,
    TableDataset,
    TensorsDataset,
    TextDataset,
)
from lowland.datasets.atomic import FileDataset
from tests.made_study.pictures import density

SPEC = {"kind": "mlp", "inputs": 4, "hidden": [3, 2], "outputs": 2}


def model() -> StoredModel:
    score = {"measure": "accuracy", "value": 0.75, "standard_error": 0.1, "rows": 20}
    told = {"preprocessing": {"kind": "table", "mean": [0.1, -1e-300]}, "identity": {"seed": "s0"}, "score": score}
    return StoredModel(initialised_network(SPEC, key=("tests",)), "non_finite", **told)


def tensors() -> StoredTensors:
    weights = torch.arange(6, dtype=torch.float64).reshape(2, 3)
    views = {"tied": weights, "view": weights.t(), "codes": torch.tensor([-128, 127], dtype=torch.int8)}
    return StoredTensors(views | {"flags": torch.tensor([True, False]), "scalar": torch.tensor(0.5)}, {"names": ["a"]})


def frame() -> pd.DataFrame:
    return pd.DataFrame({"task": ["jets", ""], "value": [1.5, np.nan], "bits": np.array([4, 8], dtype="int64")})


class Case(NamedTuple):
    kind: type[FileDataset]
    name: str
    content: Callable[[], Any]
    preview: str | None
    options: dict[str, Any] = {}  # noqa: RUF012 (a default that nobody changes)


CASES = {
    "model": Case(ModelDataset, "a.safetensors", model, "JSONPreview"),
    "tensors": Case(TensorsDataset, "a.safetensors", tensors, "JSONPreview"),
    "parquet": Case(TableDataset, "a.parquet", frame, "TablePreview"),
    "csv": Case(TableDataset, "a.csv", frame, "TablePreview"),
    "picture": Case(PictureDataset, "a.parquet", density, "PlotlyPreview", {"figure": "spectral_density"}),
    "json": Case(JSONDataset, "a.json", lambda: {"b": [1, 2.5, "x"], "a": {"c": None}}, "JSONPreview"),
    "plotly": Case(PlotlyDataset, "a.json", lambda: go.Figure(go.Scatter(x=[1, 2], y=[3, 4])), "PlotlyPreview"),
    "text": Case(TextDataset, "a.html", lambda: "<p>5 % \N{GREEK SMALL LETTER SIGMA}</p>\n", None),
}


def dataset(case: Case, folder: Path) -> FileDataset:
    return case.kind(filepath=str(folder / "deep" / case.name), **case.options)
