"""Which recipes are of one family: the same kind at any strength."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from lowland.errors import LowlandError

LEAST_FAMILIES = 2
"""Of recipes in a known study: with one nothing can be held out."""


def families_of(recipes: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The family of every recipe: its kind, whatever its strength.

    Args:
        recipes: As a study declares them, by name.
    """
    return {name: str(options["kind"]) for name, options in recipes.items()}


def known_study(path: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """The long table of a finished study, and the families of its recipes.

    Args:
        path: ``measurements.parquet``; ``study.yml``, which the report leaves beside it, says what its recipes are.

    Raises:
        LowlandError: A file is missing, or there are recipes of one family alone.
    """
    declared = path.with_name("study.yml")
    for file in (path, declared):
        if not file.is_file():
            raise LowlandError(
                f"screening.known is {path}, and {file} is not there; expected measurements.parquet of a finished "
                "study with study.yml beside it: run a study first, or name another"
            )
    families = families_of(yaml.safe_load(declared.read_text(encoding="utf-8"))["parameters"]["recipes"])
    table = pd.read_parquet(path)
    used = {families[str(recipe)] for recipe in table.recipe.unique() if str(recipe) in families}
    if len(used) < LEAST_FAMILIES:
        raise LowlandError(
            f"screening.known is {path}, with recipes of the family {', '.join(sorted(used)) or '(none)'} alone; "
            f"expected at least {LEAST_FAMILIES} families, so that one can be held out: name a study with other recipes"
        )
    return table, families
