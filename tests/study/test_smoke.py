"""The whole study on the smallest grid, as a user runs it."""

import json
import signal
import time

import pandas as pd
import pytest
import yaml

from lowland.config import validate
from lowland.config_loader import StudyConfigLoader
from lowland.measurable import measurable
from lowland.measurements import checked
from lowland.settings import CONFIG_LOADER_ARGS
from lowland.stages import all_stages
from lowland.tasks import build_task
from lowland.vocabulary.targets import codes_target


def test_every_cell_is_measured_and_every_row_fits_the_schema(finished):
    frame = checked(pd.read_parquet(finished.reporting("measurements.parquet")))
    cells = frame[frame["family"] == "performance"].groupby(["recipe", "seed", "precision"])
    assert len(cells) == 2 * 2 * 3
    assert set(frame["family"]) == {
        "performance",
        "cost",
        "landscape",
        "noise",
        "bit_flip",
        "sensor_fault",
        "shift",
        "adversarial",
        "certificate",
        "disagreement",
        "worst_case",
    }
    bounds = frame["measure"].isin(["half_life", "protected_bits", "protected_bits_simulated"])
    bounds |= frame["family"] == "certificate"  # of cells that lie outside their box
    bounds |= frame["family"] == "disagreement"  # detection of fewer than ten disagreements
    float_only = frame[(frame["status"] == "undefined") & ~bounds]
    assert set(float_only["precision"]) == {"fp32"}
    assert not (frame["status"] == "failed").any()


def test_what_can_be_asked_is_what_was_measured(finished):
    """Of one cell at a time, of the whole network: pairs of seeds and layers cannot be asked about."""
    frame = pd.read_parquet(finished.reporting("measurements.parquet"))
    frame = frame[(frame.reference == "") & (frame.split != "validation")]
    frame = frame[(frame.family != "landscape") | ((frame.target == "") & (frame.measure != "loss"))]
    of_words = ["upset_safe_share", "upset_safe_share_lower", "protection_bits", "protected_safe_share"]
    frame = frame[(frame.family != "certificate") | frame.measure.isin(of_words)]  # boxes are another one for each cell
    of_words = ["policy_drop", "policy_broken"]
    frame = frame[(frame.family != "worst_case") | frame.measure.isin(of_words)]  # the rest is of single layers or some
    asked = frame.measure.isin(["calibration_error", "brier_score"]) & (frame.condition == "")
    frame = frame[(frame.family != "disagreement") | asked]  # the rest is about a reference or a measure of uncertainty
    frame = frame[(frame.measure != "score_after_search") | (frame.level > 0)]  # no flip: the score itself
    levels = [None if level != level else level for level in frame.level]
    there = set(zip(frame.family, frame.measure, frame.condition, frame.target.map(codes_target), levels, strict=True))
    loader = StudyConfigLoader(str(finished.folder / "conf"), env="smoke", **CONFIG_LOADER_ARGS)
    study = validate(loader["parameters"])
    assert there == {
        (plan.family, measure, plan.condition, plan.target, level)
        for plan in measurable(study.parts, build_task(study.tasks["jets"]))
        for measure in plan.measures
        for level in plan.levels or (None,)
    }


def test_deployed_networks_are_the_ones_that_were_trained(finished):
    frame = pd.read_parquet(finished.reporting("measurements.parquet"))
    assert frame.loc[frame["measure"] == "deployment_mismatch", "value"].max() <= 1e-5
    assert frame.loc[frame["measure"] == "integer_mismatch_rate", "value"].max() <= 1e-3


def test_disturbances_are_common_to_all_cells_and_levels_are_ordered(finished):
    frame = pd.read_parquet(finished.reporting("measurements.parquet"))
    changed = frame[(frame["measure"] == "mismatch_rate") & (frame["condition"] == "gaussian")]
    by_level = changed.groupby("level")["value"].mean()
    assert by_level.is_monotonic_increasing and by_level.iloc[0] > 0


def test_the_answer_and_its_numbers_are_there(finished):
    recommendation = json.loads(finished.reporting("recommendation.json").read_text())
    assert set(recommendation["tasks"]) == {"jets"}
    assert 'id="answer"' in finished.reporting("report.html").read_text()
    assert json.loads(finished.reporting("metrics.json").read_text())["jets"]["num_configurations"] == 6


def test_output_is_calm(finished):
    lines = [line for line in finished.output.splitlines() if line.strip()]
    assert len(lines) < 40, finished.output
    assert "Warning" not in finished.output and "Traceback" not in finished.output


def test_seconds_and_memory_of_every_node_are_kept(finished):
    timings = pd.read_parquet(finished.reporting("timings.parquet"))
    without = {"ingestion", "retraining", "screen"}  # its jets are shipped, nothing is retrained, no study is known
    assert set(timings["stage"]) == {stage.name for stage in all_stages()} - without
    assert (timings["seconds"] > 0).all() and (timings["peak_megabytes"] > 50).all()


@pytest.mark.slow
def test_interrupted_study_ends_soon_and_goes_on_from_there(finished, project):
    process = project.start("run", "--env", "smoke")
    deadline = time.monotonic() + 300
    while len(project.cells_done()) < 6 and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode != 0 and "Traceback" not in errors
    kept = {path: path.stat().st_mtime_ns for path in project.cells_done()}
    assert len(kept) >= 6
    assert not list((project.folder / "data").rglob("*.part"))

    result = project.kedro("run", "--env", "smoke", "--only-missing-outputs")
    assert result.returncode == 0, result.stderr
    assert {path: path.stat().st_mtime_ns for path in kept} == kept, "finished cells were computed again"
    assert project.tables() == finished.tables()


@pytest.mark.slow
def test_a_diverging_recipe_costs_its_own_cells_only(project):
    parameters = project.folder / "conf/smoke/parameters_axes.yml"
    axes = yaml.safe_load(parameters.read_text())
    axes["recipes"]["jacobian_1e-2"] = {"kind": "orthogonal", "weight": 1.0e38}
    axes["seeds"] = {"s0": 0}
    parameters.write_text(yaml.safe_dump(axes, sort_keys=False))
    result = project.kedro("run", "--env", "smoke")
    assert result.returncode == 0, result.stderr
    frame = pd.read_parquet(project.reporting("measurements.parquet"))
    diverged = frame[frame["recipe"] == "jacobian_1e-2"]
    assert set(diverged["status"]) == {"non_finite"} and set(diverged["measure"]) == {
        "all",
        "negative_spectral_mass",
        "bit_error_slope",
        "certificate",
        "protected_drop",
        "broken_auroc",
        "input_policy_gain",
    }
    assert set(diverged["precision"]) == {"fp32", "qat4", "ptq4"}
    assert (frame.loc[frame["recipe"] == "plain", "status"] == "ok").mean() > 0.9
    assert project.reporting("report.html").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "edit, arguments, message",
    [
        ({"seeds": {}}, (), "parameter seeds (conf/smoke/parameters_axes.yml) is empty"),
        (
            {},
            ("--runner", "lowland.runners.DaskRunner", "--runner-params", "address=tcp://127.0.0.1:1"),
            "no Dask scheduler answers",
        ),
    ],
)
def test_a_rejected_run_deletes_nothing(finished, project, edit, arguments, message):
    kept = project.folder / "data/smoke/08_reporting/report.html"
    kept.parent.mkdir(parents=True)
    kept.write_text("from an earlier run")
    parameters = project.folder / "conf/smoke/parameters_axes.yml"
    parameters.write_text(yaml.safe_dump(yaml.safe_load(parameters.read_text()) | edit))
    result = project.kedro("run", "--env", "smoke", *arguments)
    assert result.returncode == 2 and message in result.stderr and "Traceback" not in result.stderr
    assert kept.read_text() == "from an earlier run"
