"""What is written to CSV and to Parquet is the same table to a task."""

import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from lowland.tasks.table.features import CellFormat, feature_columns
from lowland.tasks.table.source import class_names, order_of, read_table

ROWS = 6
FINITE = st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False)
CELLS = {
    "floats": FINITE,
    "singles": st.floats(width=32, allow_nan=False, allow_infinity=False, allow_subnormal=False),
    "integers": st.integers(-(2**63), 2**63 - 1),
    "small": st.integers(-2, 2),
    "booleans": st.booleans(),
    "dates": st.datetimes(datetime.datetime(1900, 1, 1), datetime.datetime(2100, 1, 1)),
}
TYPES = {
    "floats": "float64",
    "singles": "float32",
    "integers": "Int64",
    "small": "Int64",
    "booleans": "boolean",
    "dates": "datetime64[us]",
}
NAMES = st.sampled_from(
    ["NA", "None", "null", "yes", "no", "010", "10", "1_0", "1e1", "a,b", 'say "x"', "zwölf", "x y"]
)


@st.composite
def frames(draw):
    columns = {}
    for name, cells in CELLS.items():
        values = draw(st.lists(cells | st.none(), min_size=ROWS, max_size=ROWS).filter(lambda v: v.count(None) < ROWS))
        columns[name] = pd.Series(values, dtype=TYPES[name])
    columns["label"] = pd.Series(draw(st.lists(NAMES | st.none(), min_size=ROWS, max_size=ROWS)), dtype=object)
    return pd.DataFrame(columns)


def read_back(frame, folder, name):
    path = folder / name
    frame.to_parquet(path) if name.endswith("parquet") else frame.to_csv(
        path, index=False, date_format="%Y-%m-%dT%H:%M:%S.%f"
    )
    table = read_table(path)
    known = frame["label"].dropna().unique()
    names = class_names(table["label"], {f"is {value}": (value,) for value in known} | {"true": (-7.5,)})
    wanted = tuple(name for name in frame if name != "label")
    found = feature_columns(table, wanted, drop=(), reserved=("label",), written=CellFormat((1, -0.1)), path=path)
    return found.values, names.where(names.notna(), None).tolist(), order_of(table["dates"])


@settings(max_examples=20, deadline=None)
@given(frames())
def test_features_gaps_classes_and_order_are_the_same_from_csv_and_parquet(frame):
    with TemporaryDirectory() as folder:
        (features, names, order), (others, other_names, other_order) = (
            read_back(frame, Path(folder), name) for name in ("t.csv", "t.parquet")
        )
    assert names == other_names == [None if label is None else f"is {label}" for label in frame["label"]]
    singles = features.pop("singles"), others.pop("singles")  # CSV spells them in their own precision
    np.testing.assert_array_equal(*(column.astype("float32") for column in singles))
    pd.testing.assert_frame_equal(features, others, check_exact=True)
    np.testing.assert_array_equal(order, other_order)
    gaps = frame.drop(columns="label").isna() | (frame[["floats", "integers", "small", "booleans"]] == 1).fillna(False)
    assert (features.isna() == gaps[list(features)].fillna(frame.isna())).all(axis=None)
