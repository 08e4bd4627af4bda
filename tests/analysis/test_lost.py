"""Networks without a result, each with the reason."""

from lowland.analysis.lost import lost_cells
from tests.made_study.first_day import lost


def test_cells_without_a_row_that_is_ok(small):
    assert lost_cells(small).empty
    found = lost_cells(lost(small, (small.recipe == "plain") & (small.seed == "s1")))
    assert set(zip(found.recipe, found.seed, found.status, strict=True)) == {("plain", "s1", "non_finite")}
    assert len(found) == 3
