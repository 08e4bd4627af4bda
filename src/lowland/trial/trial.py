"""The trial of a task: its declarations, data, network and scores, on a few rows."""

from __future__ import annotations

import pandas as pd
import torch

from lowland.randomness import generator
from lowland.tasks import Task
from lowland.tasks.custom import declaration_mistakes
from lowland.trial.data import prepared
from lowland.trial.findings import Findings
from lowland.trial.network import AsDeployed, built, check_network, imported, is_imported
from lowland.trial.scoring import check_scoring

ROWS = 32
EIGHT_BITS = AsDeployed()


def try_task(
    task: Task,
    *,
    name: str,
    raw: pd.DataFrame | None = None,
    origin: str = "",
    deployed: AsDeployed | None = EIGHT_BITS,
) -> Findings:
    """Everything that is missing or wrong with a task, found on its data and a few rows in seconds.

    Args:
        task: What is tried.
        name: Of it, before every mistake.
        raw: Its raw table; None: it is fetched.
        origin: File or source of the table, for messages.
        deployed: How its network is quantized; None: it is not.
    """
    findings = Findings(name)
    findings.mistakes += [f"{name}: {mistake}" for mistake in declaration_mistakes(task)]
    if findings.mistakes:
        return findings
    kind = "classifier" if task.is_classifier else "regression"
    findings.note("declared", f"{kind} of {task.input_kind}, {task.num_outputs} outputs, score {task.score_name}")
    absent = [file for file in task.sources if not file.is_file()]
    findings.mistakes += [f"{name}.sources: {file} is missing ({task.obtained_from})" for file in absent]
    if raw is None:
        if absent:
            return findings
        with findings.attempt("fetch"):
            raw = task.fetch()
        if raw is None:
            if not findings.mistakes:
                findings.wrong(".fetch returns None; expected a pandas.DataFrame")
            return findings
    splits = prepared(task, raw, findings, origin=origin or name)
    if splits is None:
        return findings
    samples = splits["train"].head(ROWS)
    if is_imported(task, samples):
        outputs = imported(task, samples, findings)
        if outputs is not None:
            check_scoring(task, outputs, samples, findings)
        return findings
    found = built(task, samples, findings)
    made_up = torch.randn(len(samples.inputs), task.num_outputs, generator=generator("trial", "outputs"))
    trains = check_scoring(task, made_up if found is None else found.outputs, samples, findings)
    if found is not None:
        check_network(task, found, samples, findings, trains=trains, deployed=deployed)
    return findings
