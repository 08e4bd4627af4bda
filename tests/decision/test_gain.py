"""What learned nothing is told from what did, whatever the seeds share."""

import numpy as np
import pandas as pd
import pytest

from lowland.decision.gain import gains
from tests.made_study.first_day import lost, with_gains


def test_a_gain_beyond_the_luck_of_the_rows_counts(small):
    found = gains(with_gains(small, 0.05, error=0.01))
    assert found.beats.eq(True).all() and len(found) == 6
    row = found.iloc[0]
    assert (row["mean"], row.low) == pytest.approx((0.05, 0.05 - 1.9604 * 0.01), abs=1e-5)
    assert row.idle == []


@pytest.mark.parametrize("gain, error", [(0.015, 0.01), (0.0, 0.0), (-0.2, 0.01), (0.3, 0.2)])
def test_less_than_that_does_not(small, gain, error):
    assert gains(with_gains(small, gain, error=error)).beats.eq(False).all()


def test_seeds_that_differ_much_have_learned_all_the_same(small):
    """Of two seeds a t-interval over seeds would hold zero; both are far above the guess on these rows."""
    found = gains(with_gains(small, lambda recipe, precision, seed: 0.2 if seed == "s0" else 0.4))
    assert found.beats.eq(True).all()


def test_the_error_of_the_rows_is_not_divided_by_the_number_of_seeds(small):
    one, two = (gains(with_gains(t, 0.016, error=0.01)) for t in (small[small.seed != "s1"], small))
    assert one.low.to_numpy() == pytest.approx(two.low.to_numpy())
    assert two.beats.eq(False).all()  # 1.6 errors; by √2 it would be 2.3


def test_the_seed_that_learned_nothing_is_named(small):
    found = gains(with_gains(small, lambda recipe, precision, seed: 0.4 if seed == "s0" else 0.0))
    assert found.beats.eq(True).all() and all(idle == ["s1"] for idle in found.idle)


def test_unmeasured_is_unknown(small):
    assert gains(small).beats.isna().all()
    broken = with_gains(small)
    broken.loc[(broken.measure == "gain_over_guess") & (broken.recipe == "plain"), "status"] = "failed"
    found = gains(broken)
    plain = found.index.get_level_values("recipe") == "plain"
    assert found.beats[plain].isna().all() and found.beats[~plain].eq(True).all()
    gone = lost(small, small.recipe == "plain")
    assert len(gains(gone)) == len(gains(with_gains(gone))) == 6


def test_the_best_of_many_that_guess_is_no_winner():
    """With each configuration tested on its own at 95 %, four studies in ten would name one of twenty."""
    rng, named, repeats = np.random.default_rng(0), 0, 100
    for _ in range(repeats):
        values = rng.normal(0, 0.01, 20)
        rows = [
            ("jets", f"r{i}", "s0", "fp32", "float", 32, "performance", "gain_over_guess", "test", v, 0.01, 1000, "ok")
            for i, v in enumerate(values)
        ]
        columns = ["task", "recipe", "seed", "precision", "method", "weight_bits", "family", "measure", "condition"]
        table = pd.DataFrame(rows, columns=[*columns, "value", "standard_error", "num_samples", "status"])
        named += gains(table).beats.eq(True).any()
    assert named / repeats < 0.06
