"""What a first study brings besides scores: gains over the guess, references, validation, networks that were lost."""

import json

import numpy as np
import pandas as pd

from lowland.decision.recommendation import recommend
from lowland.decision.requirements import Requirements, TaskRequirements
from lowland.measurements import Cell, stack, unavailable

LISTING = {
    "file": "wine.csv",
    "rows": 1780,
    "rows_used": 1700,
    "rows_without_target": 50,
    "rows_dropped_for_gaps": 30,
    "missing": "drop",
    "features": [{"name": "alcohol", "gaps": 0}, {"name": "hue", "gaps": 12}],
    "left_out": [{"name": "id", "why": "different in every row"}],
}
LOST = ("performance", "cost", "landscape", "noise", "bit_flip", "shift")


def _clean(table):
    return table[(table.family == "performance") & (table.split == "test") & (table.measure == "accuracy")]


def with_gains(table, gain=0.5, *, error=0.01):
    """Every network's gain over the guess: one number, or by (recipe, precision, seed)."""
    rows = _clean(table)
    if callable(gain):
        gain = [gain(*key) for key in rows[["recipe", "precision", "seed"]].itertuples(index=False)]
    gained = rows.assign(measure="gain_over_guess", value=gain, standard_error=error)
    return pd.concat([table, gained], ignore_index=True)


def with_validation(table, loss):
    """Scores and losses on validation rows; the loss by seed."""
    rows = _clean(table).assign(split="validation")
    losses = rows.assign(measure="loss", value=rows.seed.map(loss))
    return pd.concat([table, rows, losses], ignore_index=True)


def lost(table, which, status="non_finite"):
    """The table with some cells that diverged; ``which`` marks their rows."""
    cells = table.loc[which & (table.seed != "pairs"), list(Cell.model_fields)].drop_duplicates()
    gone = [unavailable(Cell(**cell), family, status) for cell in cells.to_dict("records") for family in LOST]
    return pd.concat([table[~which], stack(gone)], ignore_index=True)


def references(task="jets", guess=0.2, boosting=0.75):
    """What guessing and gradient boosting score on the test rows."""
    rows = [(task, "guess", "guessing", guess), (task, "boosting", "gradient boosting", boosting)]
    table = pd.DataFrame(rows, columns=["task", "name", "label", "score"])
    return table.assign(standard_error=0.006, num_samples=5000)


def curves(recipe, losses, *, seeds=("s0", "s1"), task="jets", precision="float"):
    """One recipe's learning curves, the same for all seeds."""
    losses = np.asarray(losses, dtype=float)
    own = {"task": task, "recipe": recipe, "precision": precision, "epoch": np.arange(1, len(losses) + 1)}
    return pd.concat([pd.DataFrame(own | {"seed": seed, "validation_loss": losses}) for seed in seeds])


def recommendation(table, references=None, learning=None, **asked):
    """What is recommended of a table, and that JSON knows all of it."""
    found = recommend(
        table,
        TaskRequirements({"jets": Requirements(**asked)}),
        references=references,
        learning_curves=learning,
        folder="data/own",
    )
    json.dumps(found, allow_nan=False)
    return found


def answer_of(table, **options):
    """The same of jets."""
    return recommendation(table, **options)["tasks"]["jets"]
