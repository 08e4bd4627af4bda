"""A small study with files between its nodes: source -> cells (square -> half) -> gather -> report."""

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Node, Pipeline

from lowland.atomic_files import atomic_path
from lowland.datasets import TableDataset


class UnpicklableError(Exception):
    """Loses an argument on its way between processes."""

    def __init__(self, one, two):
        super().__init__(f"{one}\n{two}")


def table(value: float) -> pd.DataFrame:
    return pd.DataFrame({"value": [value]})


def source() -> pd.DataFrame:
    return table(3.0)


def square(frame: pd.DataFrame, cell: dict) -> pd.DataFrame:
    """Does to itself what the cell says, then squares and adds the number of the cell."""
    flag = Path(cell["folder"]) / f"{cell['name']}.tried"
    tries = int(flag.read_text()) if flag.exists() else 0
    flag.write_text(str(tries + 1))
    with atomic_path(flag.with_suffix(".process")) as part:
        part.write_text(str(os.getpid()))
    if cell.get("fails"):
        raise UnpicklableError("boom", cell["name"])
    if tries < cell.get("killed", 0):
        os.kill(os.getpid(), signal.SIGKILL)
    if cell.get("exits"):
        os._exit(7)
    time.sleep(cell.get("seconds", 0))
    return frame**2 + cell["number"]


def half(frame: pd.DataFrame) -> pd.DataFrame:
    return frame / 2


def gather(**frames: pd.DataFrame | None) -> pd.DataFrame:
    there = {name: None if frame is None else frame["value"].item() for name, frame in frames.items()}
    return pd.DataFrame({"cell": list(there), "value": list(there.values())})


def study(cells: list[str]) -> Pipeline:
    nodes = [Node(source, None, "source", name="prepare", tags=["preparation"])]
    for name in cells:
        nodes += [
            Node(square, ["source", f"params:{name}"], f"{name}.square", name=f"{name}.square", tags=["training"]),
            Node(half, f"{name}.square", f"{name}.half", name=f"{name}.half", tags=["landscape"]),
        ]
    nodes += [
        Node(gather, {n: f"{n}.half" for n in cells}, "table", name="gather", tags=["summary", "gather"]),
        Node(half_values, "table", "report", name="report", tags=["summary"]),
    ]
    return Pipeline(nodes)


def half_values(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(value=frame["value"] / 2)


def catalog(folder: Path, cells: Mapping[str, dict]) -> DataCatalog:
    """Files for everything in ``folder``; cell name to what ``square`` shall do."""
    folder.mkdir(parents=True, exist_ok=True)
    names = ["source", "table", "report", "timings", *(f"{n}.{w}" for n in cells for w in ("square", "half"))]
    files = {name: TableDataset(filepath=str(folder / f"{name}.parquet")) for name in names}
    facts = {"folder": str(folder)}
    parameters = {
        f"params:{name}": MemoryDataset({**facts, "name": name, "number": number} | cell)
        for number, (name, cell) in enumerate(cells.items())
    }
    return DataCatalog(files | parameters)


def results(folder: Path) -> dict[str, bytes]:
    """Every table but the one that holds seconds."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.parquet")) if path.stem != "timings"}
