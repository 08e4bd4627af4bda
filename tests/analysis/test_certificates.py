"""What is proved is collected by cell; what holds no number is left out."""

import pandas as pd

from lowland.analysis.certificates import certified_cells, rounding_lines
from tests.made_study.certificates import certificates


def test_cells_hold_what_is_proved_of_them():
    floats, deployed = certified_cells(certificates(recipes=("plain",)))
    assert (floats.precision, deployed.precision) == ("fp32", "qat4")
    assert floats.levels("certified_share") == [8, 12]
    assert deployed.value("protection_bits", "weights+biases", 0.95) == 20
    assert deployed.value("protection_bits", "weights+biases", 0.5) is None
    assert deployed.rows["upset_safe_share"] == 500


def test_a_bound_that_time_left_holds_and_what_is_undefined_does_not():
    table = certificates(recipes=("plain",))
    table.loc[table.measure == "noise_safe_share", "status"] = "timeout"
    table.loc[table.measure == "deployed_deviation", "status"] = "undefined"
    (*_, deployed) = certified_cells(table)
    assert deployed.value("noise_safe_share", "", 1.0) == 0.9
    assert deployed.value("deployed_deviation") is None


def test_lines_are_means_over_float_networks():
    table = certificates()
    table.loc[(table.recipe == "clipping") & (table.measure == "certified_share") & (table.level == 8), "value"] = 0.431
    lines = rounding_lines(table, pd.Series("all", index=table.index))
    eight = lines[lines.bits == 8].iloc[0]
    assert (round(eight.proved, 3), eight.at_most, eight.networks) == (0.331, 0.4, 2)
    assert set(lines.bits) == {12, 8}
    assert rounding_lines(table, table.recipe)["line"].tolist() == ["plain", "plain", "clipping", "clipping"]
