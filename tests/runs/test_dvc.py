"""A run that DVC started has the parameters that DVC records."""

import pytest
import yaml

from lowland.config import validate
from lowland.config_loader import StudyConfigLoader
from lowland.errors import LowlandError
from lowland.runs.dvc import refuse_other_code
from scripts import write_params


@pytest.fixture
def project(tmp_path):
    """A project's folder without ``params.yaml``."""
    (tmp_path / "conf").symlink_to(write_params.ROOT / "conf")
    return tmp_path


def loader(project, env, runtime=None, *, by_dvc=True):
    return StudyConfigLoader(project / "conf", env, runtime, base_env="base", default_run_env="local", by_dvc=by_dvc)


def written(project, env, **changes):
    """``params.yaml`` as `make params` and `dvc exp run -S` leave it."""
    content = yaml.safe_load(write_params.text(env or "base"))
    for name, value in changes.items():
        *branches, leaf = name.split("__")
        here = content
        for branch in branches:
            here = here[branch]
        here[leaf] = value
    (project / "params.yaml").write_text(yaml.safe_dump(content))
    return content


@pytest.mark.parametrize("env", [None, "smoke", "econ", "paper"])
def test_the_parameters_that_make_params_writes_are_those_of_the_run_and_their_order(project, env, caplog):
    written(project, env)
    plain, found = loader(project, env, by_dvc=False), loader(project, env)
    assert found["parameters"] == plain["parameters"] and found["globals"] == plain["globals"]
    for axis in ("tasks", "recipes", "seeds", "precisions"):
        assert list(found["parameters"][axis]) == list(plain["parameters"][axis])
    assert not found.changed_by_dvc and not caplog.records


def test_values_of_an_experiment_reach_the_run_and_are_told(project, caplog):
    caplog.set_level("INFO", "lowland")
    written(project, None, training__epochs=9, seeds={"s1": 1}, data="data/other")
    found = loader(project, None)
    study = validate(found["parameters"], origins=found.origins)
    assert study.training.epochs == 9 and study.seeds == {"s1": 1}  # what is gone there is gone
    assert found["globals"]["data"] == "data/other" and found.changed_by_dvc
    assert caplog.messages == [
        "DVC runs with params.yaml: seeds.s0 is nothing, in conf 0, seeds.s2 is nothing, in conf 2, "
        "training.epochs is 9, in conf auto"
    ]
    assert validate(loader(project, None, by_dvc=False)["parameters"]).training.epochs == "auto"


def test_what_is_given_at_run_time_still_goes_last(project):
    written(project, None, training__epochs=9)
    assert loader(project, None, {"training": {"epochs": 7}})["parameters"]["training"]["epochs"] == 7


def test_a_wrong_value_of_an_experiment_is_one_line_that_names_the_file(project):
    written(project, "smoke", training__epochs=0, trainin=5)
    found = loader(project, "smoke")
    with pytest.raises(LowlandError) as caught:
        validate(found["parameters"], origins=found.origins)
    assert str(caught.value).splitlines() == [
        "parameter training.epochs (params.yaml): got 0; expected auto, or greater than or equal to 1",
        "parameter trainin (params.yaml) is not known; did you mean training?",
    ]


@pytest.mark.parametrize(
    "content, message",
    [
        ("env: smoke\n", r"params\.yaml: env is 'smoke', but DVC started a run of base; .*: make params ENV=base"),
        ("[1, 2]\n", r"params\.yaml: env is None, but"),
        ("a: [", r"params\.yaml: cannot be read \(.*\); write it anew: make params ENV=base"),
    ],
)
def test_a_file_that_is_not_of_this_run_is_refused(project, content, message):
    (project / "params.yaml").write_text(content)
    with pytest.raises(LowlandError, match=message) as caught:
        loader(project, None)
    assert "\n" not in str(caught.value)


def test_without_params_yaml_the_run_reads_conf(project):
    assert loader(project, "smoke")["parameters"] == loader(project, "smoke", by_dvc=False)["parameters"]


def test_dvc_goes_on_with_the_version_of_a_users_code_that_it_records_only(project):
    refuse_other_code(project, {"jets": ""})  # without params.yaml
    written(project, None, own_code={"mine": "a1"})
    refuse_other_code(project, {"mine": "a1", "jets": ""})
    with pytest.raises(LowlandError, match=r"own_code\.mine is 'a1', but your code is now 'b2'; write it anew"):
        refuse_other_code(project, {"mine": "b2"})
