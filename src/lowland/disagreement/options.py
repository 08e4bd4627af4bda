"""What the disagreement stage may be told."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lowland.disagreement.uncertainty_measures import UncertaintyMeasure
from lowland.selection import NONE_SWITCHES_OFF, refuse_repeats


class DisagreementOptions(BaseModel):
    """How a cell is compared with its float network and with other seeds.

    Attributes:
        uncertainties: Measures of uncertainty by which disagreements are looked for; the first is compared with each of
            the others. Of those that rank alike with two classes only the first is taken.
        scaled: Those that are taken with the temperature fitted on validation rows too; ``none`` fits none.
        nearby_precision: Whether networks with codes are asked again with a bit less in every weight; how far their
            probabilities move is one more measure of uncertainty, for twice the computation.
        calibration_bins: Bins of equally many samples for the calibration error.
        abstention_risks: Shares of wrong answers, and of answers other than the float network's, that a network which
            abstains must not exceed among those that it gives, by the first of ``uncertainties``; ``none`` proves
            none. Only of tasks with ``threshold_rows``.
        abstention_delta: Probability that such a proof is wrong.
        runtimes: Those in which networks of integers are computed again, as a noise floor: ``onnxruntime``, ``c`` (a
            compiler is needed), or ``none``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    uncertainties: Annotated[tuple[UncertaintyMeasure, ...], Field(min_length=1)]
    scaled: Annotated[tuple[UncertaintyMeasure, ...], NONE_SWITCHES_OFF]
    nearby_precision: Annotated[bool, Field(strict=True)]
    calibration_bins: Annotated[int, Field(ge=1)]
    abstention_risks: Annotated[tuple[Annotated[float, Field(gt=0, lt=1)], ...], NONE_SWITCHES_OFF]
    abstention_delta: Annotated[float, Field(gt=0, lt=1)]
    runtimes: Annotated[tuple[Literal["onnxruntime", "c"], ...], NONE_SWITCHES_OFF]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        refuse_repeats(
            uncertainties=self.uncertainties,
            scaled=self.scaled,
            abstention_risks=self.abstention_risks,
            runtimes=self.runtimes,
        )
        return self
