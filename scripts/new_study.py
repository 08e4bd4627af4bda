"""Write an environment for a table of one's own: a complete small study, which runs at once.

    make study NAME=turbines TABLE=../measurements/turbines.csv TARGET=bearing

The table is read as a run would read it; whether the target is a class or a number, which columns are features and how
many rows each set gets is told from it and can be changed in the file that is written.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
import yaml

from lowland.config import RESERVED, validate
from lowland.config_loader import StudyConfigLoader
from lowland.errors import LowlandError, did_you_mean
from lowland.tasks import build_task
from lowland.tasks.table.source import numbers_of, read_table

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = Path(__file__).with_name("new_study.yml.j2")
SHARES = {"train": 0.55, "validation": 0.15, "landscape": 0.12, "test": 0.18}
MOST_ROWS = 40_000  # that a small study takes
MOST_CLASSES = 10  # of a target in whole numbers
LEAST_OF_A_CLASS = 25  # so that every set gets some
SHOWN = 8
FRACTION = r",(?:\d{1,2}|\d{4,})$"  # digits behind a comma that do not make thousands


@dataclass(frozen=True)
class Inspected:
    """What a table says of itself.

    Attributes:
        target: Its column.
        classes: Values of the target that are classes; empty: it is a number.
        rare: Values that too few rows have, as text.
        features: Columns of numbers.
        text: Columns that hold none.
        dropped: Columns of numbers that are no features, with the reason.
        gaps: Missing values in the features, infinite ones among them.
        untold: Rows without a target that is a number.
        rows: That have a target.
        low: Lowest value of a target in numbers.
        high: Highest.
        decimal: Mark of fractions in text.
    """

    target: str
    classes: tuple[Any, ...]
    rare: tuple[str, ...]
    features: tuple[str, ...]
    text: tuple[str, ...]
    dropped: Mapping[str, str]
    gaps: int
    untold: int
    rows: int
    low: float
    high: float
    decimal: str


def inspect(frame: pd.DataFrame, target: str, *, origin: str) -> Inspected:
    """What the columns of a table are.

    Args:
        frame: The table as a task reads it.
        target: Column to be predicted.
        origin: The file, for messages.

    Raises:
        LowlandError: There is no such column, or it cannot be a target.
    """
    if target not in frame.columns:
        listed = ", ".join(map(str, frame.columns[:SHOWN])) + (" ..." if len(frame.columns) > SHOWN else "")
        raise LowlandError(
            f"TARGET is {target!r}, which {origin} does not have; expected one of {listed}"
            f"{did_you_mean(target, list(map(str, frame.columns)))}"
        )
    answers, decimal = frame[target], _decimal(frame)
    numbers = numbers_of(answers, (), decimal=decimal)
    numbers = None if numbers is None else numbers.where(np.isfinite(numbers))
    counts = answers.dropna().value_counts()
    classes, rare = _classes(counts, numbers)
    if classes and len(classes) < 2:
        few = f"{len(counts)} values, of which {len(classes)} in {LEAST_OF_A_CLASS} rows or more"
        raise LowlandError(f"{origin}: column {target!r} has {few}; expected a target with two classes or more")
    if not classes and (numbers is None or numbers.nunique() < 2):
        raise LowlandError(
            f"{origin}: column {target!r} has {len(counts)} values, too many texts for classes or too few of a number; "
            "expected classes in at least 25 rows each, or numbers that vary"
        )
    kept = numbers.notna() if numbers is not None and not classes else answers.isin(list(classes))
    columns = {str(name): numbers_of(frame[name], (), decimal=decimal) for name in frame.columns if name != target}
    numeric = {name: column for name, column in columns.items() if column is not None}
    dropped = {
        name: why
        for name, column in numeric.items()
        if (why := _no_feature(name, column[kept], answers[kept], None if classes else numbers))
    }
    features = tuple(name for name in numeric if name not in dropped)
    if not features:
        raise LowlandError(f"{origin}: no column but {target!r} holds numbers that could tell it; expected some")
    values = numbers[kept] if numbers is not None and not classes else pd.Series([np.nan])
    return Inspected(
        target=target,
        classes=classes,
        rare=rare,
        features=features,
        text=tuple(name for name in columns if name not in numeric),
        dropped=dropped,
        gaps=int(sum((~np.isfinite(numeric[name][kept])).sum() for name in features)),
        untold=0 if classes else int((~kept).sum()),
        rows=int(kept.sum()),
        low=float(values.min()),
        high=float(values.max()),
        decimal=decimal,
    )


def _decimal(frame: pd.DataFrame) -> str:
    """The mark of fractions: a comma where it makes numbers of text, and cannot be what separates thousands."""
    for name in frame.columns:
        if numbers_of(frame[name], ()) is None and numbers_of(frame[name], (), decimal=",") is not None:
            cells = frame[name].dropna().astype(str)
            if cells.str.contains(FRACTION).any():
                return ","
    return "."


def _classes(counts: pd.Series, numbers: pd.Series | None) -> tuple[tuple[Any, ...], tuple[str, ...]]:
    """Values that are classes, and those that too few rows have; nothing where the target is a number."""
    if numbers is not None:
        whole = numbers.dropna()
        if len(counts) > MOST_CLASSES or not (whole == whole.round()).all():
            return (), ()
    elif len(counts) > 2 * MOST_CLASSES:
        return (), ()
    values = [_plain(value) for value in counts.index]
    often = [value for value, count in zip(values, counts, strict=True) if count >= LEAST_OF_A_CLASS]
    rare = [f"{value} ({count} rows)" for value, count in zip(values, counts, strict=True) if count < LEAST_OF_A_CLASS]
    if numbers is not None and rare and len(rare) >= len(often):
        return (), ()
    return tuple(sorted(often, key=lambda value: (str(type(value)), value))), tuple(sorted(rare))


def _plain(value: Any) -> Any:
    """A value as YAML writes it: whole numbers without a fraction."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, str | int | float | bool) else str(value)


def _no_feature(name: str, column: pd.Series, answers: pd.Series, numbers: pd.Series | None) -> str | None:
    """Why a column of numbers is none."""
    values = column.to_numpy(np.float64)
    if not np.isfinite(values).any():
        return "is empty"
    if len(values) > 2 and np.array_equal(np.diff(values), np.ones(len(values) - 1)):
        return "counts the rows"
    if column.nunique() > 1:
        pairs = pd.DataFrame({"value": values, "answer": answers.astype(str).to_numpy()}).dropna()
        one_answer = pairs.groupby("value")["answer"].nunique().max() == 1
        if numbers is None:
            copies = one_answer and pairs["value"].nunique() == pairs["answer"].nunique()
        else:
            both = np.isfinite(values) & np.isfinite(target := numbers[column.index].to_numpy(np.float64))
            copies = both.sum() > 2 and abs(np.corrcoef(values[both], target[both])[0, 1]) > 1 - 1e-9
        if copies:
            return "copies the target"
    return None


def text(env: str, path: str, found: Inspected) -> str:
    """The file of parameters.

    Args:
        env: Name of the environment.
        path: Of the table, as the study names it.
        found: What the table says of itself.
    """
    used = min(found.rows, MOST_ROWS)
    reasons = [f"{name} {why}" for name, why in found.dropped.items()]
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        env=env,
        task=env if env not in RESERVED else f"{env}_table",
        file=Path(path).name,
        path=_yaml(path),
        rows=found.rows,
        features=_listed(found.features),
        text=_listed(found.text),
        drop=_yaml([_literal(name) for name in found.dropped]) if found.dropped else "",
        why_dropped=", ".join(reasons),
        target=_yaml(found.target),
        classes=_yaml(list(found.classes)) if found.classes else "",
        rare=f": {_listed(found.rare)}" if found.rare else "",
        low=f"{found.low:.4g}",
        high=f"{found.high:.4g}",
        gaps=found.gaps,
        untold=found.untold,
        decimal=found.decimal,
        sizes={name: max(int(share * used), 4) for name, share in SHARES.items()},
        example="0.9" if found.classes else f"{0.1 * (found.high - found.low):.2g}",
    )


def _literal(name: str) -> str:
    """A column's name in which no character is a wildcard."""
    return re.sub(r"([\[*?])", r"[\1]", name)


def _yaml(value: Any) -> str:
    """A value on one line, texts in quotes where YAML would read them otherwise."""
    dumped: str = yaml.safe_dump(value, default_flow_style=True, width=10**9, allow_unicode=True)
    return dumped.removesuffix("\n").removesuffix("\n...")


def _listed(names: Sequence[str]) -> str:
    """Names for a comment: printable, on one line."""
    shown = [json.dumps(name, ensure_ascii=False)[1:-1] for name in names[:SHOWN]]
    return ", ".join(shown) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def write(env: str, table: Path, target: str, *, root: Path = ROOT) -> Path:
    """Writes the environment and tries it on the table.

    Args:
        env: Name of the environment: a folder of ``conf``.
        table: The user's file.
        target: Column to be predicted.
        root: The project's folder.

    Returns:
        The folder.

    Raises:
        LowlandError: The name is taken or none, the table cannot be read, or no study can be made of it; after a
            trial that failed the message says that the files are written.
    """
    folder = root / "conf" / env
    if not re.fullmatch(r"[a-z][a-z0-9_-]*", env):
        raise LowlandError(f"NAME is {env!r}; expected lower-case letters, digits, '_' and '-', from a letter on")
    if folder.exists():
        raise LowlandError(
            f"NAME is {env!r}, but conf/{env} exists already; choose another name, or edit what is there"
        )
    if not table.is_file():
        raise LowlandError(f"TABLE is {table}, which is no file; expected a table in .csv, .csv.gz or .parquet")
    path = table.resolve()
    shown = path.relative_to(root) if path.is_relative_to(root) else path
    content = text(env, shown.as_posix(), inspect(read_table(path), target, origin=str(table)))
    folder.mkdir(parents=True)
    (folder / "globals.yml").write_text(f"data: data/{env} # where its results go\n", encoding="utf-8")
    (folder / "parameters_axes.yml").write_text(content, encoding="utf-8")
    loader = StudyConfigLoader(root / "conf", env, base_env="base", default_run_env="base")
    study = validate(loader["parameters"], origins=loader.origins)
    for name, options in study.tasks.items():
        task = build_task(options.resolved(root))
        try:
            raw = task.fetch()
            task.check(raw, f"tasks.{name}")
            task.prepare(raw)
        except LowlandError as error:  # what is written stays: the mistake may be one to mend there
            raise LowlandError(
                f"conf/{env}/parameters_axes.yml is written and does not suit the table yet: {error}; edit the file or "
                f"the table, then: kedro run --env {env}"
            ) from None
    return folder


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the environment that the command line asks for; 2 after a user's mistake."""
    parser = argparse.ArgumentParser(prog="make study", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--name", default="")
    parser.add_argument("--table", type=Path, default=Path())
    parser.add_argument("--target", default="")
    asked = parser.parse_args(arguments)
    try:
        if not (asked.name and asked.target and asked.table != Path()):
            raise LowlandError("expected make study NAME=turbines TABLE=path/to/table.csv TARGET=column")
        folder = write(asked.name, asked.table, asked.target)
    except LowlandError as error:
        print("\n".join(f"Error: {line}" for line in getattr(error, "lines", [str(error)])), file=sys.stderr)
        return 2
    print(f"conf/{folder.name}/parameters_axes.yml is written; look at it, then: kedro run --env {folder.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
