"""Kedro runners that keep going past failures: on this machine's cores, or on a Dask cluster."""

from lowland.runners.dask_runner import DaskRunner
from lowland.runners.grid_runner import GridRunError, GridRunner
from lowland.runners.kedro_runners import ParallelRunner, SequentialRunner

__all__ = ["DaskRunner", "GridRunError", "GridRunner", "ParallelRunner", "SequentialRunner"]
