"""What a part of a study may add to results that are there."""

import pytest
from kedro.pipeline import Node, Pipeline

from lowland.errors import LowlandError
from lowland.runs.fingerprints import code_of_stages, fingerprints
from lowland.runs.mark import StudyMark, refuse_mixture, stale_nodes


def use(*_):
    return None


def study_of(*recipes):
    """raw -> splits -> a network and its map for every recipe -> page."""
    nodes = [Node(use, ["params:tasks", "raw"], "splits", name="prepare", tags=["preparation"])]
    for r in recipes:
        own = [f"params:recipes.{r}", "params:training", "splits"]
        nodes += [
            Node(use, own, f"{r}.model", name=f"{r}.train", tags=["training"]),
            Node(use, ["params:attacks", f"{r}.model"], f"{r}.rows", name=f"{r}.disturb", tags=["perturbation"]),
        ]
    rows = [f"{r}.rows" for r in recipes]
    nodes.append(Node(use, ["params:requirements", *rows], "page", name="page", tags=["tables", "gather"]))
    return Pipeline(nodes)


STUDY = study_of("plain", "noise")
PARAMETERS = {
    "tasks": {"jets": {}},
    "recipes": {"plain": {"kind": "plain"}, "noise": {"weight": 1}},
    "training": {"epochs": 20},
    "attacks": {"kinds": ["fgsm"]},
    "requirements": {"score": 0.6},
}
CODE = dict.fromkeys(("preparation", "training", "perturbation", "tables"), "a")


def mark(study=STUDY, *, code=(), raw="a", **changed):
    parameters, codes, data = PARAMETERS | changed, CODE | dict(code), {"raw": raw}
    nodes = fingerprints(study, parameters, code=codes, data=data)
    return StudyMark(parameters=parameters, code=codes, data=data, nodes=nodes)


MADE = mark()


def ask(now, part, *, before=MADE, study=STUDY, exists=lambda node: True):
    refuse_mixture(before, now, study=study, part=part, folder="data/mine", exists=exists)


def tagged(*tags, study=STUDY):
    return study.only_nodes_with_tags(*tags)


def only(recipe):
    return STUDY.only_nodes(f"{recipe}.train", f"{recipe}.disturb")


NINE = {"training": {"epochs": 9}}
REFUSED = "training.epochs is 9, and was 20 when they were made.*--tags training,perturbation,tables, nothing narrower"


@pytest.mark.parametrize(
    "part", [tagged("training"), tagged("tables"), only("plain"), tagged("perturbation", "tables")]
)
def test_a_part_with_another_parameter_is_refused_by_name(part):
    with pytest.raises(LowlandError, match=REFUSED) as caught:
        ask(mark(**NINE), part)
    assert "\n" not in str(caught.value) and "data/mine" in str(caught.value)


def test_results_that_are_not_on_record_are_told(caplog):
    ask(mark(**NINE), tagged("tables"), before=StudyMark())
    assert [record.getMessage() for record in caplog.records] == [
        "5 results in data/mine are not on record (brought by DVC, changed by hand or made by an earlier version): "
        "whether they are of these parameters and this code cannot be told"
    ]
    caplog.clear()
    ask(MADE, tagged("tables"))
    ask(MADE, tagged("tables"), before=StudyMark(), exists=lambda node: False)
    assert not caplog.records


def test_all_that_depends_on_a_change_may_run_again():
    ask(mark(**NINE), tagged("training", "perturbation", "tables"))
    ask(mark(**NINE), tagged("training", "perturbation"))
    ask(mark(attacks={"kinds": []}), tagged("perturbation", "tables"))
    ask(mark(code={"perturbation": "b"}), tagged("perturbation"))


def test_unchanged_and_first_parts_run():
    for part in (tagged("training"), tagged("tables"), only("plain"), tagged("perturbation")):
        ask(MADE, part)
        ask(mark(**NINE), part, before=StudyMark())


def test_a_changed_requirement_stops_nothing():
    changed = mark(requirements={"score": 0.9}, code={"tables": "b"})
    for part in (tagged("tables"), only("noise"), tagged("training")):
        ask(changed, part)


def test_a_recipe_more_may_come_alone_and_then_be_summarised():
    study = study_of("plain", "noise", "sam")
    wider = {"recipes": PARAMETERS["recipes"] | {"sam": {"rho": 0.1}}}
    now = mark(study, **wider)
    ask(now, study.only_nodes("sam.train", "sam.disturb"), study=study)
    joined = MADE.joined(now, ["sam.train", "sam.disturb"])
    ask(now, tagged("tables", study=study), study=study, before=joined)
    assert joined.nodes["plain.train"] == MADE.nodes["plain.train"]


def test_the_stages_one_by_one_with_one_parameter_and_then_another():
    before = StudyMark()
    for stage in ("preparation", "training", "perturbation"):
        part = tagged(stage)
        ask(mark(**NINE), part, before=before)
        before = before.joined(mark(**NINE), [node.name for node in part.nodes])
    ask(mark(**NINE), tagged("tables"), before=before)
    with pytest.raises(LowlandError, match="epochs is 20, and was 9"):
        ask(mark(), tagged("tables"), before=before)


def test_what_is_not_there_any_more_is_not_mixed():
    ask(mark(**NINE), tagged("training"), exists=lambda node: False)


def test_changed_code_and_data_are_named():
    with pytest.raises(LowlandError, match="the code of training has changed since"):
        ask(mark(code={"training": "b"}), tagged("tables"))
    with pytest.raises(LowlandError, match="the data raw have changed since"):
        ask(mark(raw="b"), tagged("preparation"))


def names(nodes):
    return {node.name for node in nodes}


def test_what_is_stale_is_made_again_and_nothing_else():
    whole = {"part": STUDY, "file": "data/.run-study", "exists": lambda node: True}
    assert stale_nodes(MADE, MADE, **whole) == []
    asked = names(stale_nodes(MADE, mark(requirements={"score": 0.9}), **whole))
    assert asked and not any("train" in name or "disturb" in name for name in asked)
    trained = names(stale_nodes(MADE, mark(**NINE), **whole))
    assert {"plain.train", "plain.disturb"} <= trained and "prepare" not in trained
    assert stale_nodes(MADE, mark(**NINE), **(whole | {"exists": lambda node: False})) == []


def test_results_of_which_nothing_is_known_are_not_resumed():
    whole = {"part": STUDY, "file": "data/.run-study"}
    with pytest.raises(LowlandError, match=r"data/\.run-study is missing"):
        stale_nodes(StudyMark(), MADE, exists=lambda node: True, **whole)
    part = StudyMark().joined(MADE, ["prepare"])
    with pytest.raises(LowlandError, match="is not on record"):
        stale_nodes(part, MADE, exists=lambda node: True, **whole)
    assert stale_nodes(part, MADE, exists=lambda node: node.name == "prepare", **whole) == []


def test_a_mark_comes_back_and_a_broken_one_says_nothing(tmp_path):
    MADE.write(tmp_path / "new")
    assert StudyMark.read(tmp_path / "new") == MADE
    (tmp_path / "new/.run-study").write_text("{")
    assert StudyMark.read(tmp_path / "new") == StudyMark.read(tmp_path) == StudyMark()


def test_the_code_of_a_stage_is_what_dvc_declares(tmp_path):
    for name in ("a", "b"):
        (tmp_path / "src" / name).mkdir(parents=True)
        (tmp_path / "src" / name / "code.py").write_text("x = 1\n")
    declared = "stages: {one: {deps: [src/a, data]}, two: {deps: [src/b/code.py]}}\n"
    (tmp_path / "dvc.yaml").write_text(declared)
    before = code_of_stages(tmp_path, {"one", "two", "other"})
    (tmp_path / "src/b/code.py").write_text("x = 2\n")
    after = code_of_stages(tmp_path, {"one", "two", "other"})
    assert {stage for stage in before if before[stage] != after[stage]} == {"two", "other"}
