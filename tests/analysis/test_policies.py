"""Means over seeds of what policies cost, and layers that float networks and those of integers name otherwise."""

import pytest

from lowland.analysis.policies import layer_name, lost_through_layers, lost_to_policies, of_policies, one_level
from lowland.measurements import stack
from tests.made_study.answers import answers
from tests.made_study.worst_case import LAYERS, policies, students


def test_every_configuration_has_one_row_and_students_have_none():
    table = lost_to_policies(stack([policies(), students(), answers()]))
    assert len(table) == 6 and set(table.num_seeds) == {2}
    row = table.set_index(["recipe", "precision"]).loc["plain", "fp32"]
    assert row.policy_drop == pytest.approx(0.21) and row.mean_bits == 5.0
    assert row.equalized_drop == pytest.approx(0.105) and row.rescaled_drop == pytest.approx(0.45)
    assert row.policy_drop_low < 0.21 < row.policy_drop_high
    coded = table.set_index(["recipe", "precision"]).loc["plain", "qat4"]
    assert coded[["equalized_drop", "rescaled_drop"]].isna().all()


def test_what_gave_no_number_is_no_configuration():
    assert lost_to_policies(answers()).empty
    none = policies().assign(status="undefined", value=float("nan"))
    assert lost_to_policies(none).empty and lost_through_layers(none).empty


def test_shares_end_at_zero_and_differences_do_not():
    rows = policies()
    rows.loc[rows.measure.isin(["policy_drop", "policy_broken"]), "value"] = 0.001
    rows.loc[rows.seed == "s1", "value"] *= 30
    found = of_policies(rows, ("policy_drop", "policy_broken")).set_index("measure")
    assert (found.loc["policy_drop", "low"] < 0).all() and (found.loc["policy_broken", "low"] >= 0).all()


def test_layers_of_float_and_integer_networks_have_one_name():
    layers = lost_through_layers(policies())
    assert list(dict.fromkeys(layers.target)) == ["0", "2", "4"] and len(layers) == 18
    assert set(layers["mean"].round(6)) == set(LAYERS.values())
    assert one_level(layers) == 2.0 and one_level(policies()) is None
    assert layer_name("network.layers.encoder.conv") == layer_name("encoder_conv") == "encoder_conv"
