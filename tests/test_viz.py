"""`make viz` shows the study of the environment that it is given."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
LOAD = f"""
import json, warnings
from pathlib import Path
warnings.simplefilter("ignore")
from kedro_viz.integrations.kedro.data_loader import load_data
_, pipelines, _ = load_data(Path({str(ROOT)!r}), env="smoke", include_hooks=True)
names = [node.namespace or "" for node in pipelines["__default__"].nodes]
namespaces = {{name.split(".")[1] for name in names if "." in name}}
print(json.dumps(sorted(namespaces)))
"""


@pytest.mark.parametrize("environment", ["base", "smoke"])
def test_make_hands_the_environment_and_the_hooks_to_kedro_viz(environment, tmp_path):
    (tmp_path / ".installed").touch()
    os.utime(tmp_path / ".installed", (2**31, 2**31))  # newer than what it is made from: nothing is installed
    command = ["make", "-n", "viz", f"VENV={tmp_path}", f"ENV={environment}"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}  # no part of `make test`
    result = subprocess.run(command, cwd=ROOT, env=clean, capture_output=True, text=True, check=True)
    assert result.stdout.split()[1:] == ["viz", "run", "--include-hooks", "--env", environment]


@pytest.mark.slow
def test_with_hooks_the_dag_is_the_environments():
    clean = {name: value for name, value in os.environ.items() if name != "KEDRO_ENV"}
    result = subprocess.run(
        [sys.executable, "-c", LOAD], cwd=ROOT, env=clean, capture_output=True, text=True, timeout=240, check=True
    )
    recipes = yaml.safe_load((ROOT / "conf/smoke/parameters_axes.yml").read_text())["recipes"]
    assert json.loads(result.stdout.splitlines()[-1]) == sorted(recipes)
