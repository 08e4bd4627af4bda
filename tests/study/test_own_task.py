"""A user's own task, network and parameters in a fresh folder: the example, run to its report."""

import json
import shutil

import pandas as pd
import pytest
import yaml

from tests.own_package import EXAMPLE

STAGES = ("landscape", "perturbation", "quantization", "training")  # their smallest options, from `conf/smoke`
FEWEST = {"recipes": ("plain",), "seeds": ("s0",), "precisions": ("fp32", "qat4")}


@pytest.fixture
def gestures(project):
    """The example beside the project's own package, with the fewest cells."""
    own = project.folder / "conf/gestures"
    own.mkdir()
    shutil.copy(EXAMPLE / "gestures.py", project.folder / "src")
    axes = yaml.safe_load((EXAMPLE / "parameters_axes.yml").read_text())
    few = axes | {axis: {name: axes[axis][name] for name in names} for axis, names in FEWEST.items()}
    (own / "parameters_axes.yml").write_text(yaml.safe_dump(few))
    for stage in STAGES:
        shutil.copy(project.folder / f"conf/smoke/parameters_{stage}.yml", own)
    return project


@pytest.mark.slow
@pytest.mark.timeout(900)  # seconds: a machine at work on other things takes longer
def test_the_example_runs_in_a_fresh_folder(gestures):
    reporting = gestures.folder / "data/gestures/08_reporting"
    done = gestures.python("lowland", "--env", "gestures", timeout=800)
    assert done.returncode == 0, done.stderr
    assert (reporting / "report.html").stat().st_size > 100_000
    assert "gestures" in json.loads((reporting / "recommendation.json").read_text())["tasks"]
    frame = pd.read_parquet(reporting / "measurements.parquet")
    assert set(frame["task"]) == {"gestures"} and not frame["status"].isin(["failed", "timeout"]).any()
    assert {"landscape", "noise", "sensor_fault", "adversarial", "bit_flip", "performance"} <= set(frame["family"])
    scores = frame[(frame.measure == "accuracy") & (frame.family == "performance") & (frame.split == "test")]
    assert len(scores) == 2 and scores["value"].min() > 0.5  # of four classes, after five epochs

    file = gestures.folder / "src/gestures.py"
    file.write_text(file.read_text() + "\n# another version\n")
    refused = gestures.python("lowland", "--env", "gestures", "--tags", "perturbation")
    assert refused.returncode == 2 and "the code of tasks.gestures has changed since" in refused.stderr
    file.unlink()
    refused = gestures.python("lowland", "--env", "gestures")
    (line,) = refused.stderr.strip().splitlines()
    assert "parameter tasks.gestures.task (conf/gestures/parameters_axes.yml)" in line
    assert line.endswith("there is no package gestures; expected it in src/ of the project, or installed")
    assert (reporting / "report.html").is_file()
