"""Held-out families: a known law is recovered, noise is not, and truths of what is held out leak nowhere."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowland.analysis.screening.folds import FAMILY, HIGHEST, LOWEST, TASK, held_out, interval, predictions
from lowland.analysis.screening.models import MODELS
from lowland.analysis.screening.scores import choice, coverage, r_squared, verdict

COLUMNS = ["curvature", "bits"]


def made(seed=0, *, noise=0.0, law=1.0, families=8):
    """Cells of two recipes a family at three precisions, whose truth is a law of a feature and noise of each recipe."""
    draw = np.random.default_rng(seed)
    rows = []
    for family in range(families):
        for strength in range(2):
            curvature, own = draw.normal(), noise * draw.normal(size=3)
            for bits, error in zip((2.0, 4.0, 8.0), own, strict=True):
                value = law * (0.2 * curvature + 0.01 * bits) + error
                where = dict(task="made", family=f"f{family}", recipe=f"f{family}_{strength}", precision=f"p{bits:g}")
                rows.append({**where, "seed": "s0", "bits": bits, "curvature": curvature, "selection": value})
    frame = pd.DataFrame(rows)
    return frame.assign(test=frame.selection)


@pytest.mark.parametrize("model", ["ridge", "gaussian_process"])
def test_a_law_is_recovered_and_the_best_recipe_found(model):
    out = predictions(made(), COLUMNS, model=model, by=FAMILY)
    outcome = choice(out)
    assert r_squared(out) > 0.9
    assert outcome.points == outcome.regret == 0 and outcome.hits > 0.8


def test_noise_is_not_predicted():
    """On average: of a single small table R² scatters about zero to either side."""
    found = [
        r_squared(predictions(made(seed, noise=0.3, law=0.0, families=4), COLUMNS, model="ridge", by=FAMILY))
        for seed in range(6)
    ]
    assert np.mean(found) <= 0


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000))
def test_a_choice_that_knows_nothing_never_holds_the_promise(seed):
    out = made(seed, noise=0.3, law=0.0)
    blind = out.assign(predicted=np.random.default_rng(seed + 1).normal(size=len(out)))
    assert verdict(choice(blind), saved=0.9, in_points=True) != "held"


@pytest.mark.parametrize("model", MODELS)
def test_truths_of_a_held_out_family_change_none_of_its_predictions(model):
    frame = made(1, noise=0.05, families=4)
    hidden = frame.family == "f2"
    changed = frame.assign(selection=frame.selection.where(~hidden, 99.0), test=frame.test.where(~hidden, -99.0))
    before, after = (predictions(each, COLUMNS, model=model, by=FAMILY) for each in (frame, changed))
    for column in ("predicted", "expected"):
        assert (before[column][hidden] == after[column][hidden]).all()
        assert (before[column][~hidden] != after[column][~hidden]).any()  # the others did see it


def test_what_tells_is_not_what_is_learnt_from():
    frame = made(1, noise=0.05, families=4)
    before, after = (
        predictions(each, COLUMNS, model="ridge", by=FAMILY) for each in (frame, frame.assign(test=-frame.test))
    )
    assert before.predicted.equals(after.predicted)


@pytest.mark.parametrize("by", [FAMILY, LOWEST, HIGHEST, TASK])
def test_no_row_is_predicted_from_its_family_or_precision_or_task(by):
    frame = pd.concat([made(0), made(1).assign(task="other")], ignore_index=True)
    for out, known in held_out(frame, by):
        assert out.any() and known.any() and not (out & known).any()
        if by == TASK:
            assert not set(frame.task[out]) & set(frame.task[known])
        else:
            assert set(frame.task[out]) == set(frame.task[known])
            assert not set(frame.family[out]) & set(frame.family[known])
        if by in (LOWEST, HIGHEST):
            assert not set(frame.bits[out]) & set(frame.bits[known])


def test_intervals_hold_new_families_as_often_as_is_guaranteed():
    share, error = coverage(made(3, noise=0.1, families=5), COLUMNS, model="ridge", confidence=0.8)
    assert 0.6 <= share <= 1 and error > 0  # 2 · 0.8 - 1 is what CV+ guarantees


def test_too_few_known_rows_bound_nothing():
    frame = made(0, families=2).iloc[::3]
    _, low, high = interval(frame, COLUMNS, frame, model="ridge", confidence=0.99)
    assert np.isinf(low).all() and np.isinf(high).all()
