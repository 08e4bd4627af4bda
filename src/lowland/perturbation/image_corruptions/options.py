"""Which corruptions of images a study asks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lowland.selection import NONE_SWITCHES_OFF, NOTHING, refuse_repeats
from lowland.vocabulary.planned import Planned

CorruptionKind = Literal[
    "gaussian_blur",
    "defocus",
    "motion_blur",
    "fog",
    "contrast",
    "brightness",
    "shot_noise",
    "impulse_noise",
    "pixelate",
    "rotation",
    "translation",
    "zoom_blur",
    "glass_blur",
    "gaussian_noise",
    "speckle_noise",
    "frost",
    "snow",
    "spatter",
    "saturate",
    "jpeg_compression",
    "shear",
    "scale",
    "elastic_transform",
    "stripe",
    "zigzag",
    "dotted_line",
    "canny_edges",
]


class ImageCorruptionOptions(BaseModel):
    """Which corruptions in which severities, and how many draws of each; for tasks whose inputs are images.

    Attributes:
        kinds: Keys of ``IMAGE_CORRUPTIONS``; ``none`` switches corruptions off, also in place of all these options.
        severities: From 1 to 5.
        draws: Independent draws; what chance has no part in, such as blur, is done once.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kinds: Annotated[tuple[CorruptionKind, ...], NONE_SWITCHES_OFF]
    severities: Annotated[tuple[Annotated[int, Field(ge=1, le=5)], ...], Field(min_length=1)]
    draws: Annotated[int, Field(ge=2)]

    @model_validator(mode="before")
    @classmethod
    def _none_is_no_kind(cls, value: Any) -> Any:
        return {"kinds": (), "severities": (1,), "draws": 2} if value in NOTHING else value

    @model_validator(mode="after")
    def _names_nothing_twice(self) -> Self:
        refuse_repeats(kinds=self.kinds, severities=self.severities)
        return self

    def planned(self) -> Iterator[Planned]:
        """Every corruption in every severity, of images."""
        for kind in self.kinds:
            yield Planned(family="image_corruption", condition=kind, levels=tuple(map(float, self.severities)))
