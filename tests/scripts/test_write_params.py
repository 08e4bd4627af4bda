"""params.yaml is written of the parameters that a run would have, or not at all."""

import subprocess
import sys

from lowland import grid
from scripts.write_params import resolved


def test_an_environment_that_does_not_exist_is_one_line(tmp_path):
    before = (grid.ROOT / "params.yaml").read_bytes()
    command = [sys.executable, "scripts/write_params.py", "--env", "smoek"]
    done = subprocess.run(command, cwd=grid.ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("Error: --env is 'smoek', but conf/smoek does not exist; expected one of base, ")
    assert done.stderr.endswith("; did you mean smoke?\n") and done.stderr.count("\n") == 1
    assert (grid.ROOT / "params.yaml").read_bytes() == before


def test_what_a_run_was_given_is_merged_as_the_run_merges_it():
    plain, given = resolved("smoke"), resolved("smoke", changed="training.epochs=9,seeds.s7=7")
    assert given["training"] == plain["training"] | {"epochs": 9} and given["seeds"] == plain["seeds"] | {"s7": 7}
    assert given["env"] == "smoke" and given["data"] == "data/smoke"
