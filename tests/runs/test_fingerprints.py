"""A changed option makes stale what is made from it, and nothing else."""

import pytest
from kedro.pipeline import Node, Pipeline

from lowland import grid
from lowland.placing import build
from lowland.runs.fingerprints import fingerprints
from lowland.stages import all_stages, closing_stages
from tests.studies import default_parameters


def study_with(**options):
    raw = default_parameters()
    recipes = {name: raw["recipes"][name] for name in list(raw["recipes"])[:1]}
    asked = raw | {"recipes": recipes, "seeds": {"s0": 0}, "qat_recipes": "all", "requirements": {}}
    for part, changes in options.items():
        asked[part] = asked[part] | changes
    return grid.Grid(grid.validate(asked))


def fingerprints_of(study):
    pipelines = build(all_stages(), study)
    whole = Pipeline(list(pipelines.values()))
    parameters = study.study.model_dump(mode="json") | study.added_parameters()
    closes = {node.name for name, part in pipelines.items() if name in closing_stages() for node in part.nodes}
    return fingerprints(whole, parameters, code={}, data={}), closes


@pytest.mark.parametrize(
    ("part", "changes", "made_again"),
    [
        ("attacks", {"num_steps": 7}, {"under_attack"}),
        ("input_noise", {"draws": 9}, {"under_noise"}),
        ("flip_map", {"search_flips": 3}, {"map_flips"}),
        ("half_life", {"floor": 0.5}, {"under_attack", "under_noise", "under_faults", "with_broken_sensors"}),
    ],
)
def test_a_changed_option_reruns_its_own_family(part, changes, made_again):
    before, _ = fingerprints_of(study_with())
    after, closes = fingerprints_of(study_with(**{part: changes}))
    changed = {name for name in after if after[name] != before.get(name)}
    assert {name.rpartition(".")[2] for name in changed - closes} == made_again
    assert any(name.endswith("report") for name in changed & closes)


def use(*_):
    return None


def test_what_follows_from_a_raw_table_follows_from_its_bytes_whatever_made_it():
    made = Node(use, "params:tasks", "raw", name="ingest", tags=["ingestion"])
    study = Pipeline([made, Node(use, "raw", "splits", name="prepare", tags=["preparation"])])

    def found(tasks, bytes_of_it):
        return fingerprints(study, {"tasks": tasks}, code={}, data={"raw": bytes_of_it})

    before = found("simulated", "a")
    other = found("read", "a")
    assert other["ingest"] != before["ingest"] and other["prepare"] == before["prepare"]
    assert found("simulated", "b")["prepare"] != before["prepare"]


def test_the_code_of_a_part_is_its_own():
    node = Node(use, "raw", "rows", name="attack", tags=["perturbation", "perturbation.attacks"])
    one, other = (
        fingerprints(Pipeline([node]), {}, code={"perturbation.attacks": code}, data={}) for code in ("a", "b")
    )
    assert one != other


def test_a_users_own_code_makes_all_of_its_task_stale_and_nothing_of_others():
    study = Pipeline(
        [
            Node(use, "params:a", "mine.splits", name="prepare", tags=["preparation"], namespace="mine"),
            Node(use, "mine.splits", "mine.net", name="train", tags=["training"], namespace="mine.plain.s0"),
            Node(use, "params:a", "jets.splits", name="prepare", tags=["preparation"], namespace="jets"),
            Node(use, ["mine.net", "jets.splits"], "page", name="page", tags=["report"]),
        ]
    )

    def found(code):
        return fingerprints(study, {"a": 1}, code={"preparation": "x"} | code, data={})

    before, after, none = found({"tasks.mine": "a"}), found({"tasks.mine": "b"}), found({})
    assert {node for node in before if before[node] != after[node]} == {"mine.prepare", "mine.plain.s0.train", "page"}
    assert before["jets.prepare"] == none["jets.prepare"]
