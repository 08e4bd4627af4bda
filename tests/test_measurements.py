import json

import pandas as pd
import pandera.errors
import pytest

from lowland.estimate import Estimate
from lowland.measurements import (
    COLUMNS,
    Cell,
    Measurement,
    stack,
    table,
    unavailable,
    words_of,
)

CELL = Cell(task="jets", recipe="plain", seed="s0", precision="qat8", method="qat", weight_bits=8, activation_bits=8)


def rows(family="performance", measure="accuracy"):
    return table(CELL, [Measurement(family, measure, Estimate(0.7, 0.01, 100), split="test")])


def test_rows_carry_their_cell_and_survive_a_file(tmp_path):
    frame = rows()
    assert tuple(frame.columns) == COLUMNS
    assert frame.loc[0, ["task", "recipe", "seed", "precision"]].tolist() == ["jets", "plain", "s0", "qat8"]
    frame.to_parquet(tmp_path / "rows.parquet")
    pd.testing.assert_frame_equal(stack([pd.read_parquet(tmp_path / "rows.parquet")]), frame)


@pytest.mark.parametrize("family, measure", [("performance", "acuracy"), ("perf", "accuracy")])
def test_unknown_words_are_refused(family, measure):
    with pytest.raises(pandera.errors.SchemaError, match=r"isin"):
        rows(family, measure)


def test_stack_keeps_order_and_skips_children_that_left_nothing():
    stacked = stack([rows(), None, unavailable(CELL, "noise", "failed")])
    assert stacked["family"].tolist() == ["performance", "noise"]
    assert tuple(stack([None]).columns) == COLUMNS and len(stack([])) == 0


def test_the_names_in_a_table_are_told_with_it():
    measured = [
        Measurement("bit_flip", "accuracy", Estimate(0.5, 0.0, 5), "flips", target="float32", level=1.0),
        Measurement("shift", "accuracy", Estimate(0.6, 0.0, 5), "winter_run"),
        Measurement("landscape", "hessian_trace", Estimate(2.0, 0.0, 5)),
    ]
    words = json.loads(json.dumps(words_of(table(CELL, measured))))
    assert set(words["measures"]) == {"accuracy", "hessian_trace"}
    assert words["measures"]["hessian_trace"]["unit"] == "nat"
    here = words["conditions"][CELL.task]
    assert here["flips"]["unit"]["name"] == "flips" and here["winter_run"]["label"] == "winter run"
    assert words["targets"]["float32"]["place"] == "in float32 words"
