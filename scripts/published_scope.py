"""On which data and after how much training a study was measured: what its numbers can be compared for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lowland import grid
from lowland.training import TrainingOptions
from scripts.write_params import resolved


def told(
    table: Path, task: str, *, env: str | None, data: str | None, published: dict[str, Any], changed: str = ""
) -> list[str]:
    """Sentences on a study's data and training, beside those of the published one.

    Args:
        table: Its long table; what its raw data were made from is looked for in the folders above.
        task: Its name.
        env: Its environment in ``conf``; None: training is not told.
        data: In words; None: by what stands beside the raw data.
        published: The task's part of `published.yml`.
        changed: Parameters that the run was given beside those of the environment.
    """
    origin = data or _origin(table, task) or "not told (say it with --data)"
    trained = "not told (say it with --env)" if env is None else _training(env, task, changed)
    return [
        f"Data: {origin}; published: {published['data']}.",
        f"Training: {trained}; published: {published['training']}.",
    ]


def _origin(table: Path, task: str) -> str | None:
    """From the note that a run leaves beside the raw table that it made."""
    for folder in table.resolve().parents[1:4]:
        path = folder / "01_raw" / "imported" / f"{task}.json"
        if path.is_file():
            made = json.loads(path.read_text(encoding="utf-8"))
            options = made["options"]
            files = [options["path"]] if options.get("path") else list(made["files"])
            source = f"from {Path(files[0]).name}" if made["files"] else "simulated by this project"
            return f"{source}, {options['train_rows']:,} rows to train on"
    return None


def _training(env: str, task: str, changed: str) -> str:
    parameters = resolved(env, changed=changed)
    study = grid.validate({key: value for key, value in parameters.items() if key not in ("env", "data")})
    plain, tuned = (_in_words(plan.of(task)) for plan in (study.training, study.fine_tuning))
    given = f" with `--params {changed}`" if changed else ""
    return f"{plain}, then with quantizers {tuned} (`conf/{env}`{given})"


def _in_words(options: TrainingOptions) -> str:
    long = f"{options.steps:,} steps" if options.epochs == "auto" else f"{options.epochs} epochs"
    return f"{long} of batches {'that fit the rows' if options.batch_size == 'auto' else f'of {options.batch_size:,}'}"
