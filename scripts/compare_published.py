"""Write docs/published.md: our measurements beside the published figures, and which published claims hold.

    python -m scripts.compare_published data/paper/08_reporting/measurements.parquet --env paper

Every number of ours is read from the long tables that are given; what they lack is called not measured. How networks
were trained is read from the environment, on what data from the note beside the raw data. The published figures stand
in `scripts/published.yml`, the text in `scripts/published.md.j2`.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import yaml

from lowland.analysis.splits import on_split
from scripts.published_claims import claims
from scripts.published_comparison import DIFFERS, TaskComparison
from scripts.published_scope import told
from scripts.published_statistics import HELD, MISSING, NOT_HELD, UNCLEAR
from scripts.published_tables import overviews

ROOT = Path(__file__).resolve().parents[1]
FIGURES = Path(__file__).with_name("published.yml")
TEMPLATE = Path(__file__).with_name("published.md.j2")


def read_tables(paths: Sequence[Path], tasks: Sequence[str]) -> dict[str, tuple[Path, pd.DataFrame]]:
    """Each published task's table and rows in it; a task that no table has is left out."""
    found: dict[str, tuple[Path, pd.DataFrame]] = {}
    for path in paths:
        if not path.is_file():
            raise SystemExit(f"compare_published: {path} does not exist; run the study first (kedro run --env paper)")
        table = pd.read_parquet(path)
        table = on_split(table[table.split != "validation"], "test")
        for task in tasks:
            rows = table[table.task == task]
            if rows.empty:
                continue
            if task in found:
                raise SystemExit(f"compare_published: {path} has task {task}, and so has another table; expected one")
            found[task] = path, rows.reset_index(drop=True)
    if not found:
        raise SystemExit(f"compare_published: no rows of {' or '.join(tasks)} in {', '.join(map(str, paths))}")
    return found


def page(compared: Sequence[TaskComparison], published: dict[str, Any], *, command: str, note: str) -> str:
    """The page's text."""
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    names = {task.name for task in compared}
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        published=published,
        tasks=[(task, claims(task), overviews(task)) for task in compared],
        absent=[figures["title"] for name, figures in published["tasks"].items() if name not in names],
        verdicts=(HELD, NOT_HELD, UNCLEAR, MISSING),
        not_held=NOT_HELD,
        differs=DIFFERS,
        command=command,
        note=note,
    )


def _by_table(option: str, values: Sequence[str], tables: Sequence[Path]) -> dict[Path, str | None]:
    """What an option says of each table: the same of all, or of each in turn."""
    if len(values) not in (0, 1, len(tables)):
        raise SystemExit(
            f"compare_published: {option} stands {len(values)} times for {len(tables)} tables; expected it once, or "
            "once a table in their order"
        )
    return dict(zip(tables, values if len(values) > 1 else (values or [None]) * len(tables), strict=True))


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line, compare, write the page."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(description="Write the comparison with the published figures.")
    parser.add_argument("tables", type=Path, nargs="+", help="measurements.parquet of one or more studies")
    parser.add_argument("--env", action="append", default=[], help="environment of the tables, or of each in turn")
    parser.add_argument("--params", action="append", default=[], help="what kedro run got as --params; as --env")
    parser.add_argument("--data", action="append", default=[], help="task=what its data are, where no note tells")
    parser.add_argument("--note", default="", help="a sentence for the page's head")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "published.md")
    options = parser.parse_args(arguments)
    env_of = _by_table("--env", options.env, options.tables)
    changed_in = _by_table("--params", options.params, options.tables)
    published = yaml.safe_load(FIGURES.read_text(encoding="utf-8"))
    if wrong := [text for text in options.data if text.partition("=")[0] not in published["tasks"]]:
        raise SystemExit(
            f"compare_published: --data {wrong[0]!r}; expected task=words, such as econ='simulated wafers'"
        )
    data = {name: words for name, _, words in (text.partition("=") for text in options.data)}
    compared = []
    for name, (path, rows) in read_tables(options.tables, list(published["tasks"])).items():
        sentences = told(
            path,
            name,
            env=env_of[path],
            data=data.get(name),
            published=published["tasks"][name],
            changed=changed_in[path] or "",
        )
        compared.append(TaskComparison(name, rows, published, sentences))
    command = shlex.join(["python", "-m", "scripts.compare_published", *arguments])
    options.output.write_text(page(compared, published, command=command, note=options.note), encoding="utf-8")
    print(options.output)


if __name__ == "__main__":
    main()
