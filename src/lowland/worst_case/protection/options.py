"""Which protections are tried against the worst policy, and how far each goes."""

from __future__ import annotations

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from lowland.selection import Selection, refuse_repeats

Name = Literal["kept_layers", "outliers_apart", "clipped_ranges", "equalized_channels"]
NAMES: tuple[Name, ...] = get_args(Name)


class ProtectionOptions(Selection):
    """Which cells are protected, and how.

    Attributes:
        protections: Names, in the order in which they are tried: ``kept_layers`` (the fewest layers that keep their
            width so that no policy of the others costs ``target``), ``outliers_apart`` (the largest values of every
            range coded apart), ``clipped_ranges`` (values cut off at a percentile of training rows) and
            ``equalized_channels`` (float and dynamic cells only).
        target: The worst policy of the layers that are not kept must surely cost less, in the unit of the score.
        percentile: Where values are cut off, in per cent, and as far from the other end; 100 cuts nothing off.
        outlier_share: Of the values of a range that are coded apart, rounded up.
        calibration_rows: Most training rows that ranges are taken from.
    """

    protections: Annotated[tuple[Name, ...], Field(min_length=1)]
    target: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    percentile: Annotated[float, Field(gt=50, le=100)]
    outlier_share: Annotated[float, Field(ge=0, lt=1)]
    calibration_rows: Annotated[int, Field(ge=1, strict=True)]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        refuse_repeats(protections=self.protections)
        return self
