"""A run that DVC started must be the one that DVC records."""

import pytest
import yaml

from lowland.errors import LowlandError
from lowland.runs.data_folder import DataFolderLoader
from lowland.runs.dvc import refuse_other_parameters
from scripts import write_params


def check(folder, env, shared, parameters):
    refuse_other_parameters(folder, environment=env, shared=shared, parameters=parameters)


@pytest.mark.parametrize("env", ["base", "smoke", "econ", "paper"])
def test_the_parameters_that_make_params_writes_are_those_of_the_run(tmp_path, env):
    (tmp_path / "params.yaml").write_text(write_params.text(env))
    loader = DataFolderLoader(
        str(write_params.ROOT / "conf"), env=None if env == "base" else env, base_env="base", default_run_env="local"
    )
    check(tmp_path, None if env == "base" else env, dict(loader["globals"]), dict(loader["parameters"]))


def test_an_experiment_that_would_not_happen_is_refused_by_name(tmp_path):
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"env": "mine", "data": "d", "training": {"epochs": 9}}))
    with pytest.raises(
        LowlandError, match=r"training\.epochs is 9 there and 20 in conf.*make params ENV=mine"
    ) as caught:
        check(tmp_path, "mine", {"data": "d"}, {"training": {"epochs": 20}})
    assert "\n" not in str(caught.value)


def test_without_params_yaml_there_is_nothing_to_compare(tmp_path):
    check(tmp_path, None, {}, {"training": {"epochs": 20}})
