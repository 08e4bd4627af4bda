"""How a network does where the classes have other shares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

from lowland.estimate import Estimate
from lowland.measurements import Measurement, Where
from lowland.randomness import generator
from lowland.robustness.subject import Subject
from lowland.scores import deterioration, sign
from lowland.selection import NONE_SWITCHES_OFF, NOTHING, Axes, Misfit, refuse_repeats
from lowland.tasks.label_shift import kept_under_label_shift
from lowland.vocabulary.conditions import CONDITIONS
from lowland.vocabulary.planned import Planned

LABEL_SHIFT = "label_shift"


class LabelShiftOptions(BaseModel):
    """Which shares of the classes, and how many draws of what class is how frequent; for tasks that name classes.

    Attributes:
        ratios: Of the most frequent class to the rarest, those between falling by equal factors; 1: all classes are
            equally frequent; ``none`` switches label shift off, also in place of all these options.
        draws: Independent draws.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ratios: Annotated[tuple[Annotated[float, Field(ge=1, allow_inf_nan=False)], ...], NONE_SWITCHES_OFF]
    draws: Annotated[int, Field(ge=2)]

    @model_validator(mode="before")
    @classmethod
    def _none_is_no_ratio(cls, value: Any) -> Any:
        return {"ratios": (), "draws": 2} if value in NOTHING else value

    @model_validator(mode="after")
    def _names_nothing_twice(self) -> Self:
        refuse_repeats(ratios=self.ratios)
        return self

    def misfits(self, axes: Axes) -> Iterator[Misfit]:
        """Ratios that leave no row of the rarest class even where all classes are equally frequent.

        Data may have still fewer: then the draw refuses the ratio.
        """
        for name, task in axes.tasks.items():
            if not (self.ratios and task.is_classifier and task.test_rows):
                continue
            most = task.test_rows / 2 / max(task.outputs, 2)
            if max(self.ratios) > most:
                yield (
                    "ratios",
                    f"holds {max(self.ratios):g}, and of task {name!r}, with test_rows {task.test_rows}, each half has "
                    f"{most:g} rows a class: the rarest would have none; expected at most {most:g}, or more test_rows",
                )

    def planned(self) -> Iterator[Planned]:
        """Label shift at every ratio."""
        if self.ratios:
            yield Planned(family="shift", condition=LABEL_SHIFT, levels=self.ratios)


def label_shift_rows(subject: Subject, options: LabelShiftOptions) -> Iterator[Measurement]:
    """Score, what is lost of it and loss rise at every ratio on either half, over draws of what class is how frequent.

    The network is evaluated once: rows are left out, none is changed. All networks and ratios of a draw have the same
    order of classes.

    Args:
        subject: Of a task whose targets are numbers of classes.
        options: What is asked for.
    """
    clean, held_out, score = subject.clean, subject.splits.held_out, subject.task.score_name
    direction = sign(score)
    for ratio in sorted(options.ratios):
        draws = [
            kept_under_label_shift(held_out, ratio, generator=generator(*subject.key, LABEL_SHIFT, number))
            for number in range(options.draws)
        ]
        for split, mask in held_out.halves.items():
            at = Where(CONDITIONS[LABEL_SHIFT], level=ratio, split=split)
            scores, losses = (_means(values, mask, draws) for values in (clean.scores, clean.losses))
            lost = direction * (clean.scores[mask].double().mean() - scores)
            yield at.measured(score, Estimate.from_samples(scores))
            yield at.measured(deterioration(score), Estimate.from_samples(lost))
            yield at.measured("loss_rise", Estimate.from_samples(losses - clean.losses[mask].double().mean()))


def _means(values: Tensor, mask: Tensor, draws: list[Tensor]) -> Tensor:
    """Mean of a half's values in every draw [draws]."""
    return values.new_tensor([values[mask & kept].double().mean() for kept in draws]).double()
