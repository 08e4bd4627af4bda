"""Sets that are drawn from what the others leave, in the tasks that can have them."""

import numpy as np
import pandas as pd
import pytest
import torch

from lowland.tasks import TaskOptions, build_task
from lowland.tasks.jets import CLASSES, FEATURES
from tests.tasks.table.tables import turbines
from tests.tasks.text.made_corpus import write_corpus


def same_tensors(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def bytes_of(samples):
    return {row.numpy().tobytes() for row in samples.inputs}


@pytest.mark.parametrize("kind", ["jets", "digits", "mnist", "table", "grouped table", "sentiment"])
def test_every_tasks_other_sets_stay_the_same_bytes_and_no_row_is_in_two(kind, tmp_path):
    few = {"train_rows": 80, "validation_rows": 40, "landscape_rows": 40, "test_rows": 60}
    draws = np.random.default_rng(0)
    if kind == "jets":
        raw = pd.DataFrame(draws.normal(size=(400, 16)).astype("float32"), columns=FEATURES)
        raw = raw.assign(label=[CLASSES[row % 5] for row in range(400)], set="nominal")
        raw.loc[340:, "set"] = ["smeared", "pileup", "high_pt"] * 20
        options = few | {"kind": "jets", "source": "file", "hidden": [4]}
    elif kind == "digits":
        options, raw = few | {"kind": "images", "source": "digits", "shift": "none"}, None
    elif kind == "mnist":
        shades = {f"x_{part}": draws.integers(0, 256, (300, 28, 28), dtype=np.uint8) for part in ("train", "test")}
        classes = {f"y_{part}": np.arange(300, dtype=np.uint8) % 10 for part in ("train", "test")}
        np.savez(tmp_path / "mnist.npz", **shades, **classes)
        options, raw = (
            few | {"kind": "images", "source": "mnist", "shift": "none", "path": tmp_path / "mnist.npz"},
            None,
        )
    elif kind == "sentiment":
        path = write_corpus(tmp_path, texts=400, worlds=("product",))
        options, raw = few | {"kind": "sentiment", "path": str(path), "world": "product", "shifted": "none"}, None
    else:
        turbines().to_csv(tmp_path / "turbines.csv", index=False)
        options = few | {"kind": "table", "path": str(tmp_path / "turbines.csv"), "hidden": [4], "missing": "mean"}
        options |= {"features": ["wind", "speed"], "target": "bearing", "classes": {"sound": 0, "worn": [1, 2]}}
        options |= {"group": "turbine"} if kind == "grouped table" else {}
        raw = None

    def prepared(**extra):
        task = build_task(TaskOptions.model_validate(options | extra))
        table = task.fetch() if raw is None else raw
        task.check(table, kind)
        return task.prepare(table)

    asked = 60 if kind == "grouped table" else 30
    usual, more = prepared(), prepared(threshold_rows=asked, retraining_rows=50)
    tensors = more.to_tensors()
    for name in ("threshold", "retraining"):
        least = 2 if name == "threshold" and kind in ("grouped table", "sentiment") else 20  # one of each group
        assert len(more[name].inputs) == len(tensors.pop(f"{name}/inputs")) >= least
        tensors.pop(f"{name}/targets")
        for other in more:
            shared = bytes_of(more[name]) & bytes_of(more[other])
            # Rows of different groups of a table may agree in two columns, texts in all words of the vocabulary.
            assert other == name or "table" in kind or kind == "sentiment" or not shared
    assert same_tensors(usual.to_tensors(), tensors)
    alone = prepared(threshold_rows=asked)
    assert torch.equal(alone["threshold"].inputs, more["threshold"].inputs), "whether or not there is more"
