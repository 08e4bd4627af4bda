"""How many rows each set of a task gets: options that all tasks share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from lowland.errors import LowlandError
from lowland.tasks.extra_splits import ExtraSet
from lowland.tasks.splits import LEAST_HELD_OUT

DATA_FOLDER = "LOWLAND_DATA"
"""Environment variable that names the folder of a user's own data."""
Count = Annotated[int, Field(ge=1)]
LEAST_ROWS = 2
"""Rows that every set needs, so that its means have standard errors."""


def least_rows(name: str) -> int:
    """Rows that a set needs: the held-out one is halved."""
    return LEAST_HELD_OUT if name == "test" else LEAST_ROWS


def seen_from(root: Path, path: Path) -> Path:
    """Where a path of the parameters leads, wherever the program was started.

    Args:
        root: The project's folder, which paths are relative to, and
        path: as it came; what the folder named by the environment variable ``LOWLAND_DATA`` holds is found there first.
    """
    if folder := os.environ.get(DATA_FOLDER):
        there = root / Path(folder).expanduser() / path
        if there.exists():
            return there
    return path if Path.cwd() == root else root / path


class SplitSizes(BaseModel):
    """Rows wanted in each set; where the data have fewer in all, every set shrinks in proportion.

    Attributes:
        train_rows: Rows that weights are fitted to.
        validation_rows: Rows that choose the best epoch.
        landscape_rows: Held-out rows on which the loss landscape is measured.
        test_rows: Held-out rows on which performance and robustness are measured: one half of them (``selection``)
            chooses between configurations, on the other (``test``) the chosen one is reported.
        extra_rows: Rows of sets that only some stages ask for, from what all others leave, which stay as they are:
            ``threshold`` for abstention, ``retraining`` for retraining on disagreements. A set gets what is left where
            that is less.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    train_rows: Count
    validation_rows: Count
    landscape_rows: Count
    test_rows: Count
    extra_rows: dict[ExtraSet, Count] = {}

    def resolved(self, root: Path) -> Self:
        """The options with everything decided that depends on which files are there, and where they are.

        Args:
            root: The project's folder.
        """
        return self

    @property
    def sizes(self) -> dict[str, int]:
        """Rows by set, in the order in which sets are filled."""
        return {
            "train": self.train_rows,
            "validation": self.validation_rows,
            "landscape": self.landscape_rows,
            "test": self.test_rows,
        }

    def check_share(self, rows: int, *, least: int, why: str, origin: str) -> None:
        """Refuse data that would leave a set with too few rows.

        Args:
            rows: That there are to split.
            least: That each set needs.
            why: What the least number is, for the message.
            origin: File or source named in the message.

        Raises:
            LowlandError: A set's share is below the least number.
        """
        shrink = min(1.0, rows / sum(self.sizes.values()))
        for name, size in self.sizes.items():
            wanted = max(least, least_rows(name))
            if size * shrink < wanted:
                needed = why if wanted == least else wanted
                raise LowlandError(
                    f"{origin}: {rows} nominal rows leave {size * shrink:.0f} for {name}_rows; at least {needed} "
                    "is needed: use more data, or smaller shares for the other sets"
                )
