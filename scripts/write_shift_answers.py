"""Write what the networks of a finished study answer on every set, as the benchmark of `benchmarks/shift`.

    python -m scripts.write_shift_answers data/shift shift_answers
    python -m scripts.write_shift_answers data/shift shift_answers --severity none    # shifted sets of the tasks alone

Of tasks of images the held-out rows are answered under every corruption, too: in the severity that is asked for, and
where none is, in the third unless a task has corrupted sets of its own.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
import yaml
from torch import Tensor, nn

from benchmarks.shift.loader import CELLS, LABEL_SHIFT, LOGITS, NOMINAL, ROWS
from lowland.datasets.tensors import ModelDataset, TensorsDataset
from lowland.perturbation import IMAGE_CORRUPTIONS
from lowland.randomness import generator
from lowland.robustness.corrupted_sets import corrupted_set
from lowland.tasks import Task, TaskOptions, build_task
from lowland.tasks.description import CorruptedSet
from lowland.tasks.label_shift import kept_under_label_shift
from lowland.tasks.splits import HeldOut, Splits

SEVERITY = 3
"""Of corruptions of images whose task names none."""
Severity = int | Literal["auto"] | None
RATIO = 5.0
"""Of the most frequent class to the rarest under label shift."""
ROUNDING = 1e-5
"""What a deployed network may differ by from the one it replays, of the spread of the outputs."""


@dataclass(frozen=True)
class AnsweredSet:
    """Inputs that all networks of a task answer.

    Attributes:
        name: Of the set.
        inputs: [rows, ...].
        labels: Right classes [rows].
        sources: Number of the row that each row was made from [rows].
        splits: ``selection`` or ``test`` [rows].
    """

    name: str
    inputs: Tensor
    labels: Tensor
    sources: Tensor
    splits: np.ndarray

    @classmethod
    def of(cls, name: str, held: HeldOut, sources: Tensor) -> AnsweredSet:
        """A held-out set."""
        halves = np.where(held.selects.numpy(), "selection", "test")
        return cls(name, held.samples.inputs, held.samples.targets, sources, halves)

    def frame(self, task: str) -> pd.DataFrame:
        """Its rows of ``rows.parquet``."""
        names = {"task": task, "set": self.name, "split": self.splits}
        return pd.DataFrame(names | {"source": self.sources.numpy(), "label": self.labels.numpy()})


def severity_of(asked: str) -> Severity:
    """What a command line asks for: ``auto``, ``none``, or 1 to 5."""
    if asked == "auto":
        return "auto"
    return None if asked == "none" else int(asked)


def answered_sets(name: str, task: Task, splits: Splits, *, severity: Severity) -> Iterator[AnsweredSet]:
    """Nominal rows, these under label shift, the shifted sets of a task and, of images, corruptions of nominal rows.

    A row of a shifted set that equals a nominal row has its number; a shifted set with the labels and halves of the
    nominal rows is made of these, row by row; all others have numbers of their own.

    Args:
        name: Of the task.
        task: The task; of images it says what no pixel can be below or above.
        splits: Of the task.
        severity: Of corruptions, 1 to 5; ``auto``: ``SEVERITY``, and none where the task has corrupted sets of its own;
            None: the task's own sets alone.
    """
    held = splits.held_out
    nominal = torch.arange(len(held.selects))
    known = {row.numpy().tobytes(): number for number, row in enumerate(held.samples.inputs)}
    yield AnsweredSet.of(NOMINAL, held, nominal)
    if len(held.samples.targets.unique()) > 1:
        kept = kept_under_label_shift(held, RATIO, generator=generator(name, LABEL_SHIFT, "shift answers"))
        yield AnsweredSet.of(LABEL_SHIFT, HeldOut(held.samples.at(kept), held.selects[kept]), nominal[kept])
    next_source = len(nominal)
    for shifted, each in splits.shifted.items():
        if torch.equal(each.selects, held.selects) and torch.equal(each.samples.targets, held.samples.targets):
            yield AnsweredSet.of(shifted, each, nominal)
            continue
        own = range(next_source, next_source + len(each.selects))
        next_source = own.stop
        rows = [known.get(row.numpy().tobytes(), new) for row, new in zip(each.samples.inputs, own, strict=True)]
        yield AnsweredSet.of(shifted, each, torch.tensor(rows))
    if severity == "auto":
        severity = None if task.corrupted_sets else SEVERITY
    if task.input_kind != "image" or severity is None:
        return
    for kind in IMAGE_CORRUPTIONS:
        made = CorruptedSet(corruption=kind, severity=severity)
        if made.name not in splits.shifted:
            yield AnsweredSet.of(made.name, corrupted_set(task, splits, made), nominal)


def logits_of(network: nn.Module, sets: list[AnsweredSet]) -> Tensor:
    """Outputs [rows of all sets, classes] in float32, each set at once, for scales may depend on the batch."""
    with torch.no_grad():
        return torch.cat([network(each.inputs) for each in sets]).float()


def same_but_for_rounding(logits: Tensor, reference: Tensor) -> bool:
    """Whether two networks compute one function, the one perhaps in another order of additions.

    Args:
        logits: Of the one [rows, classes].
        reference: Of the other [rows, classes].
    """
    return bool((logits - reference).abs().max() <= ROUNDING * reference.std())


def write_logits(logits: Tensor, file: Path) -> None:
    """A column a class."""
    names = [f"logit_{number}" for number in range(logits.shape[1])]
    pd.DataFrame(logits.numpy(), columns=names).to_parquet(file, index=False, compression="zstd")


def write_answers(study: Path, out: Path, *, severity: Severity = "auto", tasks: tuple[str, ...] = ()) -> pd.DataFrame:
    """Writes the benchmark of a finished study.

    Args:
        study: Its data folder.
        out: Where the benchmark goes.
        severity: Of corruptions, see ``answered_sets``.
        tasks: Of which tasks; all classifiers without it.

    Returns:
        The networks that were written.

    Raises:
        SystemExit: A folder without a finished study, or without a classifier.
    """
    record = study / "08_reporting" / "study.yml"
    if not record.is_file():
        raise SystemExit(f"{study}: 08_reporting/study.yml is missing; expected the data folder of a finished study")
    parameters = yaml.safe_load(record.read_text(encoding="utf-8"))["parameters"]
    table = pd.read_parquet(study / "08_reporting" / "measurements.parquet")
    about = table.drop_duplicates(["task", "recipe", "seed", "precision"])
    (out / LOGITS).mkdir(parents=True, exist_ok=True)
    cells: list[dict[str, Any]] = []
    rows: list[pd.DataFrame] = []
    for task in parameters["tasks"]:
        stored = TensorsDataset(filepath=str(study / "05_model_input" / task / "splits.safetensors")).load()
        splits = Splits.from_tensors(stored.tensors)
        if (tasks and task not in tasks) or splits.held_out.samples.targets.is_floating_point():
            continue
        built = build_task(TaskOptions.model_validate(parameters["tasks"][task]))
        sets = list(answered_sets(task, built, splits, severity=severity))
        written = list(_networks(study, out, about[about.task == task], sets))
        if written:
            cells += written
            rows += [each.frame(task) for each in sets]
        print(f"{task}: {len(written)} networks, {len(sets)} sets, {sum(len(each.labels) for each in sets):,} rows")
    if not cells:
        raise SystemExit(f"{study}: no deployed classifier; expected a finished study with one")
    found = pd.DataFrame(cells)
    found.to_parquet(out / CELLS, index=False)
    pd.concat(rows, ignore_index=True).to_parquet(out / ROWS, index=False, compression="zstd")
    return found


def _networks(study: Path, out: Path, about: pd.DataFrame, sets: list[AnsweredSet]) -> Iterator[dict[str, Any]]:
    """Answers of a task's deployed networks, and those of the float networks beside them."""
    for (task, recipe, seed), cells in about.groupby(["task", "recipe", "seed"], sort=False):
        trained = study / "06_models" / "trained" / task / recipe / f"{seed}.safetensors"
        model = ModelDataset(filepath=str(trained)).load()
        if model.status != "ok":
            continue
        float_file = f"{task}.{recipe}.{seed}.parquet"
        floats = logits_of(model.network, sets)
        write_logits(floats, out / LOGITS / float_file)
        for cell in cells.to_dict("records"):
            path = study / "06_models" / "deployed" / task / recipe / seed / f"{cell['precision']}.safetensors"
            deployed = ModelDataset(filepath=str(path)).load()
            if deployed.status != "ok":
                continue
            logits = logits_of(deployed.network, sets)
            if cell["method"] == "float" and same_but_for_rounding(logits, floats):
                continue  # it is the float network
            file = f"{task}.{recipe}.{seed}.{cell['precision']}.parquet"
            write_logits(logits, out / LOGITS / file)
            names = ("task", "recipe", "seed", "precision", "method", "weight_bits", "activation_bits")
            yield {name: cell[name] for name in names} | {"file": file, "float_file": float_file}


def main() -> None:
    """Writes the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path, help="data folder of a finished study")
    parser.add_argument("out", type=Path)
    parser.add_argument("--severity", default="auto", choices=[*"12345", "auto", "none"])
    parser.add_argument("--task", action="append", default=[], help="may be repeated; all without it")
    arguments = parser.parse_args()
    write_answers(arguments.study, arguments.out, severity=severity_of(arguments.severity), tasks=tuple(arguments.task))


if __name__ == "__main__":
    main()
