"""What screening may be told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from lowland.analysis.screening.features import Source
from lowland.analysis.screening.models import ModelName
from lowland.selection import NONE_IS_NOTHING, Axes, Misfit


class ScreeningOptions(BaseModel):
    """Which cells are worth training, predicted from a known study.

    Attributes:
        known: Long table of a finished study (``measurements.parquet``, with ``study.yml`` beside it) that predictions
            are learnt from; ``none`` switches screening off.
        known_screened: With ``epochs_share`` below 1: ``screened.parquet`` that a screening of the known study's runs
            left, with the same share; ``none`` learns from the known study's finished runs.
        epochs_share: Share of the epochs after which float runs are measured.
        source: What is measured: the ``float`` run, or a ``ptq`` copy of it for each precision, which takes longer.
        model: ``ridge``, ``gaussian_process`` or ``boosting``.
        worth_share: Share of the recipes of a task and precision that are named as worth training; one at least.
        confidence: Of the intervals.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    known: Annotated[Path | None, NONE_IS_NOTHING]
    known_screened: Annotated[Path | None, NONE_IS_NOTHING]
    epochs_share: Annotated[float, Field(gt=0, le=1)]
    source: Source
    model: ModelName
    worth_share: Annotated[float, Field(gt=0, le=1)]
    confidence: Annotated[float, Field(gt=0, lt=1)]

    def misfits(self, axes: Axes) -> Iterator[Misfit]:
        """Nothing to predict."""
        if self.known is not None and not axes.deployed:
            yield "known", f"is {self.known}, and no precision has codes; expected a precision to screen for, or none"
