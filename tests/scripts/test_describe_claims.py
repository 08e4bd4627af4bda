"""Published claims: verdicts follow numbers that are planted, and what is not given is not tested."""

import sys

import numpy as np
import pandas as pd
import pytest
import yaml

from scripts import describe_claims
from scripts.claim_verdicts import CLAIMS, Sources, _counted, between, cka_foretells, middle_most_robust, sided
from scripts.claim_verdicts import regularizers_help as help_of
from tests.made_study.tables import small_study, tiny_study
from tests.scripts.shift_study import finished_study as shift_study

COLUMNS = ["predictor", "status", "target", "statistic", "scope", "response", "family", "condition", "descriptive"]
COLUMNS += ["task", "value", "low", "high", "num_recipes"]
PAPERS = yaml.safe_load(describe_claims.PUBLISHED.read_text(encoding="utf-8"))


def written(folder, table, *, recipes, correlations=None):
    """A finished study with this long table."""
    reporting = folder / "08_reporting"
    reporting.mkdir(parents=True)
    table = table[table.split != "selection"]
    halves = [table, table[table.split == "test"].assign(split="selection")]
    pd.concat(halves, ignore_index=True).to_parquet(reporting / "measurements.parquet")
    record = {"parameters": {"recipes": recipes}}
    (reporting / "study.yml").write_text(yaml.safe_dump(record), encoding="utf-8")
    pd.DataFrame(correlations or [], columns=COLUMNS).to_parquet(reporting / "correlations.parquet")
    return Sources([folder])


def test_every_claim_has_a_test():
    keys = [claim["key"] for paper in PAPERS for claim in paper["claims"]]
    assert len(keys) == len(set(keys)) and set(keys) == set(CLAIMS)


def planted(table, precision, gain):
    """The table with another score of one precision under Gaussian noise."""
    noisy = (table.precision == precision) & (table.condition == "gaussian") & (table.measure == "accuracy")
    return table.assign(value=table.value.where(~noisy, table.value + gain))


@pytest.mark.parametrize(("gain", "verdict"), [(0.3, "holds"), (-0.3, "does not hold")])
def test_the_middle_is_judged_by_the_best_inside_and_outside(tmp_path, gain, verdict):
    table = small_study()
    recipes = {name: {"kind": "plain"} for name in table.recipe.unique()}
    middle = [p for p in ("qat4", "ptq6", "ptq4") if p in set(table.precision)]
    for precision in middle:
        table = planted(table, precision, gain)
    found = [f for f in middle_most_robust(written(tmp_path / "data", table, recipes=recipes)) if "Gaussian" in f.ours]
    if table.recipe[table.precision != ""].nunique() < 3:
        assert found == [], "means over fewer than three recipes are left out"
    else:
        assert [f.verdict for f in found] == [verdict]


def test_regularizers_are_compared_with_plain_seed_by_seed(tmp_path):
    table = tiny_study()
    other = next(name for name in table.recipe.unique() if name != "plain")
    gains = {"s0": 0.20, "s1": 0.21}
    noisy = (table.recipe == other) & (table.condition == "gaussian") & (table.measure == "accuracy")
    plain = table[(table.recipe == "plain") & (table.condition == "gaussian") & (table.measure == "accuracy")]
    keys = ["seed", "precision", "level"]
    values = table.merge(plain[[*keys, "value"]], on=keys, how="left", suffixes=("", "_plain")).value_plain
    table = table.assign(value=table.value.where(~noisy, values.to_numpy() + table.seed.map(gains).fillna(0)))
    (found,) = help_of(
        written(tmp_path / "data", table, recipes={"plain": {"kind": "plain"}, other: {"kind": "jacobian"}})
    )
    assert (
        found.verdict == "holds"
        and f"{other} less plain, Gaussian noise +20 points [+" in found.ours
        and " points [" in found.ours
    )


def test_relations_across_few_recipes_are_left_out_and_signs_are_the_claims(tmp_path):
    row = {"predictor": "cka", "status": "ok", "target": "", "statistic": "spearman", "scope": "within precision"}
    row |= {"response": "loss_rise", "family": "noise", "condition": "gaussian", "task": "jets"}
    many = row | {"descriptive": False, "value": -0.8, "low": -0.9, "high": -0.5, "num_recipes": 8}
    few = row | {"descriptive": True, "value": -0.8, "low": -0.9, "high": -0.5, "num_recipes": 3}
    sources = written(tmp_path / "other", tiny_study(), recipes={}, correlations=[many, few])
    (found,) = cka_foretells(sources)
    assert (found.task, found.verdict) == (
        "jets (other)",
        "holds",
    ) and "ρ −0.80 [−0.90, −0.50], 8 recipes" in found.ours


def test_answers_are_judged_and_the_page_is_written(tmp_path, monkeypatch, capsys):
    from scripts.write_shift_answers import write_answers

    study = shift_study(tmp_path / "pictures")
    record = study / "08_reporting" / "study.yml"
    told = yaml.safe_load(record.read_text())
    told["parameters"]["recipes"] = {"plain": {"kind": "plain"}, "mixup": {"kind": "mixup"}}
    record.write_text(yaml.safe_dump(told))
    pd.DataFrame(columns=COLUMNS).to_parquet(study / "08_reporting" / "correlations.parquet")
    write_answers(study, tmp_path / "answers" / "pictures")
    target = tmp_path / "claims.md"
    command = ["describe_claims", str(study), "--answers", str(tmp_path / "answers"), "--page", str(target)]
    monkeypatch.setattr(sys, "argv", command)
    describe_claims.main()
    text = target.read_text()
    assert str(target) in capsys.readouterr().out
    assert text.count("Not tested by these studies.") >= 5 and "{{" not in text and "nan" not in text
    for paper in PAPERS:
        for claim in paper["claims"]:
            assert f"**{claim['claim']}**" in text
    assert "| pictures | surely more in " in text and "published rivals" in text


def test_what_screening_saves_is_told_truth_by_truth():
    row = {
        "by": "family",
        "stop": "finished",
        "model": "ridge",
        "source": "ptq",
        "task": "jets",
        "truth": "accuracy_drop",
    }
    held = row | {"points": 0.002, "low": -0.001, "high": 0.004, "saved": 0.75, "verdict": "held"}
    lost = row | {"points": 0.05, "low": 0.02, "high": 0.09, "saved": 0.9, "verdict": "not held", "truth": "other"}
    first, second = CLAIMS["half_saved"](Sources([], screening=pd.DataFrame([held, lost])))
    assert first.verdict == "holds in part" and "75 % of the seconds, 0.2 points lost [−0.1, 0.4]" in first.ours
    assert second.verdict == "cannot tell" and "held by 0, not by 1" in second.ours


def test_a_folder_without_a_study_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["describe_claims", str(tmp_path)])
    with pytest.raises(SystemExit, match=r"study\.yml is missing"):
        describe_claims.main()


def test_verdicts_of_intervals_and_of_counts():
    assert [sided(0.1, 0.2), sided(-0.2, -0.1), sided(-0.1, 0.1), sided(np.nan, np.nan)] == [
        "holds",
        "does not hold",
        "cannot tell",
        "cannot tell",
    ]
    assert [_counted(3, 0, 3), _counted(2, 0, 3), _counted(1, 2, 3), _counted(0, 0, 3), _counted(0, 0, 0)] == [
        "holds",
        "holds in part",
        "does not hold",
        "cannot tell",
        "cannot tell",
    ]
    assert between((0.5, float("nan"), float("nan"))) == "+0.5, without an interval"
