"""The folder of a tiny finished study with networks whose every bit can be flipped in a moment."""

from pathlib import Path

import pandas as pd
import torch
import yaml
from torch import nn

from lowland.artifacts import StoredModel, StoredTensors
from lowland.datasets.tensors import ModelDataset, TensorsDataset
from lowland.quantization import Precision, QuantizationOptions, build_calibrated, freeze
from lowland.randomness import generator
from lowland.tasks import Samples
from tests.made_splits import splits_of

TASK = {"kind": "jets", "source": "file", "hidden": [4]}
TASK |= {"train_rows": 90, "validation_rows": 20, "landscape_rows": 60, "test_rows": 80}
"""Options of the task whose rows these would be."""
RECIPES = ("plain", "mixup", "ema")


def samples(key: str, count: int) -> Samples:
    """Rows whose first features tell the class."""
    draw = generator("flipped study", key)
    inputs = torch.randn(count, 16, generator=draw)
    return Samples(inputs, inputs[:, :5].argmax(1))


def deployed(recipe: str, bits: int, train: Samples) -> nn.Module:
    """A perceptron that knows the first features, in codes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(RECIPES.index(recipe))
        network = nn.Sequential(nn.Linear(16, 5), nn.ReLU(), nn.Linear(5, 5)).eval()
        with torch.no_grad():
            network[0].weight[:, :5] += (1 + RECIPES.index(recipe)) * torch.eye(5)
            network[2].weight += 2 * torch.eye(5)
    precision = Precision(method="ptq", weight_bits=bits, activation_bits=8)
    options = QuantizationOptions(input_bits=8, calibration_rows=50)
    return freeze(build_calibrated(network, precision, options, train.inputs))


def finished_study(folder: Path) -> Path:
    """Writes it and returns its data folder."""
    train = samples("train", 90)
    splits = splits_of(train, samples("v", 20), samples("landscape", 60), samples("held out", 80), torch.zeros(16))
    file = folder / "05_model_input" / "flowers" / "splits.safetensors"
    TensorsDataset(filepath=str(file)).save(StoredTensors(splits.to_tensors()))
    rows = []
    for number, recipe in enumerate(RECIPES):
        for bits in (3, 4):
            name = f"ptq{bits}"
            path = folder / "06_models" / "deployed" / "flowers" / recipe / "s0" / f"{name}.safetensors"
            ModelDataset(filepath=str(path)).save(StoredModel(deployed(recipe, bits, train)))
            about = {"task": "flowers", "recipe": recipe, "seed": "s0", "precision": name, "method": "ptq"}
            about |= {"weight_bits": float(bits), "target": "", "condition": ""}
            values = {"hessian_trace": 1.0 + number, "largest_eigenvalue": 0.5, "weight_norm": 2.0 + number}
            values |= {"flip_mismatch_curvature": 0.1, "size": 100.0 * bits}
            rows += [about | {"measure": measure, "value": value} for measure, value in values.items()]
    reporting = folder / "08_reporting"
    reporting.mkdir(parents=True)
    record = {"parameters": {"tasks": {"flowers": TASK}}}
    (reporting / "study.yml").write_text(yaml.safe_dump(record), encoding="utf-8")
    pd.DataFrame(rows).to_parquet(reporting / "measurements.parquet")
    return folder
