import copy

import pytest

from lowland import grid
from lowland.config import validate
from lowland.errors import LowlandError
from lowland.measurements import WITH_CODES
from lowland.selection import Selection
from tests.studies import default_parameters, selected_cells


@pytest.fixture(scope="module")
def good():
    return default_parameters()


def changed(good, path, value):
    raw = copy.deepcopy(good)
    *branches, leaf = path.split("/")
    here = raw
    for branch in branches:
        here = here[branch]
    here[leaf] = value
    return raw


def test_the_committed_parameters_are_valid(good):
    study = validate(good)
    assert len(study.recipes) >= 8 and len(study.precisions) == 7 and len(study.seeds) == 3


NEEDS = "requirements/jets/needs"


@pytest.mark.parametrize(
    "path, value, message",
    [
        ("recipes/plain", {"kind": "plane"}, r"recipes\.plain\.kind: got 'plane'; expected .*'jacobian'"),
        ("recipes/jacobian_1e-2", {"kind": "jacobian", "weight": -1}, r"recipes\.jacobian_1e-2\.weight: got -1"),
        ("recipes/plain", {"kind": "noise", "noise": "red", "level": 5}, r"recipes\.plain\.noise: got 'red'; should"),
        ("recipes/plain", {"kind": "noise", "noise": "uniform", "level": -1}, r"recipes\.plain\.level: got -1"),
        ("recipes/plain", {"kind": "bit_errors", "rate": 0.1}, r"recipes\.plain\.bits is missing"),
        ("training/schedule", "step", r"every is missing with schedule step; expected every \(epochs\) and factor"),
        ("tasks/jets/kind", "jest", r"tasks\.jets.*got 'jest'"),
        ("precisions/qat8", {"method": "qta", "weight_bits": 8, "activation_bits": 8}, r"precisions\.qat8.*'qta'"),
        ("precisions/qat8", {"method": "qat", "weight_bits": 0, "activation_bits": 8}, r"precisions\.qat8.*0"),
        ("precisions/qat8", {"method": "qat", "weight_bits": 1, "activation_bits": 8}, r"precisions\.qat8.*1"),
        ("precisions/qat8", {"method": "ptq", "weight_bits": 33, "activation_bits": 8}, r"precisions\.qat8.*33"),
        ("precisions", {}, r"parameter precisions is empty; expected at least one entry"),
        ("recipes", {}, r"parameter recipes is empty"),
        ("seeds", {}, r"parameter seeds is empty"),
        ("tasks", {}, r"parameter tasks is empty"),
        ("seeds", {"pairs": 0}, r"parameter seeds\.pairs: got 'pairs'"),
        ("seeds", {"s.0": 0}, r"got 's\.0'; a name must start"),
        ("training/epochs", 0, r"training\.epochs: got 0"),
        ("training/learning_rate", -0.1, r"training\.learning_rate: got -0\.1"),
        ("training/epoch", 3, r"parameter training\.epoch is not known; did you mean epochs\?"),
        ("training/per_task", {"jest": {}}, r"training\.per_task\.jest\.epochs is missing"),
        ("qat_recipes", ["plane"], r"qat_recipes names 'plane'; expected some of plain, .*, or all"),
        ("qat_recipes", "none", r"qat_recipes.*: got 'none'; expected all, or a list of names"),
        ("input_noise/levels", [120], r"input_noise\.levels\.0: got 120"),
        ("input_noise/kinds", ["poisson"], r"input_noise\.kinds\.0: got 'poisson'"),
        ("recipes/plain", {"weight": 1.0}, r"recipes\.plain\.kind: got None; expected a name"),
        ("seeds", {"s0": 0, "s1": 0}, r"equal numbers would repeat the same training"),
        ("seeds", {"s0": True}, r"seeds\.s0: got True"),
        ("seeds", {"summary": 0}, r"seeds\.summary: got 'summary'; a name must start"),
        ("recipes/jacobian_1e-2/num_projections", 9, r"num_projections is 9; expected 1 to 5"),
        ("input_noise/levels", [5, 5], r"levels names an entry twice"),
        ("input_noise/draws", 1, r"input_noise\.draws: got 1"),
        ("faults/codes/counts", [1, 1], r"counts names an entry twice"),
        ("faults/codes", {"counts": [], "bit_error_rates": [], "draws": 2}, r"both empty; expected levels"),
        ("flip_map/precisions", ["fp32"], r"flip_map\.precisions names 'fp32'; expected some of qat8, .*, or all"),
        ("flip_map/seeds", "every", r"flip_map\.seeds: got 'every'; expected all, or a valid integer"),
        ("faults/cosmic", {"draws": 2}, r"parameter faults\.cosmic is not known; expected some of encoding, codes, "),
        ("faults/code", {"draws": 2}, r"parameter faults\.code is not known; did you mean codes\?"),
        ("faults/encoding", "gray", r"faults.*encoding is 'gray'; expected one of twos_complement"),
        (
            "faults/upsets/length",
            9,
            r"faults\.upsets\.length is 9; expected at most 8, the width of the widest weights",
        ),
        ("faults/ranked", {"counts": [1], "draws": 2}, r"parameter faults\.ranked\.draws is not known"),
        ("faults/codes", "none", r"needs\[3\]\.target is missing; expected one of scales"),
        ("sensor_faults/levels", {"dead": [5]}, r"sensor_faults\.levels\.dead: got 'dead'"),
        ("sensor_faults/levels", {"requantization": [2.5]}, r"requantization level is 2\.5; expected whole bits"),
        ("attacks/norms", ["l1"], r"attacks\.norms\.0: got 'l1'"),
        ("half_life/floor", "half", r"half_life\.floor.*: got 'half'"),
        (
            "requirements/jest",
            {"needs": [{"at_least": 0.6}]},
            r"requirements names 'jest', which is no task of this study.*jets",
        ),
        (NEEDS, [{"at_least": 62}], r"needs\[0\]\.at_least is 62; expected 0 to 1, .*accuracy.*; 62 % is 0\.62$"),
        (NEEDS, [{"at_least": -0.1}], r"requirements\.jets\.needs\[0\]\.at_least is -0\.1; expected 0 to 1"),
        (NEEDS, [{"measure": "size"}], r"requirements\.jets\.needs\.0: .*neither at_least nor at_most is given"),
        (NEEDS, [{"at_least": 0.5, "level": "most"}], r"needs\.0\.level: got 'most'; expected mean, or a valid number"),
        ("requirements/jets/minimum_accuracy", 0.6, r"requirements\.jets\.minimum_accuracy is not known"),
        ("requirements/jets", {"prefer": ["beauty"]}, r"prefer\[0\]\.measure is 'beauty'; expected one of score, loss"),
        ("requirements/jets", {"prefer": []}, r"requirements\.jets\.prefer is empty; expected at least one entry"),
        (
            "half_life/floor",
            70,
            r"half_life\.floor is 70; .* \(a guess among 5 classes\) to less than 1 .*; 70 % is 0\.7$",
        ),
        ("half_life/floor", 0.1, r"half_life\.floor is 0\.1; expected halfway, or 0\.2 "),
        ("half_life/floor", 1.0, r"half_life\.floor is 1; expected halfway"),
        ("flip_map/seeds", 5, r"flip_map\.seeds is 5; expected 0 to 3, the seeds of this study, or all"),
        (
            "landscape_detail/seeds",
            4,
            r"landscape_detail\.seeds is 4; expected 0 to 3, the seeds of this study, or all",
        ),
        ("landscape_detail/pairs", 4, r"landscape_detail\.pairs is 4; expected 0 to 3, the pairs of 3 seeds, or all"),
        ("landscape_detail/precisions", -1, r"got -1; expected a list of names, a number of them from the first, all"),
        ("landscape_detail/precisions", True, r"got True; expected a list of names, a number of them from the first"),
        ("flip_map/precisions", ["qta8"], r"names 'qta8'; expected some of .*; did you mean qat8\?"),
        (
            "faults/codes/counts",
            [20_000],
            r"faults\.codes\.counts names 20000 flips; expected at most 14896, .*jets at qat2",
        ),
        ("tasks/jets/train_row", 9, r"parameter tasks\.jets\.train_row is not known; did you mean train_rows\?"),
        ("recipes/plain", {"kind": "plane"}, r"; did you mean plain\?$"),
        (
            "recipes",
            {True: {"kind": "plain"}},
            r"recipes\.True: got True; YAML reads yes, no, on and off as truth values",
        ),
        ("seeds", {1: 0}, r"parameter seeds\.1: got the number 1; a name starts with a letter"),
        ("input_noise/kinds", [False], r"kinds\.0: got False; .*YAML reads yes, no, on and off as truth values"),
        ("training", 5, r"parameter training: got 5; should be a mapping$"),
        (
            NEEDS,
            [{"condition": "pile_up", "at_least": 0.5}],
            r"needs\[0\]\.condition is 'pile_up', which is not measured; .*; did you mean pileup\?$",
        ),
        ("faults/codes/bit_error_rates", [2.0], r"faults\.codes\.bit_error_rates\.0: got 2\.0"),
    ],
)
def test_a_wrong_parameter_is_one_line_that_names_it(good, path, value, message):
    with pytest.raises(LowlandError, match=message) as caught:
        validate(changed(good, path, value))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


FRAMES = {
    "kind": "fusion",
    "source": "simulated",
    "train_rows": 9,
    "validation_rows": 9,
    "landscape_rows": 9,
    "test_rows": 9,
}


def test_a_floor_in_numbers_needs_tasks_of_one_score(good):
    raw = changed(good, "half_life/floor", 0.6)
    assert validate(raw).half_life.floor == 0.6
    told = r"half_life\.floor is 0\.6; expected halfway: .* \(accuracy, vector_error\)"
    validate(changed(good, "tasks/frames", FRAMES))
    with pytest.raises(LowlandError, match=told):
        validate(changed(raw, "tasks/frames", FRAMES))


def test_label_smoothing_is_for_tasks_that_name_classes(good):
    raw = changed(good, "recipes/smooth", {"kind": "label_smoothing", "smoothing": 0.1})
    assert validate(raw).recipes["smooth"].root.smoothing == 0.1
    told = r"recipes\.smooth\.kind is label_smoothing; expected another recipe: task frames is no classification$"
    with pytest.raises(LowlandError, match=told) as caught:
        validate(changed(raw, "tasks/frames", FRAMES))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"path": "x.h5"}, r"parameter tasks\.frames: got .*; path is x\.h5 with source simulated"),
        ({"source": "hdf"}, r"parameter tasks\.frames\.source: got 'hdf'"),
        ({"channels": [1, 2]}, r"parameter tasks\.frames\.channels\.2 is missing"),
        ({"path": 3, "source": "file"}, r"parameter tasks\.frames\.path: got 3"),
        ({"path": "x.h5", "source": "file", "shifted": ["gaussian"]}, r"parameter tasks\.frames: .* rename the group"),
    ],
)
def test_a_wrong_option_of_a_kind_of_task_is_named_without_its_kind(good, change, message):
    with pytest.raises(LowlandError, match=message) as caught:
        validate(changed(good, "tasks/frames", FRAMES | change))
    assert "\n" not in str(caught.value)


def test_a_missing_parameter_is_named(good):
    raw = copy.deepcopy(good)
    del raw["training"]["epochs"]
    with pytest.raises(LowlandError, match=r"parameter training\.epochs is missing"):
        validate(raw)


@pytest.mark.parametrize("parameter", ["training", "fine_tuning"])
def test_training_options_of_a_task_that_is_not_studied_are_refused(good, parameter):
    plan = good[parameter] | {"per_task": {"jest": good[parameter]}}
    with pytest.raises(LowlandError, match=rf"{parameter}\.per_task names 'jest'; expected some of jets"):
        validate(good | {parameter: plan})


def test_requirements_about_what_is_not_measured_are_refused_at_once(good):
    demand = {"jets": {"needs": [{"condition": "gaussian", "level": 7, "at_least": 0.5}]}}
    where = r"requirements\.jets\.needs\[0\]\.level"
    with pytest.raises(LowlandError, match=where + " is 7, which is not measured; expected one of 5, 10"):
        validate(changed(good, "requirements", demand))


def test_all_mistakes_are_told_a_line_each(good):
    raw = changed(changed(good, "training/learning_rate", 0), "flip_map/rows", 3)
    raw["training"]["batch"] = raw["training"].pop("batch_size")
    raw["trainin"] = {}
    with pytest.raises(LowlandError) as caught:
        validate(raw)
    assert str(caught.value).splitlines() == [
        "parameter training.learning_rate: got 0; should be greater than 0",
        "parameter training.batch is not known; did you mean batch_size?",
        "parameter flip_map.rows: got 3; expected all, or greater than or equal to 10",
        "parameter trainin is not known; did you mean training?",
    ]


def test_parameters_that_do_not_fit_together_are_all_told(good):
    raw = changed(changed(good, "flip_map/seeds", 5), "half_life/floor", 2.0)
    with pytest.raises(LowlandError) as caught:
        validate(raw)
    assert [line.split(" is ")[0] for line in str(caught.value).splitlines()] == [
        "parameter half_life.floor",
        "parameter flip_map.seeds",
    ]


@pytest.mark.parametrize("nothing", ["none", None])
@pytest.mark.parametrize(
    "path, measured",
    [
        ("sensor_faults", lambda study: study.sensor_faults.levels),
        ("sensor_faults/levels", lambda study: study.sensor_faults.levels),
        ("corruptions", lambda study: study.corruptions.kinds),
        ("corruptions/kinds", lambda study: study.corruptions.kinds),
        ("token_corruptions", lambda study: study.token_corruptions.levels),
        ("token_corruptions/levels", lambda study: study.token_corruptions.levels),
        ("token_corruptions/levels/truncation", lambda study: study.token_corruptions.levels.get("truncation")),
        ("attacks", lambda study: study.attacks.kinds),
        ("attacks/kinds", lambda study: study.attacks.kinds),
        ("sensor_faults/levels/gain_drift", lambda study: study.sensor_faults.levels.get("gain_drift")),
        ("faults/scales", lambda study: study.faults.scales),
        ("faults/activations", lambda study: study.faults.activations),
        ("landscape_detail/precisions", lambda study: study.landscape_detail.precisions),
        ("flip_map/precisions", lambda study: study.flip_map.precisions),
    ],
)
def test_none_switches_off_where_the_comments_say_so(good, path, nothing, measured):
    assert measured(validate(good)) and not measured(validate(changed(good, path, nothing)))


def test_a_study_of_one_seed_needs_no_pair(good):
    assert validate(changed(good, "seeds", {"s0": 0})).landscape_detail.pairs == 1


def test_base_pictures_and_maps_the_precisions_it_always_did(good):
    study = grid.Grid(validate(good))
    detailed, mapped = selected_cells(study, "landscape_detail"), selected_cells(study, "flip_map", methods=WITH_CODES)
    assert {cell.precision for cell in detailed} == {"fp32", "qat8", "qat4", "qat2"}
    assert {cell.precision for cell in mapped} == {"qat8", "qat4"}
    assert {
        cell.seed
        for cell in selected_cells(study, "landscape_detail") + selected_cells(study, "flip_map", methods=WITH_CODES)
    } == {"s0"}


@pytest.mark.parametrize(
    "selected, expected", [(0, []), (2, ["a", "b"]), (9, ["a", "b", "c"]), ("all", ["a", "b", "c"])]
)
def test_a_number_selects_the_first_so_many(selected, expected):
    assert list(Selection(precisions=selected, seeds=1).of(["a", "b", "c"])) == expected


def test_requirements_may_be_left_empty(good):
    assert validate(good).requirements.root
    for nothing in (None, "none", {}):
        assert not validate(changed(good, "requirements", nothing)).requirements.root


def test_all_faults_can_be_switched_off_at_once(good):
    raw = changed(good, "requirements", None)
    assert validate(raw).faults.by_fault and not validate(changed(raw, "faults", "none")).faults.by_fault


def test_a_number_of_epochs_leaves_nothing_of_auto(good):
    plan = validate(changed(good, "training/epochs", 9)).training
    assert good["training"]["steps"] and good["training"]["patience"]
    assert (plan.epochs, plan.steps, plan.patience) == (9, None, None)
    with pytest.raises(LowlandError, match=r"training\.steps: got 0"):
        validate(changed(changed(good, "training/epochs", 9), "training/steps", 0))


def test_batch_sensitivity_can_be_required_where_a_precision_is_dynamic(good):
    demand = {"jets": {"needs": [{"measure": "batch_sensitivity", "at_most": 0.01}]}}
    with pytest.raises(LowlandError, match=r"requirements\.jets\.needs\[0\]"):
        validate(changed(good, "requirements", demand))
    dynamic = {"method": "dynamic", "weight_bits": 8, "activation_bits": 8, "runtime": "onnxruntime"}
    study = validate(changed(changed(good, "precisions/dyn8", dynamic), "requirements", demand))
    assert study.precisions["dyn8"].runtime == "onnxruntime" and "dyn8" in study.deployed
