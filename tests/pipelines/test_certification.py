"""From a cell to its certificate and from that to the table: nothing changes on the way through JSON."""

import json
import math
from dataclasses import asdict

import pandas as pd

from lowland.certification.statements.certify import certificate
from lowland.datasets.reports import jsonable
from lowland.measurements import Cell, table
from lowland.pipelines.certification.nodes import tabulate, tabulate_with_frontier
from tests.certification.statements.cells import subject

CELL = Cell(task="plane", recipe="plain", seed="s0", precision="ptq6", method="ptq", weight_bits=6, activation_bits=8)


def test_tables_from_a_stored_certificate_are_those_of_its_measurements():
    found = certificate(subject(6, statements=("rounding", "upsets"), rows=12))
    document = {
        "measurements": [asdict(each) for each in found.measurements],
        "frontier": pd.DataFrame(found.frontier).to_dict("list"),
    }
    stored = json.loads(json.dumps(jsonable(document)))
    rows, frontier = tabulate_with_frontier(CELL, stored)
    pd.testing.assert_frame_equal(rows, table(CELL, found.measurements))
    pd.testing.assert_frame_equal(rows, tabulate(CELL, stored))
    assert frontier.test_share.tolist() == list(found.frontier["test_share"])
    assert math.isnan(rows[rows.measure == "upset_safe_share"].level.iloc[0])


def test_without_a_frontier_there_is_no_picture():
    rows, frontier = tabulate_with_frontier(CELL, {"measurements": [], "frontier": {}})
    assert rows.empty and frontier.empty
