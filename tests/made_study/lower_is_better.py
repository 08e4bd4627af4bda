"""The made-up study once more with an error for a score: what loses accuracy there gains EMD here."""

import numpy as np
import pandas as pd

from lowland.measurements import COLUMNS, checked

CELLS = 4.0  # of EMD where nothing is right
SCORES = {"accuracy": "emd", "accuracy_drop": "emd_rise"}
DECISIONS = ("flip_mismatch_curvature", "output_entropy")


def emd_of(accuracy):
    """The error that stands for an accuracy."""
    return CELLS * (1 - accuracy)


def with_emd(measurements: pd.DataFrame, *, task: str = "econ") -> pd.DataFrame:
    """The table of a task judged by its EMD, which decides nothing: measures about decisions are undefined."""
    table = measurements.assign(task=task)
    scores = table.measure.isin(["accuracy", "score_after_search"])
    scaled = scores | table.measure.isin(["accuracy_drop", "worst_flip_drop", "bit_error_slope"])
    value = table.value.mask(scaled, CELLS * table.value).mask(scores, emd_of(table.value))
    table = table.assign(
        value=value,
        standard_error=table.standard_error.mask(scaled, CELLS * table.standard_error),
        measure=table.measure.replace(SCORES),
        reference=table.reference.str.replace("jets.", f"{task}.", regex=False),
    )
    table = table[~table.measure.isin(DECISIONS)]
    cells = table[list(COLUMNS[:7])].drop_duplicates().to_dict("records")
    undefined = [
        (*cell.values(), "landscape", measure, "", "", np.nan, "", "landscape", "", "", np.nan, np.nan, 0, "undefined")
        for cell in cells
        for measure in DECISIONS
    ]
    return checked(pd.concat([table, pd.DataFrame.from_records(undefined, columns=list(COLUMNS))], ignore_index=True))


def pictures_with_emd(pictures: dict[str, pd.DataFrame], *, task: str = "econ") -> dict[str, pd.DataFrame]:
    """Pictures of that task."""
    found = {name: table.assign(task=task) for name, table in pictures.items()}
    for name in {"flip_map", "protection"} & set(found):
        table = found[name].assign(score="emd")
        for column in table.columns.intersection(["clean", "floor", "expected", "simulated"]):
            table[column] = emd_of(table[column])
        for column in table.columns.intersection(
            ["simulated_standard_error", "gain", "mean_score_drop", "largest_score_drop"]
        ):
            table[column] = CELLS * table[column]
        found[name] = table
    return found
