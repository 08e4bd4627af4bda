"""Whether the prepared sets of a task are what every stage takes them for."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from lowland.tasks import Samples, Splits, Task, preprocessing_from
from lowland.tasks.split_sizes import least_rows
from lowland.trial.findings import Findings

SETS = ("train", "validation", "landscape")


def prepared(task: Task, raw: Any, findings: Findings, *, origin: str) -> Splits | None:
    """The checked sets; None where there are none to go on with.

    Args:
        task: What is tried.
        raw: Its raw table.
        findings: Gets what is wrong.
        origin: File or source of the table, for messages.
    """
    if not isinstance(raw, pd.DataFrame):
        findings.wrong(f".fetch returns {type(raw).__name__}; expected a pandas.DataFrame, which is kept as Parquet")
        return None
    found: Any = None
    with findings.attempt("check"):
        task.check(raw, origin)
    with findings.attempt("prepare"):
        found, again = task.prepare(raw), task.prepare(raw)
        if isinstance(found, Splits) and not _equal(found, again):
            findings.wrong(
                ".prepare makes other sets of the same table when it is called twice; draw with a fixed key, such as "
                "split_samples(..., key=(...))"
            )
    if found is None:
        return None
    if not isinstance(found, Splits):
        findings.wrong(f".prepare returns {type(found).__name__}; expected lowland.tasks.Splits (see split_samples)")
        return None
    if absent := [name for name in SETS if name not in found.sets]:
        findings.wrong(f".prepare makes no set {', '.join(absent)}; expected {', '.join(SETS)} and what is held out")
        return None
    before = len(findings.mistakes)
    _check_sets(task, found, findings)
    _check_facts(found, findings)
    if len(findings.mistakes) > before:
        return None
    sizes = ", ".join(f"{name} {len(found[name].inputs)}" for name in found)
    shape = " x ".join(map(str, found["train"].inputs.shape[1:]))
    findings.note("data", f"{len(raw)} rows in the raw table; {sizes}; inputs {shape}")
    if copies := _copies(found):
        findings.note(
            "data", f"{copies} of {len(found.held_out.samples.inputs)} held-out inputs occur in training, too"
        )
    return found


def _check_sets(task: Task, splits: Splits, findings: Findings) -> None:
    shifted = {f"shifted set {name}": held.samples for name, held in splits.shifted.items()}
    every = {**splits.sets, "test": splits.held_out.samples, **shifted}
    shape = splits["train"].inputs.shape[1:]
    for name, samples in every.items():
        for wrong in _wrong_samples(samples, shape, least=least_rows("test" if name in shifted else name)):
            findings.wrong(f".prepare: {name} {wrong}")
    if splits.zero.shape != shape:
        findings.wrong(
            f".prepare: zero has the shape {tuple(splits.zero.shape)}; expected that of a sample {tuple(shape)}"
        )
    made = {each.name for each in task.corrupted_sets}  # from the held-out rows, by the study
    declared = sorted(each.name for each in task.shifted_sets if each.name not in made)
    if declared != sorted(splits.shifted):
        findings.wrong(
            f".prepare makes the shifted sets {sorted(splits.shifted)}, but shifted_sets declares {declared}; expected "
            "the same"
        )
    if task.is_classifier:
        _check_classes(task, every, findings)


def _wrong_samples(samples: Any, shape: torch.Size, *, least: int) -> list[str]:
    inputs, targets = samples  # of whatever type a user's code made them
    if not (isinstance(inputs, Tensor) and isinstance(targets, Tensor)):
        return [f"holds {type(inputs).__name__} and {type(targets).__name__}; expected tensors"]
    wrong = []
    if inputs.dtype != torch.float32:
        wrong.append(f"has inputs of {inputs.dtype}; expected torch.float32")
    if inputs.shape[1:] != shape:
        wrong.append(f"has inputs {tuple(inputs.shape[1:])}; expected {tuple(shape)} as in train")
    if len(inputs) != len(targets):
        wrong.append(f"has {len(inputs)} inputs and {len(targets)} targets; expected as many")
    if len(inputs) < least:
        wrong.append(f"has {len(inputs)} samples; expected at least {least}")
    if not inputs.isfinite().all():
        wrong.append("has NaN or infinite inputs; expected finite ones: clean the data")
    if not targets.isfinite().all():
        wrong.append("has NaN or infinite targets; expected finite ones: leave these rows out")
    return wrong


def _check_classes(task: Task, every: dict[str, Samples], findings: Findings) -> None:
    for name, samples in every.items():
        targets = samples.targets
        if targets.dtype != torch.int64 or targets.ndim != 1:
            findings.wrong(
                f".prepare: {name} has targets of {targets.dtype} {tuple(targets.shape)}; expected class numbers [n] "
                "in torch.int64"
            )
        elif len(targets) and not 0 <= int(targets.min()) <= int(targets.max()) < task.num_outputs:
            findings.wrong(
                f".prepare: {name} has classes {int(targets.min())} to {int(targets.max())}; expected 0 to "
                f"{task.num_outputs - 1} (num_outputs is {task.num_outputs})"
            )


def _check_facts(splits: Splits, findings: Findings) -> None:
    try:
        json.dumps(splits.facts, allow_nan=False)
    except (TypeError, ValueError) as error:
        findings.wrong(f".prepare: facts cannot be written as JSON ({error}); expected plain, finite values")
        return
    record = splits.facts.get("preprocessing")
    if not record:
        findings.note("data", "no preprocessing in facts: deployed models take inputs as they are prepared")
        return
    with findings.attempt("prepare: facts['preprocessing']"):
        preprocessing_from(record)


def _equal(one: Splits, other: Splits) -> bool:
    first, second = one.to_tensors(), other.to_tensors()
    # gaps are told by another check
    return first.keys() == second.keys() and all(
        torch.equal(first[name].nan_to_num(), second[name].nan_to_num()) for name in first
    )


def _copies(splits: Splits) -> int:
    """Held-out inputs that training inputs are equal to."""
    known = {row.tobytes() for row in splits["train"].inputs.flatten(1).numpy()}
    return sum(row.tobytes() in known for row in splits.held_out.samples.inputs.flatten(1).numpy())
