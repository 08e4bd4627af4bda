"""What is proved of networks, collected for a reader: upset-safe rows, protection, rounding by bits."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from lowland.measurements import WITH_CODES

FAMILY = "certificate"
KNOWN = ("ok", "timeout")
"""Statuses whose value holds: after a timeout a bound is as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertifiedCell:
    """What is proved of one cell.

    Attributes:
        method: How the cell is quantized.
        recipe: Of the cell.
        precision: Of the cell.
        seed: Of the cell.
        values: By measure, target and level (NaN is left out as None).
        rows: How many test rows statements are about, by measure.
    """

    method: str
    recipe: str
    precision: str
    seed: str
    values: dict[tuple[str, str, float | None], float]
    rows: dict[str, int]

    def value(self, measure: str, target: str = "", level: float | None = None) -> float | None:
        """One of its numbers; ``None`` where it is not known."""
        return self.values.get((measure, target, level))

    def counted(self, measure: str, target: str = "", level: float | None = None) -> int:
        """How many rows a share stands for."""
        return round(self.values[measure, target, level] * self.rows[measure])

    @property
    def has_codes(self) -> bool:
        """Whether it is a network in integers, whose stored bits can flip."""
        return self.method in WITH_CODES

    def levels(self, measure: str, target: str = "") -> list[float]:
        """At which levels a measure is known, ascending."""
        asked = measure, target
        return sorted(level for *name, level in self.values if tuple(name) == asked and level is not None)


def certified_cells(measurements: pd.DataFrame) -> list[CertifiedCell]:
    """The cells of which something is proved, in the order of the table.

    Args:
        measurements: Rows of the long table of one task.
    """
    proved = measurements[
        (measurements.family == FAMILY) & measurements.status.isin(KNOWN) & (measurements.measure != FAMILY)
    ]
    cells = []
    for (method, recipe, precision, seed), rows in proved.groupby(
        ["method", "recipe", "precision", "seed"], sort=False
    ):
        values, counts = {}, {}
        for row in rows.itertuples():
            level = None if row.level != row.level else float(row.level)
            values[str(row.measure), str(row.target), level] = float(row.value)
            counts[str(row.measure)] = int(row.num_samples)
        cells.append(
            CertifiedCell(
                method=str(method),
                recipe=str(recipe),
                precision=str(precision),
                seed=str(seed),
                values=values,
                rows=counts,
            )
        )
    return cells


def rounding_lines(measurements: pd.DataFrame, line: pd.Series) -> pd.DataFrame:
    """Shares of rows that rounding never changes, by bits, each the mean over the networks of a line.

    Args:
        measurements: Rows of the long table.
        line: Which line each row is of, by its index; rows without one (NaN) are left out.

    Returns:
        ``line``, ``bits``, ``proved``, ``at_most``, ``networks``.
    """
    chosen = measurements[
        (measurements.family == FAMILY) & measurements.status.isin(KNOWN) & (measurements.method == "float")
    ].assign(line=line)
    names = {"certified_share": "proved", "certified_share_at_most": "at_most"}
    shares = chosen[chosen.measure.isin(names)]
    means = shares.pivot_table(index=["line", "level"], columns="measure", values="value", sort=False)
    counts = shares[shares.measure == "certified_share"].groupby(["line", "level"]).size()
    found = means.rename(columns=names).assign(networks=counts).reset_index()
    return found.rename(columns={"level": "bits"}).rename_axis(columns=None)
