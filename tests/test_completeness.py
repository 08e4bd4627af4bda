import pandas as pd

from lowland.completeness import Expected, complete, with_widths_of_networks
from lowland.estimate import Estimate
from lowland.measurements import Measurement, stack, table, unavailable
from tests.test_measurements import CELL, rows


def mixed(seed="s0", **cell):
    """Cells of a precision whose layers differ: the stage that quantizes knows their widths, others do not."""
    nominal = CELL.model_copy(update={"precision": "mixed", "seed": seed, **cell})
    known = nominal.model_copy(update={"weight_bits": 5.25, "activation_bits": 6})
    cost = table(known, [Measurement("cost", "size", Estimate(900.0))])
    return [cost, table(nominal, [Measurement("performance", "accuracy", Estimate(0.7, 0.01, 100), split="test")])]


def test_all_rows_about_a_network_have_its_widths():
    failed = unavailable(CELL.model_copy(update={"precision": "mixed", "seed": "s1"}), "cost", "failed")
    elsewhere = unavailable(CELL.model_copy(update={"precision": "mixed", "task": "other"}), "cost", "failed")
    frame = with_widths_of_networks(stack([rows(), *mixed(), failed, elsewhere]))
    assert frame["weight_bits"].tolist() == [8, 5.25, 5.25, 5.25, 8]
    assert frame["activation_bits"].tolist() == [8, 6, 6, 6, 8]
    assert frame["weight_bits"].dtype == "float64" and frame["activation_bits"].dtype == "int64"


def test_whole_widths_stay_integers():
    frame = stack([rows(), unavailable(CELL, "cost", "failed"), None])
    pd.testing.assert_frame_equal(with_widths_of_networks(frame), frame)
    pd.testing.assert_frame_equal(with_widths_of_networks(stack([])), stack([]))
    assert frame["weight_bits"].dtype == frame["activation_bits"].dtype == "int64"


def test_every_missing_family_of_every_cell_becomes_a_failed_row():
    other = CELL.model_copy(update={"seed": "s1"})
    full = complete(rows(), [Expected(c, f) for c in (CELL, other) for f in ("performance", "noise")])
    failed = full[full["status"] == "failed"]
    assert sorted(zip(failed["seed"], failed["family"], strict=True)) == [
        ("s0", "noise"),
        ("s1", "noise"),
        ("s1", "performance"),
    ]
    assert (failed["measure"] == "all").all()
    assert full["value"].notna().sum() == 1


def test_a_complete_table_is_left_as_it_is():
    pd.testing.assert_frame_equal(complete(rows(), [Expected(CELL, "performance")]), rows())


def test_rows_of_pairs_do_not_stand_for_a_crashed_cell_nor_the_other_way_round():
    other = CELL.model_copy(update={"seed": "s1"})
    pair = table(CELL, [Measurement("landscape", "cka", Estimate(0.9), reference=other.id)])
    cka = Expected(CELL, "landscape", "cka", other.id)
    full = complete(pair, [Expected(CELL, "landscape"), Expected(other, "landscape"), cka])
    assert full[full["status"] == "failed"]["seed"].tolist() == ["s0", "s1"]
    lost = complete(rows(), [Expected(CELL, "performance"), cka])
    assert lost.iloc[-1][["measure", "reference", "status"]].tolist() == ["cka", other.id, "failed"]


def test_a_picture_does_not_stand_for_the_measures_of_every_cell_nor_the_other_way_round():
    picture, usual = Expected(CELL, "landscape", "negative_spectral_mass"), Expected(CELL, "landscape")
    for measure, failed in (("negative_spectral_mass", "all"), ("gradient_norm", "negative_spectral_mass")):
        full = complete(rows("landscape", measure), [usual, picture])
        assert full[full["status"] == "failed"]["measure"].tolist() == [failed]
