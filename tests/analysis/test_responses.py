"""One robustness number per cell, family and condition."""

import numpy as np
import pytest

from lowland.analysis.responses import responses


def _of(frame, condition, response, precision="qat4"):
    return frame[(frame.condition == condition) & (frame.response == response) & (frame.precision == precision)]


def test_accuracy_drop_is_the_mean_over_the_levels(small):
    found = _of(responses(small), "flips", "accuracy_drop")
    rows = small[(small.condition == "flips") & (small.measure == "accuracy_drop") & (small.precision == "qat4")]
    expected = rows.groupby(["recipe", "seed"], sort=False)["value"].mean()
    assert found.value.to_numpy() == pytest.approx(expected.to_numpy())
    assert (found.num_levels == 6).all()


def test_every_level_counts_alike_in_the_loss(small):
    # A thousandfold rise at one level, for all cells, changes nothing: each level is measured by its own median.
    louder = small.copy()
    at = (louder.condition == "flips") & (louder.level == 100) & (louder.measure == "loss_rise")
    louder.loc[at, "value"] *= 1000
    a, b = (_of(responses(m), "flips", "loss_rise").value.to_numpy() for m in (small, louder))
    np.testing.assert_allclose(a, b)


def test_a_lower_loss_is_a_negative_response(small):
    helped = small.copy()
    at = (helped.condition == "gaussian") & (helped.measure == "loss_rise")
    helped.loc[at, "value"] *= -1
    np.testing.assert_allclose(
        _of(responses(helped), "gaussian", "loss_rise").value, -_of(responses(small), "gaussian", "loss_rise").value
    )


def test_what_is_not_ok_has_no_number(small):
    broken = small.copy()
    at = broken.index[
        (broken.condition == "gaussian")
        & (broken.measure == "loss_rise")
        & (broken.precision == "qat4")
        & (broken.level == 5)
    ]
    broken.loc[at[0], ["value", "status"]] = [np.nan, "non_finite"]
    found = _of(responses(broken.drop(index=at[1])), "gaussian", "loss_rise")
    assert list(found.status) == ["non_finite", "failed", "ok", "ok"]
    assert found.value.isna().tolist() == [True, True, False, False]


def test_shifted_sets_have_one_level(small):
    found = _of(responses(small), "pileup", "accuracy_drop")
    assert (found.num_levels == 1).all()
    assert (found.family == "shift").all()


def test_a_harmless_disturbance_is_zero(small):
    harmless = small.copy()
    harmless.loc[(harmless.condition == "flips") & (harmless.measure == "loss_rise"), "value"] = 0.0
    assert (_of(responses(harmless), "flips", "loss_rise").value == 0).all()


def test_nothing_disturbed_gives_no_rows(small):
    assert responses(small[small.family == "landscape"]).empty


def test_a_family_is_told_by_its_representatives(faulty):
    found = responses(faulty).groupby("family")["condition"].unique()
    assert set(found["adversarial"]) == {"pgd_linf"}
    assert set(found["noise"]) == {"gaussian", "salt_and_pepper"}
    assert set(found["sensor_fault"]) == {"gain_drift"}
    assert set(found["shift"]) == {"smeared", "pileup", "high_pt"}
    assert set(found["bit_flip"]) == {"flips", "bit_error_rate"}
    flipped = responses(faulty)[lambda rows: rows.family == "bit_flip"]
    assert set(flipped.target) == {"", "float32"}


def test_pictures_are_represented_by_blur_and_displacement(faulty):
    kinds = {"gain_drift": "gaussian_blur", "dead_at_mean": "translation", "requantization": "pixelate"}
    families = {"sensor_fault": "image_corruption"}
    imaged = faulty.assign(condition=faulty.condition.replace(kinds), family=faulty.family.replace(families))
    found = responses(imaged)
    measured = set(faulty.condition.replace(kinds)) & set(kinds.values())
    shown = set(found[found.family == "image_corruption"].condition) & set(kinds.values())
    assert "gaussian_blur" in shown and shown == measured - {"pixelate"}


def test_where_no_representative_was_measured_the_first_one_stands_for_the_family(faulty):
    found = responses(faulty[faulty.condition != "pgd_linf"])
    assert set(found[found.family == "adversarial"].condition) == {"fgsm_linf"}
    assert (found[found.family == "adversarial"].status == "ok").all()
