"""Write `docs/shift.md` from a finished study: no number of ours in it is typed.

    LOWLAND_DATA=... kedro run --env shift
    python -m scripts.describe_shift data/shift
    python -m scripts.describe_shift data/shift data/another_study --answers shift_answers --severity 3

The networks of every study answer all sets first (`scripts.write_shift_answers`), which the page is computed from. With
`--answers` these benchmarks are kept there, in a folder each, and what is there already is read: `--severity` then says
nothing. Of images it is that of further corrupted sets, which stand in the page by name and severity. The text stands
in `scripts/shift.md.j2`, published figures in `scripts/shift_published.yml`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jinja2
import pandas as pd
import yaml

from benchmarks.shift.loader import CELLS, Benchmark
from lowland.analysis.intervals import normal_quantile
from lowland.analysis.splits import on_split
from lowland.estimate import Estimate
from lowland.report.sentences import stability
from lowland.report.sentences.stability import rate_text
from scripts.shift_answers_of_task import TaskAnswers
from scripts.shift_table_rows import (
    abstention_table,
    published_shift,
    published_training,
    reference_rows,
    retraining_table,
)
from scripts.shift_tables import accuracy_row, detector_rows, shift_rows, training_rows
from scripts.write_shift_answers import RATIO, severity_of, write_answers

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = Path(__file__).with_name("shift.md.j2")
PUBLISHED = Path(__file__).with_name("shift_published.yml")
PAGE = ROOT / "docs" / "shift.md"


def task_facts(answers: TaskAnswers, table: pd.DataFrame) -> dict[str, Any]:
    """All that the page says of one task."""
    shift, training, detection = shift_rows(answers), training_rows(answers), detector_rows(answers, table)
    return {
        "name": answers.name,
        "about": accuracy_row(answers, table),
        "shift": shift,
        "hardly": dict(answers.hardly),
        "training": training,
        "detection": detection,
        "sets": [answers.sets[number] for number in answers.shifted],
    }


def per_cent(share: float) -> str:
    """A share with two digits."""
    return rate_text(share, "-")


def accuracy(share: float) -> str:
    """A share with one decimal."""
    return "-" if share != share else f"{100 * share:.1f} %"


def points(difference: float) -> str:
    """A difference of shares, in points."""
    return stability.points(difference, "-")


def points_with_interval(estimate: Estimate) -> str:
    """A difference with its 95 % interval, in points."""
    if estimate.status != "ok":
        return "-"
    half = normal_quantile(0.95) * estimate.standard_error
    return f"{points(estimate.value)} [{points(estimate.value - half)}, {points(estimate.value + half)}]"


def area(estimate: Estimate) -> str:
    """An area with half its 95 % interval."""
    if estimate.status != "ok":
        return "-"
    return f"{estimate.value:.3f} ± {normal_quantile(0.95) * estimate.standard_error:.3f}"


def shares_between(numbers: tuple[float, float, float]) -> str:
    """A mean share with its interval."""
    mean, low, high = numbers
    return per_cent(mean) if low != low else f"{per_cent(mean)} [{points(low)}, {points(high)}]"


def page(facts: dict[str, Any]) -> str:
    """The text.

    Args:
        facts: ``studies``, ``ratio``, ``tasks``, ``references``, ``retraining``, ``published``.
    """
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters |= {
        "share": per_cent,
        "accuracy": accuracy,
        "points": points,
        "interval": points_with_interval,
        "area": area,
        "between": shares_between,
        "words": lambda name: name.replace("_", " "),
    }
    text: str = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(**facts)
    return text.rstrip("\n") + "\n"


def facts_of(studies: Sequence[tuple[Path, Path]]) -> dict[str, Any]:
    """What the page is made of.

    Args:
        studies: Data folders of finished studies, each with the folder of the benchmark made of it.
    """
    published = yaml.safe_load(PUBLISHED.read_text(encoding="utf-8"))
    tasks: list[dict[str, Any]] = []
    tables = []
    for study, answers in studies:
        table = on_split(pd.read_parquet(study / "08_reporting" / "measurements.parquet"), "test")
        benchmark = Benchmark(answers)
        record = yaml.safe_load((study / "08_reporting" / "study.yml").read_text(encoding="utf-8"))
        precisions = record["parameters"].get("precisions", {})
        tasks += [task_facts(TaskAnswers.of(benchmark, task, table, precisions), table) for task in benchmark.tasks]
        tables.append(table)
    return {
        "studies": [study.name for study, _ in studies],
        "ratio": RATIO,
        "tasks": tasks,
        "references": [row for table in tables for row in reference_rows(table)],
        "abstention": [row for table in tables for row in abstention_table(table)],
        "retraining": [row for table in tables for row in retraining_table(table)],
        "published": published | {"shift": published_shift(published), "training": published_training(published)},
    }


def main() -> None:
    """Reads the studies, has their networks answer where that is not done, writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", type=Path, nargs="+", help="data folders of finished studies")
    parser.add_argument("--answers", type=Path, help="keeps the benchmarks; read where they are there")
    parser.add_argument("--severity", default="auto", choices=[*"12345", "auto", "none"])
    parser.add_argument("--page", type=Path, default=PAGE)
    arguments = parser.parse_args()
    with TemporaryDirectory() as scratch:
        folders = [(study, (arguments.answers or Path(scratch)) / study.name) for study in arguments.studies]
        for study, folder in folders:
            if not (folder / CELLS).is_file():
                write_answers(study, folder, severity=severity_of(arguments.severity))
        text = page(facts_of(folders))
    arguments.page.write_text(text, encoding="utf-8")
    print(arguments.page)


if __name__ == "__main__":
    main()
