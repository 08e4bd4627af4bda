"""Any parameter of any environment can be given at run time, and every mistake names who made it."""

import shutil

import pytest
import yaml
from kedro.framework.project import settings
from omegaconf import OmegaConf

import lowland.settings
from lowland import grid
from lowland.config import validate
from lowland.config_layers import REPLACED
from lowland.config_loader import StudyConfigLoader
from lowland.errors import LowlandError
from tests.studies import selected_cells

CONF = grid.ROOT / "conf"
ENVIRONMENTS = sorted(folder.name for folder in CONF.iterdir() if (folder / "globals.yml").is_file())
TASK = "{kind: jets, source: file, train_rows: 90, validation_rows: 20, landscape_rows: 20, test_rows: 20, hidden: [8]}"
ONE_FLOAT = "precisions: {only: {method: float, weight_bits: 32, activation_bits: 32}}\n"


def loader(env, *dotted, conf=CONF):
    """The project's loader, given ``--params`` as the command line understands them."""
    runtime = OmegaConf.to_container(OmegaConf.from_dotlist(list(dotted)))
    return StudyConfigLoader(conf, env, runtime, **settings.CONFIG_LOADER_ARGS)


@pytest.fixture(scope="module")
def conf(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project") / "conf"
    shutil.copytree(CONF / "base", folder / "base")
    (folder / "local").mkdir()
    return folder


@pytest.fixture
def study_of(conf):
    """The validated study of an environment with these files."""

    def made(files, *dotted):
        shutil.rmtree(conf / "mine", ignore_errors=True)
        for name, text in files.items():
            path = conf / "mine" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        found = loader("mine", *dotted, conf=conf)
        return validate(found["parameters"], origins=found.origins)

    return made


def test_the_project_uses_it():
    assert lowland.settings.CONFIG_LOADER_CLASS is StudyConfigLoader


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_a_value_of_every_part_of_every_environment_can_be_given_alone(env):
    plain = loader(env)["parameters"]
    given = {
        "training.learning_rate": 7.0e-4,
        "fine_tuning.learning_rate": 7.0e-5,
        "quantization.calibration_rows": 77,
        "landscape.num_probes": 7,
        "landscape_detail.density_steps": 7,
        "input_noise.draws": 7,
        "sensor_faults.draws": 7,
        "attacks.num_steps": 7,
        "faults.codes.draws": 7,
        "half_life.floor": "halfway",
        "flip_map.search_flips": 7,
        "corruptions.draws": 7,
        "disagreement.calibration_bins": 7,
        "label_shift.draws": 7,
        "token_corruptions.draws": 7,
        "retraining.most_rows": 77,
        "certification.rows": 77,
        "worst_case.evaluations": 77,
        "worst_case_protection.calibration_rows": 77,
        "worst_case_diagnosis.worst_inputs": 7,
        "worst_case_inputs.evaluations": 77,
        "worst_case_students.epochs": 7,
        "screening.worth_share": 0.7,
        "seeds.s7": 7,
        f"requirements.{next(iter(plain['tasks']))}.prefer": "[size]",
        f"tasks.{next(iter(plain['tasks']))}.test_rows": 777,
        "recipes.clipping_7.kind": "clipping",
        "recipes.clipping_7.limit": 7,
        "precisions.ptq7.method": "ptq",
        "precisions.ptq7.weight_bits": 7,
        "precisions.ptq7.activation_bits": 7,
        "device": "cpu",
        "qat_recipes": "all",
    }
    read = loader(env, *(f"{name}={value}" for name, value in given.items()))
    expected = OmegaConf.to_container(
        OmegaConf.merge(plain, OmegaConf.from_dotlist([f"{k}={v}" for k, v in given.items()]))
    )
    assert read["parameters"] == expected
    assert {name.partition(".")[0] for name in given} == set(plain), "a new part of the parameters is tried here too"
    study = validate(read["parameters"], origins=read.origins)
    assert study.training.learning_rate == 7.0e-4 and study.seeds["s7"] == 7 and study.device == "cpu"


def test_an_environments_axis_replaces_that_of_base_whole(study_of):
    study = study_of({"parameters_axes.yml": "seeds: {a: 5}\n"})
    assert study.seeds == {"a": 5} and len(study.recipes) == 8
    asked = study_of(
        {"parameters_decision.yml": "requirements: {jets: {needs: [{measure: size, at_most: 9}]}}"}
    ).requirements.of("jets")
    assert [(need.measure, need.limit) for need in asked.needs] == [("size", 9)]


def test_an_environment_says_differences_only(study_of):
    base = validate(loader("base")["parameters"])
    files = {
        "parameters_training.yml": "training: {learning_rate: 0.5}\n",
        "parameters_perturbation.yml": "faults: {codes: {draws: 9}, upsets: none}\n"
        "sensor_faults: {levels: {gain_drift: [7], saturation: none}}\n",
    }
    study = study_of(files, "faults.codes.counts=[3]")
    assert study.training == base.training.model_copy(update={"learning_rate": 0.5})
    codes = base.faults.codes.model_copy(update={"draws": 9, "counts": (3,)})
    assert study.faults == base.faults.model_copy(update={"codes": codes, "upsets": None})
    levels = {kind: each for kind, each in base.sensor_faults.levels.items() if kind != "saturation"}
    assert study.sensor_faults.levels == levels | {"gain_drift": (7.0,)}
    untouched = set(type(study).model_fields) - {"training", "faults", "sensor_faults"}
    assert all(getattr(study, name) == getattr(base, name) for name in untouched)


@pytest.mark.parametrize("env", sorted(set(ENVIRONMENTS) - {"base"}))
def test_no_environment_repeats_what_base_says(env):
    base, plain = loader("base")["parameters"], {}
    for path in sorted((CONF / env).glob("parameters*.yml")):
        plain |= yaml.safe_load(path.read_text("utf-8"))

    def repeated(own, below, name=""):
        for key, value in own.items():
            if isinstance(value, dict) and isinstance(below.get(key), dict):
                yield from repeated(value, below[key], f"{name}{key}.")
            elif key in below and value == below[key]:
                yield f"{name}{key}"

    assert not list(repeated({k: v for k, v in plain.items() if k not in REPLACED}, base))


def test_an_empty_mapping_among_options_is_told(study_of, caplog):
    study = study_of({"parameters.yml": "sensor_faults: {levels: {}}\nrequirements: {}\n"})
    assert len(study.sensor_faults.levels) == 5 and not study.requirements.root
    assert [record.getMessage() for record in caplog.records] == [
        "sensor_faults.levels: {} changes nothing: an environment's options are merged with those of conf/base, which "
        "still hold dead_at_mean, dead_at_zero, gain_drift, offset_drift, saturation, requantization; none switches "
        "off what can be switched off"
    ]


def test_values_may_refer_to_others_across_files_and_to_what_was_given(study_of):
    files = {"parameters.yml": "fine_tuning: {epochs: '${training.epochs}', batch_size: 9}"}
    assert study_of(files, "training.epochs=9").fine_tuning.epochs == 9


def test_giving_nothing_for_a_part_is_told(study_of, caplog):
    study = study_of({"parameters.yml": "seeds: {a: 5, b: 6}\n"}, "seeds={}")
    assert study.seeds == {"a": 5, "b": 6}
    assert [record.getMessage() for record in caplog.records] == [
        "--params seeds={} changes nothing: values are merged with those of the study, and seeds still holds a, b; "
        "an environment's own seeds replaces them"
    ]


def test_what_is_added_to_an_axis_is_told(study_of, caplog):
    study = study_of({"parameters.yml": "seeds: {a: 5, b: 6}\n"}, "seeds={c: 7}", "precisions.qat4.weight_bits=3")
    assert study.seeds == {"a": 5, "b": 6, "c": 7}
    assert [record.getMessage() for record in caplog.records] == [
        "--params seeds: merged with those of the study, c added, 3 in all; an environment's own seeds replaces them"
    ]


def test_what_is_missing_of_a_part_that_was_given_is_to_be_given_with_it(study_of):
    with pytest.raises(LowlandError) as caught:
        study_of({"parameters.yml": "recipes: {plain: {kind: plain}}\n"}, "recipes.sharp.kind=sam")
    assert str(caught.value) == "parameter recipes.sharp.rho is missing; add it to --params"


@pytest.mark.parametrize(
    "files, dotted, lines",
    [
        (
            {
                "parameters_training.yml": "training: {epoch: 9, learning_rate: 0, per_task: {jets: {epochs: 2}}}",
            },
            (),
            [
                "parameter training.learning_rate (conf/mine/parameters_training.yml): got 0; should be greater than 0",
                "parameter training.per_task.jets.batch_size is missing, and so are learning_rate, schedule; add them "
                "to conf/mine/parameters_training.yml",
                "parameter training.epoch (conf/mine/parameters_training.yml) is not known; did you mean epochs?",
            ],
        ),
        (
            {"parameters.yml": "recipes: {yes: {kind: plain}}\nseeds: {1: 0}"},
            (),
            [
                "parameter recipes.True (conf/mine/parameters.yml): got True; YAML reads yes, no, on and off as truth "
                "values: put a name in quotes",
                "parameter seeds.1 (conf/mine/parameters.yml): got the number 1; a name starts with a letter",
            ],
        ),
        (
            {"parameters.yml": f"tasks: {{mine: {TASK}}}\nrequirements: {{min: {{}}}}"},
            (),
            [
                "parameter requirements.min (conf/mine/parameters.yml) is wrong: requirements names 'min', which is no "
                "task of this study; expected some of mine; did you mean mine?"
            ],
        ),
        (
            {"parameters.yml": ""},
            ("training.epoch=9", "trainin.epochs=9", "faults.codes.draws=0"),
            [
                "parameter training.epoch (--params) is not known; did you mean epochs?",
                "parameter faults.codes.draws (--params): got 0; should be greater than or equal to 2",
                "parameter trainin (--params) is not known; did you mean training?",
            ],
        ),
        (
            {"parameters.yml": "seeds: {s0: 0}", "parameters_more.yml": "seeds: {s0: 1}"},
            (),
            [
                "Duplicate keys found in conf/mine/parameters.yml and conf/mine/parameters_more.yml: seeds.s0; "
                "expected every name in one of them"
            ],
        ),
        (
            {"parameters.yml": "training: ${trianing}"},
            (),
            ["parameter training (conf/mine/parameters.yml): Interpolation key 'trianing' not found"],
        ),
        (
            {"parameters.yml": "", "tasks.yml": "tasks: {}"},
            (),
            [
                "conf/mine/tasks.yml: nobody reads a file of this name; expected parameters*.yml, globals.yml, "
                "catalog*.yml, credentials*.yml or logging.yml: rename it to parameters_tasks.yml"
            ],
        ),
        (
            {"parameters.yml": "input_noise: {kinds: [gaussian], levels: [20], draws: 2}"},
            (),
            [
                "parameter requirements.jets.needs[2].level (conf/base/parameters_decision.yml) is 10, "
                "which is not measured; expected one of 20, or add it to the study"
            ],
        ),
    ],
)
def test_all_mistakes_are_told_a_line_each_with_their_files(study_of, files, dotted, lines):
    with pytest.raises(LowlandError) as caught:
        study_of(files, *dotted)
    swapped = str(caught.value).replace(
        "parameters_more.yml and conf/mine/parameters.yml", "parameters.yml and conf/mine/parameters_more.yml"
    )  # in whichever order the file system names them
    assert swapped.splitlines() == lines


def test_files_in_folders_and_hidden_ones_are_as_kedro_has_them(study_of):
    files = {"parameters/half.yml": "half_life: {floor: 0.7}", ".old.yml": "nonsense: [", "catalog.yml": ""}
    assert study_of(files).half_life.floor == 0.7


def test_an_environment_that_does_not_exist_is_told_with_those_that_do(conf):
    with pytest.raises(LowlandError, match=r"--env is 'basee', but conf/basee does not exist; .*; did you mean base\?"):
        loader("basee", conf=conf)


def test_what_base_asks_of_its_own_task_is_not_asked_of_others(study_of):
    study = study_of({"parameters.yml": f"tasks: {{mine: {TASK}}}\nseeds: {{s0: 0}}\n" + ONE_FLOAT})
    assert study.requirements.root == {} and study.flip_map.precisions == 2
    found = grid.Grid(study)
    detailed = selected_cells(found, "landscape_detail")
    assert {cell.id for cell in detailed} == {f"mine.{recipe}.s0.only" for recipe in study.recipes}
    assert selected_cells(found, "flip_map", methods=("qat", "ptq")) == []


def test_names_in_base_of_base_alone_do_not_count_elsewhere(conf, study_of):
    base = conf / "base/parameters_landscape.yml"
    before = base.read_text()
    try:
        base.write_text(before.replace("precisions: 4", "precisions: [fp32, qat8]"))
        eight = "qat8: {method: qat, weight_bits: 8, activation_bits: 8}"
        study = study_of({"parameters.yml": f"precisions: {{{eight}}}"})
        assert study.landscape_detail.precisions == ("qat8",)
        base.write_text(before.replace("precisions: 4", "precisions: [fp32, qta8]"))
        with pytest.raises(LowlandError, match=r"names 'qta8'; expected some of qat8, or all; did you mean qat8\?"):
            study_of({"parameters.yml": f"precisions: {{{eight}}}"})
    finally:
        base.write_text(before)
