"""The folder of a tiny finished study of images: float networks, the same with coarse weights, a short table."""

from pathlib import Path

import pandas as pd
import torch
import yaml

from lowland.architectures.lenet import LeNet1
from lowland.artifacts import StoredModel, StoredTensors
from lowland.datasets.tensors import ModelDataset, TensorsDataset
from lowland.measurements import stack
from lowland.randomness import generator
from lowland.tasks import HeldOut, Samples
from lowland.tasks.splits import halved
from tests.made_splits import all_in
from tests.made_study.answers import answers

STEPS = {"fp32": None, "qat8": 16.0, "ptq8": 4.0}
"""Of the largest weight, to which weights are rounded."""
TASK = {"kind": "images", "source": "digits", "shift": "none"}
TASK |= {"train_rows": 100, "validation_rows": 20, "landscape_rows": 20, "test_rows": 200}
"""Options of the task whose images these would be."""
RECIPES = ("plain", "mixup")
SEEDS = ("s0", "s1")


def images(rows: int, *, key: str) -> Samples:
    """Blobs at one of three places."""
    draw = generator("shift study", key)
    labels = torch.randint(3, (rows,), generator=draw)
    pictures = 0.3 * torch.rand(rows, 1, 8, 8, generator=draw)
    for number, label in enumerate(labels.tolist()):
        pictures[number, :, :, 2 * label : 2 * label + 3] += 0.6 * torch.rand((), generator=draw)
    return Samples(pictures.clamp(0, 1), labels)


def finished_study(folder: Path, *, rows: int = 200) -> Path:
    """Writes it and returns its data folder."""
    held = halved(images(rows, key="held out"), key=("made",))
    splits = all_in(held.samples, (1, 8, 8))
    splits.shifted.update({"mnist": halved(images(80, key="natural"), key=("natural",)), "fewer": _fewer(held)})
    file = folder / "05_model_input" / "pictures" / "splits.safetensors"
    TensorsDataset(filepath=str(file)).save(StoredTensors(splits.to_tensors()))
    for recipe in RECIPES:
        for seed in SEEDS:
            with torch.random.fork_rng():
                torch.manual_seed(hash_of(recipe, seed))
                network = LeNet1(inputs=(1, 8, 8), outputs=3)
            where = folder / "06_models"
            ModelDataset(filepath=str(where / "trained/pictures" / recipe / f"{seed}.safetensors")).save(
                StoredModel(network)
            )
            for precision, levels in STEPS.items():
                path = where / "deployed/pictures" / recipe / seed / f"{precision}.safetensors"
                ModelDataset(filepath=str(path)).save(StoredModel(coarse(network, levels)))
    reporting = folder / "08_reporting"
    reporting.mkdir(parents=True)
    (reporting / "study.yml").write_text(
        yaml.safe_dump({"parameters": {"tasks": {"pictures": TASK}}}), encoding="utf-8"
    )
    table().to_parquet(reporting / "measurements.parquet")
    return folder


def table() -> pd.DataFrame:
    """A long table with the networks of the study."""
    rows = answers(task="pictures", sets={"": 1.0, "mnist": 2.0}, recipes={"plain": 1.0, "mixup": 0.5})
    names = {"qat4": "qat8", "ptq4": "ptq8"}
    rows = rows.assign(
        precision=rows.precision.replace(names),
        weight_bits=rows.weight_bits.replace({4: 8}),
        activation_bits=rows.activation_bits.replace({4: 8}),
    )
    return stack([rows])


def coarse(network: LeNet1, levels: float | None) -> LeNet1:
    """The same with weights rounded to so many steps of the largest."""
    with torch.random.fork_rng():
        found = LeNet1(inputs=(1, 8, 8), outputs=3)
    rounded = {
        name: weight if levels is None else (weight / weight.abs().max() * levels).round() / levels * weight.abs().max()
        for name, weight in network.state_dict().items()
    }
    found.load_state_dict(rounded)
    return found


def hash_of(*names: str) -> int:
    """A number of names that is the same in every process."""
    return sum(ord(letter) * (place + 1) for place, letter in enumerate("".join(names)))


def _fewer(held: HeldOut) -> HeldOut:
    """Every other row, as under label shift."""
    kept = torch.arange(len(held.selects)) % 2 == 0
    return HeldOut(held.samples.at(kept), held.selects[kept])
