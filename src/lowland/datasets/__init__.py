"""Kedro datasets: written atomically, refused in one line where unreadable, shown in kedro-viz."""

from typing import TYPE_CHECKING

from lowland.lazy import lazy_names

if TYPE_CHECKING:
    from lowland.datasets.pictures import PictureDataset
    from lowland.datasets.reports import JSONDataset, PlotlyDataset, TextDataset
    from lowland.datasets.tables import TableDataset
    from lowland.datasets.tensors import ModelDataset, TensorsDataset
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "JSONDataset",
    "ModelDataset",
    "PictureDataset",
    "PlotlyDataset",
    "TableDataset",
    "TensorsDataset",
    "TextDataset",
]
