"""Kedro datasets: written atomically, refused in one line where unreadable, shown in kedro-viz."""

from lowland.datasets.pictures import PictureDataset
from lowland.datasets.reports import JSONDataset, PlotlyDataset, TextDataset
from lowland.datasets.tables import TableDataset
from lowland.datasets.tensors import ModelDataset, TensorsDataset

__all__ = [
    "JSONDataset",
    "ModelDataset",
    "PictureDataset",
    "PlotlyDataset",
    "TableDataset",
    "TensorsDataset",
    "TextDataset",
]
