"""How sure the numbers are, and what failed."""

import numpy as np
import pandas as pd

from lowland.decision.requirements import Requirements
from lowland.measurements import Cell, unavailable
from tests.made_study.first_day import curves
from tests.made_study.rendering import places_of, section_of, text_of
from tests.made_study.tables import Tables


def test_what_intervals_are_over_and_that_nothing_failed(tables):
    text = text_of(section_of("sure", tables.inputs()))
    for needed in (
        "8 recipes, 3 seeds, 7 precisions : 168 networks",
        "resampling the recipes",
        "sampling error of the test rows",
        "every measurement is ok ; nothing failed, nothing was left out",
        "With 8 recipes an interval is wide",
    ):
        assert needed in text


def test_failures_are_counted(tiny):
    kept = tiny[~((tiny.recipe == "plain") & (tiny.seed == "s1") & (tiny.precision == "qat4"))].copy()
    cell = Cell(
        task="jets", recipe="plain", seed="s1", precision="qat4", method="qat", weight_bits=4, activation_bits=4
    )
    failed = [unavailable(cell, family, "failed") for family in ("performance", "landscape", "noise", "bit_flip")]
    kept.loc[kept.index[kept.measure == "hessian_trace"][0], ["value", "status"]] = [np.nan, "not_converged"]
    tables = Tables.of(pd.concat([kept, *failed], ignore_index=True), Requirements(), 2)
    text = text_of(section_of("sure", tables.inputs()))
    assert "bit flip failed 1 1 no result" in text
    assert "landscape not_converged 1 1 the iteration did not settle" in text
    assert "11 networks of the 12 planned" in text and "Correlations had to do without some networks" in text
    assert "There are fewer than eight recipes" in text


def test_what_crashed_is_not_told_to_have_no_meaning(tiny):
    rows = tiny[(tiny.precision == "fp32") & (tiny.family == "landscape")].groupby(["recipe", "seed"]).head(1)
    without_codes = rows.assign(measure="flip_curvature", value=np.nan, status="undefined")
    kept = tiny[(tiny.family != "landscape") | (tiny.method == "float")]
    kept = kept[kept.measure != "flip_curvature"]
    crashed = [
        unavailable(Cell(**cell), "landscape", "failed")
        for cell in tiny[tiny.method != "float"][list(Cell.model_fields)].drop_duplicates().to_dict("records")
    ]
    tables = Tables.of(pd.concat([kept, without_codes, *crashed], ignore_index=True), Requirements(), 2)
    text = text_of(section_of("sure", tables.inputs()))
    assert f"landscape failed {len(crashed)} {len(crashed)} no result" in text
    assert f"landscape undefined {len(rows)} {len(rows)} has no meaning there" in text
    assert "Without a meaning" not in text and "nothing failed" not in text


def test_learning_curves_are_drawn_where_there_are_some(tiny):
    tables = Tables.of(tiny, Requirements(), 2)
    html = section_of("sure", tables.inputs(learning_curves=curves("plain", [1.0, 0.5, 0.4])))
    assert places_of(html) == {"learning-jets"} and "Learning curves" in html
    assert "Learning curves" not in section_of("sure", tables.inputs())
