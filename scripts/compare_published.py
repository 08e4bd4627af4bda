"""Write docs/published.md: our measurements beside the published figures, and which published claims hold.

    python -m scripts.compare_published data/paper/08_reporting/measurements.parquet

Every number of ours is read from the long tables that are given; what they lack is called not measured. The published
figures stand in `scripts/published.yml`, the text in `scripts/published.md.j2`.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import jinja2
import pandas as pd
import yaml

from scripts.published_comparison import DIFFERS, TaskComparison
from scripts.published_statistics import HELD, MISSING, NOT_HELD, UNCLEAR

ROOT = Path(__file__).resolve().parents[1]
FIGURES = Path(__file__).with_name("published.yml")
TEMPLATE = Path(__file__).with_name("published.md.j2")


def read_tables(paths: Sequence[Path], tasks: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Each published task's rows; a task that no table has is left out."""
    found: dict[str, pd.DataFrame] = {}
    for path in paths:
        if not path.is_file():
            raise SystemExit(f"compare_published: {path} does not exist; run the study first (kedro run --env paper)")
        table = pd.read_parquet(path)
        for task in tasks:
            rows = table[table.task == task]
            if rows.empty:
                continue
            if task in found:
                raise SystemExit(f"compare_published: {path} has task {task}, and so has another table; expected one")
            found[task] = rows.reset_index(drop=True)
    if not found:
        raise SystemExit(f"compare_published: no rows of {' or '.join(tasks)} in {', '.join(map(str, paths))}")
    return found


def page(tables: dict[str, pd.DataFrame], command: str) -> str:
    """The page's text."""
    published = yaml.safe_load(FIGURES.read_text(encoding="utf-8"))
    compared = [TaskComparison(name, rows, published) for name, rows in tables.items()]
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        published=published,
        tasks=[(task, task.claims()) for task in compared],
        absent=[published["tasks"][name]["title"] for name in published["tasks"] if name not in tables],
        verdicts=(HELD, NOT_HELD, UNCLEAR, MISSING),
        not_held=NOT_HELD,
        differs=DIFFERS,
        command=command,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line, compare, write the page."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(description="Write the comparison with the published figures.")
    parser.add_argument("tables", type=Path, nargs="+", help="measurements.parquet of one or more studies")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "published.md")
    options = parser.parse_args(arguments)
    tasks = list(yaml.safe_load(FIGURES.read_text(encoding="utf-8"))["tasks"])
    command = shlex.join(["python", "-m", "scripts.compare_published", *arguments])
    options.output.write_text(page(read_tables(options.tables, tasks), command), encoding="utf-8")
    print(options.output)


if __name__ == "__main__":
    main()
