"""How long and how fast a network is trained."""

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from lowland.errors import LowlandError
from lowland.selection import or_word

LEAST_ROWS_A_BATCH, MOST_ROWS_A_BATCH = 2, 1024
BATCHES_A_PASS = 30
Count = Annotated[int, Field(ge=1)]
CountOrAuto = Annotated[Count | Literal["auto"], or_word("auto")]


class Length(NamedTuple):
    """Passes over the training samples, samples of a batch, and batches of a pass."""

    epochs: int
    batch_size: int
    batches: int


class TrainingOptions(BaseModel):
    """How long and how fast to train.

    Attributes:
        epochs: Passes over the training samples; ``auto``: as many as ``steps`` take, and training ends early where the
            validation loss stays above its lowest for ``patience`` passes.
        batch_size: Samples per step; a smaller last batch is used too. ``auto``: the most, 2 to 1,024, that leave 30
            batches a pass.
        steps: Optimizer steps with ``epochs: auto``, which alone looks at them.
        patience: Passes, likewise; None: training never ends early.
        learning_rate: Of Adam, at the start.
        schedule: ``constant``, ``cosine`` from the learning rate to zero over all steps, or ``step``: times ``factor``
            after every ``every`` epochs.
        every: Epochs between two steps of the schedule ``step``, which alone has them.
        factor: Above 0, at most 1; likewise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: CountOrAuto
    batch_size: CountOrAuto
    steps: Count | None = None
    patience: Count | None = None
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    schedule: Literal["constant", "cosine", "step"]
    every: Count | None = None
    factor: Annotated[float, Field(gt=0, le=1)] | None = None

    @field_validator("steps", "patience")
    @classmethod
    def _only_auto_looks_at_them(cls, value: int | None, info: ValidationInfo) -> int | None:
        """An environment that says a number of epochs need not take back what another says of ``auto``."""
        return value if info.data.get("epochs", "auto") == "auto" else None

    @model_validator(mode="after")
    def _steps_are_given_where_there_are_steps(self) -> Self:
        for name in ("every", "factor"):
            value = getattr(self, name)
            if self.schedule == "step" and value is None:
                raise LowlandError(f"{name} is missing with schedule step; expected every (epochs) and factor")
            if self.schedule != "step" and value is not None:
                raise LowlandError(
                    f"{name} is {value} with schedule {self.schedule}; expected none (or schedule: step)"
                )
        if self.epochs == "auto" and self.steps is None:
            raise LowlandError("steps is missing with epochs auto; expected how many optimizer steps to train for")
        return self

    def resolve(self, samples: int) -> Length:
        """How long training on so many samples is.

        Args:
            samples: Training samples, at least 1.
        """
        fitting = math.ceil(samples / (BATCHES_A_PASS - 1)) - 1  # the largest size that leaves as many batches
        most = max(LEAST_ROWS_A_BATCH, min(MOST_ROWS_A_BATCH, fitting))
        size = most if self.batch_size == "auto" else self.batch_size
        batches = math.ceil(samples / size)
        epochs = math.ceil((self.steps or 0) / batches) if self.epochs == "auto" else self.epochs
        return Length(epochs, size, batches)

    def rate(self, step: int, length: Length) -> float:
        """The learning rate over the one at the start.

        Args:
            step: Optimizer steps behind us.
            length: Of the whole training.
        """
        if self.schedule == "cosine":
            return 0.5 * (1 + math.cos(math.pi * step / (length.epochs * length.batches)))
        if self.every is not None and self.factor is not None:
            return self.factor ** (step // length.batches // self.every)
        return 1.0

    def exhausted(self, losses: list[float]) -> bool:
        """Whether training ends early after these validation losses, one an epoch."""
        if self.epochs != "auto" or self.patience is None:
            return False
        best = min(range(len(losses)), key=losses.__getitem__)
        return len(losses) - 1 - best >= self.patience
