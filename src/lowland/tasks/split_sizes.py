"""How many rows each set of a task gets."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]


class SplitSizes(BaseModel):
    """Rows wanted for each set; where there are fewer, all sets shrink in proportion."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    train_rows: Count
    validation_rows: Count
    landscape_rows: Count
    test_rows: Count

    @property
    def sizes(self) -> dict[str, int]:
        """Rows by set, in the order in which sets are filled."""
        return {
            "train": self.train_rows,
            "validation": self.validation_rows,
            "landscape": self.landscape_rows,
            "test": self.test_rows,
        }
