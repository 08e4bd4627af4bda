"""The long table of a whole study: what is missing has a row, and every row says how wide the networks really are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd

from lowland.estimate import Estimate
from lowland.measurements import CELL_NAMES, WIDTHS, Cell, Measurement, stack, table, typed
from lowland.vocabulary.families import Family
from lowland.vocabulary.measures import SELECTED


class Expected(NamedTuple):
    """What a study should have measured.

    Attributes:
        cell: On which cell.
        family: Of which family.
        measure: Which measure, or ``all``: any that is taken on every cell.
        reference: Id of the other cell, for pairs.
    """

    cell: Cell
    family: Family
    measure: str = "all"
    reference: str = ""


def complete(frame: pd.DataFrame, expected: Iterable[Expected]) -> pd.DataFrame:
    """The table with a ``failed`` row for whatever was expected and has no row at all.

    A crashed node leaves no file, so only the list of what was expected can tell what is missing.

    Args:
        frame: Rows of the long table.
        expected: What there should be.
    """
    keys = [*CELL_NAMES, "family", "reference"]
    usual = frame[~frame["measure"].isin(SELECTED)]
    anything = set(zip(*(usual[column] for column in keys), strict=True))
    present = set(zip(*(frame[column] for column in (*keys, "measure")), strict=True))

    def is_there(wanted: Expected) -> bool:
        cell = wanted.cell
        key = (cell.task, cell.recipe, cell.seed, cell.precision, wanted.family, wanted.reference)
        return key in anything if wanted.measure == "all" else (*key, wanted.measure) in present

    missing = [
        table(
            wanted.cell,
            [
                Measurement(
                    wanted.family,
                    wanted.measure,
                    Estimate.missing("failed"),
                    reference=wanted.reference,
                    reference_kind="seed" if wanted.reference else "",
                )
            ],
        )
        for wanted in expected
        if not is_there(wanted)
    ]
    return stack([frame, *missing]) if missing else frame


def with_widths_of_networks(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with the widths that networks have in every row about them.

    The stage that quantizes a network knows how many bits its layers have on average, all others what the precision
    says; networks of one task at one precision are alike in this, also those that could not be had.

    Args:
        frame: Rows of the long table.
    """
    keys = ["task", "precision"]
    known = frame[(frame["family"] == "cost") & (frame["status"] == "ok")].groupby(keys)[list(WIDTHS)].first()
    found = frame[keys].merge(known.reset_index(), on=keys, how="left").set_axis(frame.index)
    return typed(frame.assign(**{name: found[name].fillna(frame[name]) for name in WIDTHS}))
