"""The page on shift: written from any finished study, its numbers those of plain loops, what is absent said."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml

from benchmarks.shift.loader import Benchmark
from lowland.measurements import stack
from scripts.describe_shift import PUBLISHED, facts_of, main, page, points
from scripts.shift_answers_of_task import TaskAnswers
from scripts.shift_table_rows import (
    abstention_table,
    coverage_areas,
    published_shift,
    published_training,
    reference_rows,
    retraining_table,
)
from scripts.shift_tables import detector_rows, shift_rows, training_rows
from scripts.write_shift_answers import write_answers
from tests.made_study.answers import answers
from tests.scripts.shift_study import finished_study, table


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return finished_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def folder(study, tmp_path_factory):
    out = tmp_path_factory.mktemp("answers")
    write_answers(study, out)
    return out


@pytest.fixture(scope="module")
def told(folder):
    return TaskAnswers.of(Benchmark(folder), "pictures")


def by_loop(folder, precision, name, *, recipes=("plain", "mixup")):
    """Mean churn over networks on one set."""
    found = [
        each.of_set(name).disagree.mean()
        for each in Benchmark(folder).comparisons("pictures")
        if each.cell["precision"] == precision and each.cell["recipe"] in recipes
    ]
    return float(np.mean(found))


def test_churn_is_the_mean_over_networks_and_then_over_sets(folder, told):
    row = {each["precision"]: each for each in shift_rows(told)}["ptq8"]
    shifted = [by_loop(folder, "ptq8", name) for name in told.sets if name not in ("nominal", "label_shift")]
    nominal = by_loop(folder, "ptq8", "nominal")
    assert row["nominal"].value == pytest.approx(nominal)
    assert row["difference"].value == pytest.approx(np.mean(shifted) - nominal)
    assert (row["above"], row["sets"]) == (sum(np.array(shifted) > nominal), len(shifted))
    assert row["labels"].value == pytest.approx(by_loop(folder, "ptq8", "label_shift") - nominal)
    assert row["surely_above"] <= row["above"] and row["difference"].standard_error > 0


def test_accuracy_lost_is_new_less_repaired_errors(folder, told):
    row = {each["precision"]: each for each in shift_rows(told)}["ptq8"]
    lost = []
    for each in Benchmark(folder).comparisons("pictures"):
        if each.cell["precision"] == "ptq8":
            own = each.of_set("nominal")
            before, after = (logits.argmax(1) == own.labels for logits in (own.float_logits, own.logits))
            lost.append(before.mean() - after.mean())
    assert row["lost"][0].value == pytest.approx(np.mean(lost))


def test_training_is_compared_at_equal_widths(folder, told):
    rows = {row["second"]: row for row in training_rows(told)}
    assert set(rows) == {"plain, ptq8", "mixup, ptq8"} and rows["mixup, ptq8"]["first"] == "plain, qat8"
    names = [name for name in told.sets if name not in ("nominal", "label_shift")]
    ours, theirs = (
        np.mean([by_loop(folder, precision, name, recipes=[recipe]) for name in names])
        for precision, recipe in (("qat8", "plain"), ("ptq8", "mixup"))
    )
    assert rows["mixup, ptq8"]["shifted"].value == pytest.approx(ours - theirs)
    assert rows["mixup, ptq8"]["seeds"][1] == 2


def test_the_page_says_what_was_not_measured(study, folder):
    text = page(facts_of([(study, folder)]))
    assert "This study retrained no network." in text
    assert "has not compared networks with their own weights without quantizers" in text
    assert "24 of its 1,184 pairs" in text and "| LeNet-1 | static8 | 14 | 115 | 15 of 15 |" in text
    assert "bootstrap of source rows" in text and "DeLong's test of two detectors holds within one network" in text
    assert "nan" not in text


def test_both_references_of_fine_tuned_networks_stand_side_by_side():
    rows = table()
    tuned = rows[(rows.precision == "qat8") & (rows.reference_kind == "float")]
    both = pd.concat([rows, tuned.assign(reference_kind="fake_float", value=tuned.value / 2)])
    found = {row["precision"]: row for row in reference_rows(both)}
    means = {kind: [mean for mean, _, _ in found["qat8"][kind]] for kind in ("float", "fake_float")}
    assert means["float"] == [pytest.approx(0.0165), pytest.approx(0.033)]
    assert means["fake_float"] == [pytest.approx(value / 2) for value in means["float"]]
    assert "ptq8" in found and np.isnan(found["ptq8"]["fake_float"][0][0]) and found["ptq8"]["float"][0][0] > 0
    assert not reference_rows(rows), "no network has been compared with its own weights"


def test_a_network_that_proves_nothing_answers_nothing():
    template = table()
    template = template[(template.precision == "qat8") & (template.measure == "churn") & (template.split == "test")]
    first = template[(template.reference_kind == "float") & (template.condition == "")].iloc[:2]
    numbers = {"answered_share": [0.8, np.nan], "risk_among_answered": [0.06, np.nan]}
    rows = [
        first.assign(
            measure=name, value=values, level=0.05, reference="", reference_kind="", status=["ok", "undefined"]
        )
        for name, values in numbers.items()
    ]
    (found,) = abstention_table(pd.concat(rows))
    assert (found["networks"], found["proved"]) == (2, 1)
    assert found["nominal"] == {"answered": pytest.approx(0.4), "risk": pytest.approx(0.06), "broken": 1}


def test_retraining_is_told_by_arm():
    template = answers(task="pictures", sets={"": 1.0, "mnist": 2.0})
    template = template[(template.measure == "churn") & (template.precision == "qat4")]
    template = template[template.reference_kind == "float"]
    parts = [template.assign(measure="old_disagreements", value=0.1)]
    for arm, remaining, new in (("disagreements", 0.02, 0.05), ("random", 0.06, 0.03)):
        numbers = {"remaining_disagreements": remaining, "new_disagreements": new}
        numbers["disagreements_removed"] = 0.1 - remaining - new
        parts += [template.assign(measure=name, value=value, target=arm) for name, value in numbers.items()]
    parts.append(template.assign(measure="retraining_advantage", value=0.02, target="disagreements"))
    found = retraining_table(pd.concat(parts))
    assert [(row["place"], row["arm"]) for row in found] == [
        (place, arm) for place in ("nominal", "shifted") for arm in ("disagreements", "random")
    ]
    first = found[0]
    assert first["before"] == pytest.approx(0.1) and first["networks"] == 4
    assert first["numbers"]["new_disagreements"][0] == pytest.approx(0.05)
    assert first["advantage"][0] == pytest.approx(0.02) and found[1]["advantage"] is None
    assert retraining_table(stack([table()])) == []


def test_before_is_told_of_the_networks_that_were_retrained():
    rows = answers(task="pictures", sets={"": 1.0})
    rows = rows[(rows.measure == "churn") & (rows.precision == "qat4") & (rows.reference_kind == "float")]
    old = rows.assign(measure="old_disagreements", value=rows.seed.map({"s0": 0.2, "s1": 0.0}))
    kept = rows[rows.seed == "s0"].assign(target="disagreements")
    parts = [kept.assign(measure=name, value=0.1) for name in ("remaining_disagreements", "new_disagreements")]
    (found,) = retraining_table(pd.concat([old, *parts]))
    assert found["before"] == pytest.approx(0.2) and found["networks"] == 2


def test_controls_and_what_hardly_codes_weights_are_in_no_count(folder, told):
    control = replace(told, controls=frozenset({"ptq8"}))
    assert {row["precision"]: row["role"] for row in shift_rows(control)} == {"qat8": "", "ptq8": "control"}
    assert all(row["control"] for row in training_rows(control))
    assert not any(row["control"] for row in training_rows(told))
    (margin, *_) = detector_rows(control, table())
    assert margin["area"].num_samples <= 4 and control.counted == control.where(precision="qat8")
    assert detector_rows(replace(control, hardly={"qat8": 0.02}), table()) == []


def test_what_is_left_among_the_surest_stands_beside_what_chance_leaves():
    rows = answers(task="pictures", sets={"": 1.0, "mnist": 2.0})
    churn = rows[(rows.measure == "churn") & (rows.target == "") & (rows.reference_kind == "float")]
    areas = churn.assign(measure="churn_coverage_area", target="margin", value=churn.value / 4)
    few = areas.assign(target="entropy", status="undefined", value=np.nan)
    half = areas[areas.condition == "mnist"].assign(target="energy", value=0.5)
    found = coverage_areas(pd.concat([churn, areas, few, half]))
    area, chance = found["margin"]
    assert area == pytest.approx(churn.value.mean() / 4) and chance == pytest.approx(churn.value.mean())
    assert found["energy"] == (0.5, pytest.approx(churn.value[churn.condition == "mnist"].mean()))
    assert "entropy" not in found


def test_published_means_are_those_of_the_study():
    published = yaml.safe_load(PUBLISHED.read_text(encoding="utf-8"))
    lenet = next(row for row in published_training(published) if row["architecture"] == "LeNet-1")
    clean = published["disagreements"]["LeNet-1"]
    for strategy, printed in (("standard", 109), ("quantization_aware", 46)):  # with the nominal set as a 16th
        total = 15 * lenet[strategy] + clean[strategy]["static8"][0]
        assert round(total / 16) == printed
    counted = {(row["architecture"], row["format"]): row for row in published_shift(published)}
    assert counted["NiN", "static8"]["above"] == 4 and counted["ResNet-20", "static8"]["above"] == 1


def test_several_studies_stand_on_one_page(study, folder):
    facts = facts_of([(study, folder)] * 2)
    assert [task["name"] for task in facts["tasks"]] == ["pictures"] * 2
    assert page(facts).count("| pictures | qat8 |") == 2


def test_differences_are_written_without_noise():
    assert (points(0.0123), points(-2e-17), points(float("nan"))) == ("+1.2", "0", "-")


def test_the_command_writes_the_page_and_keeps_the_answers(study, tmp_path, monkeypatch, capsys):
    out, kept = tmp_path / "shift.md", tmp_path / "answers"
    command = ["describe_shift", str(study), "--answers", str(kept), "--severity", "none", "--page", str(out)]
    monkeypatch.setattr("sys.argv", command)
    main()
    first = out.read_text(encoding="utf-8")
    assert (
        first.startswith("# Do deployed networks still say the same?")
        and (kept / study.name / "cells.parquet").is_file()
    )
    main()
    assert out.read_text(encoding="utf-8") == first
    assert str(out) in capsys.readouterr().out
