"""A study of a network from outside in a fresh folder, run to its page."""

import json
import shutil

import pandas as pd
import pytest
import yaml

from tests.tasks.table.tables import turbines
from tests.tasks.test_network_options import options

pytest.importorskip("onnx")
from tests.quantization.test_imported import file

AXES = {
    "tasks": {"worn": options(network={"qonnx": "models/worn.onnx"})},
    "recipes": {"given": {"kind": "given"}},
    "seeds": {"s0": 0},
    "precisions": {"imported": {"method": "imported"}},
}
FEW = {"precisions": 1}  # of the selections that conf/smoke names by its own precisions
STAGES = {"landscape": {"landscape_detail": FEW}, "perturbation": {"flip_map": FEW}}


@pytest.mark.slow
@pytest.mark.timeout(900)  # seconds: a machine at work on other things takes longer
def test_a_network_from_outside_is_studied_to_its_page(project):
    folder, own = project.folder, project.folder / "conf/worn"
    reporting = folder / "data/worn/08_reporting"
    own.mkdir()
    (own / "globals.yml").write_text("data: data/worn\n")
    (own / "parameters_axes.yml").write_text(yaml.safe_dump(AXES))
    for stage, changes in STAGES.items():
        smoke = yaml.safe_load((folder / f"conf/smoke/parameters_{stage}.yml").read_text())
        (own / f"parameters_{stage}.yml").write_text(
            yaml.safe_dump(smoke | {k: smoke[k] | v for k, v in changes.items()})
        )
    turbines().to_csv(folder / "turbines.csv", index=False)

    refused = project.python("lowland", "--env", "worn")
    assert refused.returncode == 2 and "worn.onnx: the file is missing" in refused.stderr.splitlines()[-1]
    (folder / "models").mkdir()
    file(folder / "models/worn.onnx")
    done = project.python("lowland", "--env", "worn", timeout=800)
    assert done.returncode == 0, done.stderr
    chosen = json.loads((reporting / "recommendation.json").read_text())["tasks"]["worn"]
    frame = pd.read_parquet(reporting / "measurements.parquet")
    assert set(frame["recipe"]) == {"given"} and set(frame["method"]) == {"imported"}
    assert set(zip(frame["weight_bits"], frame["activation_bits"], strict=True)) == {(4, 5)}
    assert not frame["status"].isin(["failed", "timeout"]).any()
    assert {"landscape", "noise", "sensor_fault", "adversarial", "bit_flip", "performance"} <= set(frame["family"])
    assert (reporting / "report.html").stat().st_size > 100_000 and chosen["num_configurations"] == 1

    shutil.copy(folder / "models/worn.onnx", folder / "models/first.onnx")
    file(folder / "models/worn.onnx", outputs=3)
    refused = project.python("lowland", "--env", "worn")
    assert refused.returncode == 2 and "has outputs of shape (3,); the task has 2" in refused.stderr
    assert (reporting / "report.html").is_file()
