"""A first study of one's own: what the default training reaches on small tables, beside scikit-learn's networks.

    python benchmarks/first_study.py
    python benchmarks/first_study.py --seeds 5
    python benchmarks/first_study.py --training epochs=20 batch_size=1024 --fine-tuning epochs=7 batch_size=1024
    python benchmarks/first_study.py --quick    # one seed of two tables: does it work?

Every table is one CSV file, told by the parameters of docs/data/tables.md: wine, breast cancer and diabetes that come
with scikit-learn, and a turbine's ``bearing`` and ``power``, made here. ``lowland`` trains with ``training`` and
``fine_tuning`` of ``conf/base``; scikit-learn's ``MLPClassifier`` and ``MLPRegressor`` have their default size and
``early_stopping``, and get training and validation rows, of which they hold out a tenth themselves. Inputs, and targets
that are numbers, are standardised for both. Scores are the task's own on the same test rows, means over the seeds.
"shares" are (score - guess) / (score of scikit-learn's network - guess): at least 0.9 is as good as scikit-learn's.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np
import pandas as pd
import torch
import yaml
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from lowland.architectures import initialised_network
from lowland.quantization import Precision, build_quantized, calibrate, freeze
from lowland.tasks import Splits, Task
from lowland.tasks.table import TableOptions, build_table
from lowland.training import Recipe, TrainingData, TrainingOptions, train

CONF = Path(__file__).parents[1] / "conf/base"
SIZES = {"train_rows": 600, "validation_rows": 100, "landscape_rows": 100, "test_rows": 200, "hidden": [16, 8]}
INPUT_BITS = 8
EIGHT = {"weight_bits": 8, "activation_bits": 8}


def turbines(rows: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Seven rows a turbine: power grows with the cube of the wind up to a rating, bearings wear with load and age."""
    draws = np.random.default_rng(seed)
    turbine = np.arange(rows) // 7
    year = 2010 + turbine * 15 // (turbine.max() + 1)
    wind = draws.gamma(4, 2, rows)
    speed = 6 + 9 * np.tanh(wind / 9) + draws.normal(0, 0.5, rows)
    load = np.clip((wind / 12) ** 3, 0, 1)
    power = 600 * load * (1 + 0.03 * draws.normal(size=rows)) + draws.normal(0, 8, rows)
    vibration = draws.normal(0, 1, rows)
    temperature = 35 + 18 * load + 6 * vibration + draws.normal(0, 3, rows)
    wear = np.digitize(vibration + 0.3 * draws.normal(size=rows), [0.2, 1.1])
    return pd.DataFrame(
        {
            "turbine": [f"T{number:03d}" for number in turbine],
            "year": year,
            "wind": wind,
            "speed": speed,
            "temperature": np.where(draws.random(rows) < 0.03, -99.0, temperature),
            "note_code": draws.integers(0, 9, rows),
            "bearing": np.where(draws.random(rows) < 0.02, -1, wear),
            "power": power,
        }
    )


def tasks(folder: Path) -> Iterator[tuple[str, Task]]:
    """The tables as files in a folder, and their tasks."""

    def table(name: str, **options: Any) -> tuple[str, Task]:
        return name, build_table(TableOptions(kind="table", **{**SIZES, **options}))

    for name in ("wine", "breast_cancer", "diabetes"):
        bunch = getattr(datasets, f"load_{name}")(as_frame=True)
        path = folder / f"{name}.csv"
        bunch.frame.to_csv(path, index=False)
        classes = sorted(map(int, set(bunch.target))) if name != "diabetes" else None
        yield table(name, path=path, features="all", target="target", classes=classes)
    path = folder / "turbines.csv"
    turbines().to_csv(path, index=False)
    both = {"path": path, "group": "turbine", "missing_codes": [-99]}
    yield table(
        "bearing",
        **both,
        features="all",
        drop=["note_*"],
        target="bearing",
        classes={"sound": [0], "worn": [1, 2]},
        shift={"column": "year", "share": 0.2},
        missing="mean",
        clip_quantile=0.01,
    )
    yield table("power", **both, features=["wind", "speed", "temperature"], target="power", missing="drop")


def score(task: Task, outputs: torch.Tensor, splits: Splits) -> float:
    """The headline score on test rows."""
    return float(task.sample_scores(outputs, splits.held_out.samples.targets).double().mean())


def sklearn_score(task: Task, splits: Splits, seed: int) -> float:
    """What a network of scikit-learn reaches."""
    inputs = torch.cat([splits["train"].inputs, splits["validation"].inputs]).numpy()
    targets = torch.cat([splits["train"].targets, splits["validation"].targets]).numpy()
    with catch_warnings():
        simplefilter("ignore", ConvergenceWarning)
        if task.is_classifier:
            model = MLPClassifier(early_stopping=True, random_state=seed).fit(inputs, targets)
            return score(task, torch.from_numpy(model.predict_proba(splits.held_out.samples.inputs.numpy())), splits)
        model = MLPRegressor(early_stopping=True, random_state=seed).fit(inputs, targets[:, 0])
        return score(task, torch.from_numpy(model.predict(splits.held_out.samples.inputs.numpy()))[:, None], splits)


def own_scores(
    task: Task, splits: Splits, training: TrainingOptions, tuning: TrainingOptions, seed: int
) -> dict[str, float]:
    """What the defaults of a study reach in float, fine-tuned to 8 bits, and rounded to 8 bits after training."""
    recipe, key = Recipe.model_validate({"kind": "plain"}).root, ("first study", seed)
    network = initialised_network(task.network_spec_for(splits["train"]), key=key)
    data = TrainingData(splits["train"], splits["validation"], task.loss)
    began = time.perf_counter()
    result = train(network, data, recipe=recipe, options=training, key=key)
    found = {
        "float": score(task, result.network(splits.held_out.samples.inputs).detach(), splits),
        "passes": float(len(result.curves)),
        "seconds": time.perf_counter() - began,
    }
    for name, precision in (("qat8", Precision(method="qat", **EIGHT)), ("ptq8", Precision(method="ptq", **EIGHT))):
        inputs = splits["train"].inputs
        signed = bool((inputs < 0).any())
        quantized = calibrate(build_quantized(network, precision, input_bits=INPUT_BITS, input_signed=signed), inputs)
        if name == "qat8":
            quantized = train(quantized, data, recipe=recipe, options=tuning, key=(*key, "fine-tuning")).network
        with torch.no_grad():
            found[name] = score(task, freeze(quantized).deployed_outputs(splits.held_out.samples.inputs), splits)
    return found


def options(part: str, file: str, changes: list[str]) -> TrainingOptions:
    """Those of conf/base, some changed."""
    told = yaml.safe_load((CONF / file).read_text())[part]
    return TrainingOptions.model_validate(told | {k: yaml.safe_load(v) for k, v in (c.split("=") for c in changes)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--training", nargs="*", default=[], metavar="NAME=VALUE", help="changes of conf/base")
    parser.add_argument("--fine-tuning", nargs="*", default=[], metavar="NAME=VALUE", help="likewise")
    parser.add_argument("--quick", action="store_true", help="one seed of two tables: a try, no figures")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    training = options("training", "parameters_training.yml", arguments.training)
    tuning = options("fine_tuning", "parameters_quantization.yml", arguments.fine_tuning)
    lines = []
    with TemporaryDirectory() as folder:
        for name, task in tasks(Path(folder)):
            if arguments.quick and name not in ("wine", "diabetes"):
                continue
            raw = task.fetch()
            task.check(raw, name)
            splits = task.prepare(raw)
            seeds = range(1 if arguments.quick else arguments.seeds)
            peer = float(np.mean([sklearn_score(task, splits, seed) for seed in seeds]))
            own = pd.DataFrame([own_scores(task, splits, training, tuning, seed) for seed in seeds]).mean()
            guess = score(
                task, task.guess_outputs(splits["train"].targets, len(splits.held_out.samples.targets)), splits
            )
            length = training.resolve(len(splits["train"].targets))
            line = {"task": name, "rows": len(splits["train"].targets), "batch": length.batch_size, "guess": guess}
            line |= {"sklearn MLP": peer, **own[["float", "qat8", "ptq8"]]}
            line |= {f"share {n}": (own[n] - guess) / (peer - guess) for n in ("float", "qat8", "ptq8")}
            lines.append(line | {"passes": own["passes"], "seconds": own["seconds"]})
    print(pd.DataFrame(lines).to_string(index=False, float_format=lambda value: f"{value:.3g}"))


if __name__ == "__main__":
    main()
