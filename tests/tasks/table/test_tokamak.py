"""The environment on real plasma data: its parameters always, its data where they are."""

from itertools import combinations
from pathlib import Path

import pytest
from kedro.framework.project import settings

from lowland.config import validate
from lowland.config_loader import StudyConfigLoader
from lowland.tasks import build_task
from tests.real_data import folder, needs

ROOT = Path(__file__).resolve().parents[3]
FILE = "tokamak/d3d_ae_2513.csv"
DATA = folder() / FILE
needs_data = needs(FILE)


@pytest.fixture(scope="module")
def study():
    loader = StudyConfigLoader(str(ROOT / "conf"), env="tokamak", **settings.CONFIG_LOADER_ARGS)
    return validate(dict(loader["parameters"]))


def test_the_modes_differ_in_their_label_alone(study):
    options = [task.root for task in study.tasks.values()]
    assert {o.target for o in options} == {f"label_{name}" for name in study.tasks}
    assert len({o.model_copy(update={"target": ""}).model_dump_json() for o in options}) == 1


@needs_data
@pytest.mark.parametrize("name, rows", [("tae", 2274), ("rsae", 2482), ("bae", 2464)])
def test_no_discharge_crosses_sets_and_later_ones_come_later(study, name, rows):
    task = build_task(study.tasks[name].root.model_copy(update={"path": DATA}))
    raw = task.fetch()
    task.check(raw, str(DATA))
    sets = task._sets(raw)
    assert len(raw) == rows == sum(map(len, sets.values()))
    shots = {part: set(raw["shot"][chosen]) for part, chosen in sets.items()}
    assert not any(shots[a] & shots[b] for a, b in combinations(shots, 2))
    assert min(shots.pop("later")) > max(max(numbers) for numbers in shots.values())
    splits = task.prepare(raw)
    assert splits["train"].inputs.shape[1] == 84 and splits["train"].inputs.abs().max() < 10
    shares = [splits[part].targets.bincount() / len(splits[part].targets) for part in shots]
    assert all((share - shares[0]).abs().max() < 0.02 for share in shares)
