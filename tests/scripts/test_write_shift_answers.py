"""The benchmark of a finished study: what is written, what its loader gives back, and the leaderboard made of it."""

import sys

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks.shift import loader
from benchmarks.shift.leaderboard import leaderboard, scored
from benchmarks.shift.loader import Benchmark
from lowland.datasets.tensors import ModelDataset, TensorsDataset
from lowland.disagreement import detection_auroc, uncertainty
from lowland.perturbation import IMAGE_CORRUPTIONS
from lowland.robustness.label_shift import LABEL_SHIFT
from lowland.tasks import Splits, TaskOptions, build_task
from scripts.write_shift_answers import answered_sets, same_but_for_rounding, severity_of, write_answers
from tests.scripts.shift_study import TASK, finished_study


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return finished_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def benchmark(study, tmp_path_factory):
    out = tmp_path_factory.mktemp("answers")
    write_answers(study, out)
    return Benchmark(out)


def test_deployed_networks_are_written_and_float_ones_are_references(benchmark):
    assert len(benchmark.cells) == 8 and set(benchmark.cells.method) == {"qat", "ptq"}
    assert len(list((benchmark.folder / "logits").iterdir())) == 8 + 4


def test_a_float_network_that_adds_in_another_order_is_no_network_of_its_own():
    logits = torch.tensor([[10.0, -3.0], [1.0, 2.0]])
    assert same_but_for_rounding(torch.nextafter(logits, torch.tensor(100.0)), logits)
    assert not same_but_for_rounding(logits + 0.01, logits)


def test_sets_are_the_nominal_rows_natural_shifts_and_every_corruption(benchmark):
    first, *others = benchmark.sets("pictures")
    assert first == "nominal" and set(others) == {
        "label_shift",
        "mnist",
        "fewer",
        *(f"{kind}_3" for kind in IMAGE_CORRUPTIONS),
    }


def test_a_task_with_corrupted_sets_of_its_own_gets_others_only_where_asked(study):
    stored = TensorsDataset(filepath=str(study / "05_model_input/pictures/splits.safetensors")).load()
    splits = Splits.from_tensors(stored.tensors)
    splits.shifted["rotation_4"] = splits.held_out
    task = build_task(TaskOptions.model_validate(TASK | {"corrupted": {"rotation": 4}}))

    def others(asked):
        sets = answered_sets("pictures", task, splits, severity=severity_of(asked))
        names = [each.name for each in sets]
        assert names.count("rotation_4") == 1
        return set(names) - {"fewer", "label_shift", "mnist", "nominal", "rotation_4"}

    assert others("auto") == others("none") == set()
    assert others("4") == {f"{kind}_4" for kind in IMAGE_CORRUPTIONS if kind != "rotation"}, "asked for all the same"


def test_label_shift_is_called_what_the_long_table_calls_it():
    assert loader.LABEL_SHIFT == LABEL_SHIFT, "the loader is given away without lowland"


def test_rows_made_of_one_row_share_its_number(benchmark):
    rows = benchmark.rows
    sources = {name: set(part.source) for name, part in rows.groupby("set")}
    assert sources["nominal"] == sources["contrast_3"] == set(range(200))
    assert not sources["mnist"] & sources["nominal"] and len(sources["mnist"]) == 80
    assert sources["fewer"] == set(range(0, 200, 2)), "equal rows of another set are the same rows"
    assert sources["label_shift"] < sources["nominal"]
    shares = rows[rows.set == "label_shift"].label.value_counts()
    assert shares.max() / shares.min() == pytest.approx(5, rel=0.3)
    labels = rows.drop_duplicates(["source", "label"])
    assert len(labels) == rows.source.nunique(), "one source has one label"


def test_logits_are_those_of_the_networks(study, benchmark):
    stored = TensorsDataset(filepath=str(study / "05_model_input/pictures/splits.safetensors")).load()
    test = Splits.from_tensors(stored.tensors)["test"]
    path = study / "06_models/deployed/pictures/mixup/s1/ptq8.safetensors"
    with torch.no_grad():
        wanted = ModelDataset(filepath=str(path)).load().network(test.inputs)
    (found,) = [each for each in benchmark.comparisons("pictures") if each.id == "pictures.mixup.s1.ptq8"]
    nominal = found.of_set("nominal")
    assert torch.allclose(torch.from_numpy(nominal.logits), wanted, atol=1e-5)
    assert (nominal.labels == test.targets.numpy()).all() and not np.array_equal(nominal.logits, nominal.float_logits)


def test_the_leaderboard_ranks_detectors_on_all_rows(benchmark):
    board = leaderboard(benchmark).set_index("detector")
    assert board.auroc.is_monotonic_decreasing and board.behind["margin"] == 0
    areas = []
    for compared in benchmark.comparisons("pictures"):
        each = compared.without("label_shift")
        disagree = torch.from_numpy(each.disagree)
        if min(len(set(each.sources[rows])) for rows in (each.disagree, ~each.disagree)) >= 10:
            areas.append(detection_auroc(uncertainty(torch.tensor(each.logits), "entropy"), disagree).value)
    assert board.auroc["entropy"] == pytest.approx(np.mean(areas)) and board.networks["entropy"] == len(areas)
    assert (board.standard_error > 0).all()


def test_a_detector_of_ones_own_is_scored(benchmark, tmp_path, monkeypatch):
    (tmp_path / "my_shift_detectors.py").write_text("def spread(logits):\n    return -logits.std(axis=1)\n")
    monkeypatch.syspath_prepend(tmp_path)
    board = leaderboard(benchmark, ["my_shift_detectors:spread"])
    assert "my_shift_detectors:spread" in set(board.detector)
    sys.modules.pop("my_shift_detectors")


@pytest.mark.parametrize("scores", [lambda logits: logits, lambda logits: logits[:, 0] / 0])
def test_a_detector_that_gives_no_number_a_row_is_refused(scores):
    with np.errstate(all="ignore"), pytest.raises(SystemExit, match="one a row"):
        scored("mine", scores, np.ones((4, 3)))


def test_what_is_missing_is_named(benchmark, tmp_path, study):
    with pytest.raises(SystemExit, match="is missing; expected a folder"):
        Benchmark(tmp_path)
    with pytest.raises(SystemExit, match="finished study"):
        write_answers(tmp_path, tmp_path)
    with pytest.raises(SystemExit, match="no deployed classifier"):
        write_answers(study, tmp_path, tasks=("others",))
    with pytest.raises(SystemExit, match="module:function"):
        leaderboard(benchmark, ["nowhere"])
    with pytest.raises(SystemExit, match="no rows of split"):
        next(benchmark.comparisons("pictures", split="train"))


def test_without_a_severity_there_are_no_corruptions(study, tmp_path):
    write_answers(study, tmp_path, severity=None)
    assert set(Benchmark(tmp_path).sets("pictures")) == {"nominal", "label_shift", "mnist", "fewer"}
    assert set(pd.read_parquet(tmp_path / "rows.parquet").split) == {"selection", "test"}
