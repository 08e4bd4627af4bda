"""Screening of a study that a known one foretells, and what it refuses."""

import pandas as pd
import pytest
import yaml

from lowland.analysis.screening.families import known_study
from lowland.analysis.screening.options import ScreeningOptions
from lowland.errors import LowlandError
from lowland.measurements import COLUMNS
from lowland.pipelines.screen.nodes import screen


def options(**changes):
    usual = dict(known=None, known_screened=None, epochs_share=1.0, source="float", model="ridge")
    return ScreeningOptions(**(usual | dict(worth_share=0.2, confidence=0.9) | changes))


def measured(recipe):
    """A run as a screening measured it."""
    where = {"task": "t", "recipe": recipe, "seed": "s0", "precision": "float", "method": "float"}
    rest = {name: "" for name in COLUMNS if name not in where} | {"value": 0.0, "num_samples": 1, "status": "ok"}
    widths = {"weight_bits": 32.0, "activation_bits": 32.0, "level": 0.0, "standard_error": 0.0}
    return pd.DataFrame([where | rest | widths | {"epochs_share": 0.1}])


@pytest.fixture
def known(tmp_path):
    path = tmp_path / "measurements.parquet"
    runs = [("t", recipe, "s0") for recipe in ("plain", "clipping_5e-1")]
    pd.DataFrame(runs, columns=["task", "recipe", "seed"]).to_parquet(path)
    recipes = {"plain": {"kind": "plain"}, "clipping_5e-1": {"kind": "clipping", "limit": 0.5}}
    path.with_name("study.yml").write_text(yaml.safe_dump({"parameters": {"recipes": recipes}}))
    return path


def test_a_known_study_says_which_recipes_are_of_one_family(known):
    assert known_study(known)[1] == {"plain": "plain", "clipping_5e-1": "clipping"}


def test_one_family_can_not_be_held_out(known):
    pd.read_parquet(known).head(1).to_parquet(known)
    with pytest.raises(LowlandError, match="family plain alone; expected at least 2"):
        known_study(known)


def test_a_study_that_is_not_there_is_said(tmp_path):
    with pytest.raises(LowlandError, match=r"screening\.known is .* not there"):
        known_study(tmp_path / "measurements.parquet")


def test_unfinished_runs_are_not_compared_with_finished_ones(known):
    sources = measured("new")
    with pytest.raises(LowlandError, match=r"known_screened is none and screening\.epochs_share is 0\.1"):
        screen(options(known=known, epochs_share=0.1), {}, "all", sources)


def test_shares_must_be_the_same(known, tmp_path):
    other = tmp_path / "screened.parquet"
    sources = measured("new")
    sources.assign(epochs_share=0.5).to_parquet(other)
    with pytest.raises(LowlandError, match=r"after \[0\.5\] of the epochs; expected 0\.1"):
        screen(options(known=known, epochs_share=0.1, known_screened=other), {}, "all", sources)
