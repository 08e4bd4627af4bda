"""The base study's parameters, and the cells that its selections choose, for tests of many rooms."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from kedro.framework.project import settings

from lowland.config_loader import StudyConfigLoader
from lowland.grid import ROOT, Grid
from lowland.measurements import Cell


def default_parameters() -> dict[str, Any]:
    """The parameters as Kedro reads them from the project's ``conf`` folder (and ``KEDRO_ENV``)."""
    conf = str(ROOT / settings.CONF_SOURCE)
    loader = StudyConfigLoader(conf, env=os.environ.get("KEDRO_ENV"), **settings.CONFIG_LOADER_ARGS)
    return dict(loader["parameters"])


def selected_cells(study: Grid, selection: str, *, methods: Sequence[str] = ()) -> list[Cell]:
    """The cells of which something is done.

    Args:
        study: With its axes.
        selection: The parameter with a selection that says so.
        methods: What the selection chooses from; precisions of any method without it.
    """
    precisions, seeds = study.selected_precisions(selection, methods=methods), study.selected_seeds(selection)
    return [cell for cell in study.cells if cell.seed in seeds and cell.precision in precisions]
