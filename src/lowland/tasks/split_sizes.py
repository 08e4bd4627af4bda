"""How many rows each set of a task gets: options that all tasks share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from lowland.errors import LowlandError
from lowland.tasks.splits import LEAST_HELD_OUT, OF_THE_REST

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
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    train_rows: Count
    validation_rows: Count
    landscape_rows: Count
    test_rows: Count

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
        first = {name: size for name, size in self.sizes.items() if name not in OF_THE_REST}
        shrink, spare = min(1.0, rows / sum(first.values())), max(0, rows - sum(first.values()))
        for name, size in self.sizes.items():
            share = size * shrink if name in first else spare
            spare -= 0 if name in first else min(size, spare)
            wanted = max(least, least_rows(name))
            if share < wanted:
                needed = why if wanted == least else wanted
                raise LowlandError(
                    f"{origin}: {rows} nominal rows leave {share:.0f} for {name}_rows; at least {needed} "
                    "is needed: use more data, or smaller shares for the other sets"
                )


class ClassifierSplitSizes(SplitSizes):
    """Of a task that names classes.

    Attributes:
        threshold_rows: Rows at most, from what the other sets leave, on which thresholds are proved up to which a
            network may answer, one row of each group that is drawn; 0: none are.
        retraining_rows: Rows at most, from what is left then, among which networks find disagreements to be retrained
            on; 0: none.
    """

    threshold_rows: Annotated[int, Field(ge=0)] = 0
    retraining_rows: Annotated[int, Field(ge=0)] = 0

    @property
    def sizes(self) -> dict[str, int]:
        """Rows by set; ``threshold`` and ``retraining`` where they are asked for."""
        more = {"threshold": self.threshold_rows, "retraining": self.retraining_rows}
        return super().sizes | {name: rows for name, rows in more.items() if rows}
