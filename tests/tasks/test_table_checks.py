import numpy as np
import pandas as pd
import pytest

from lowland.errors import LowlandError
from lowland.tasks.table_checks import check_groups, check_table

GOOD = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": [0.0, 1.0, 0.0, 1.0], "label": ["x", "y", "x", "y"]})


def check(frame):
    check_table(frame, features=("a", "b"), label="label", classes=("x", "y"), origin="toy.parquet")


def test_a_good_table_passes():
    check(GOOD)


@pytest.mark.parametrize(
    "frame, message",
    [
        (GOOD.drop(columns="b"), r"toy\.parquet: column 'b' is missing"),
        (GOOD.assign(b="text"), "column 'b' holds"),
        (
            GOOD.assign(a=[1.0, float("nan"), 3.0, float("inf")]),
            r"column 'a' has 2 NaN or infinite values \(first in row 1\)",
        ),
        (GOOD.assign(label=["x", "x", "x", "y"]), "class 'y' has 1 rows; at least 2"),
        (GOOD.assign(label=["x", "y", "x", "w"]), "has the value 'w'; expected x, y"),
    ],
)
def test_a_bad_table_is_one_clear_line(frame, message):
    with pytest.raises(LowlandError, match=message) as caught:
        check(frame)
    assert "\n" not in str(caught.value)


def test_a_group_that_is_too_large_is_named_as_it_stands_in_the_file():
    groups = pd.Series([7, 7, 7, 8], name="shot")
    with pytest.raises(LowlandError, match=r"group 7 of column 'shot' holds 3 of 4 rows"):
        check_groups(groups, np.array([0, 0, 0, 1]), origin="shots.csv")
