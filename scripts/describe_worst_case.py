"""Write `docs/worst_case.md` from finished studies: no number of ours in it is typed.

    kedro run --env worst_case
    python -m scripts.describe_worst_case data/worst_case
    python -m scripts.describe_worst_case data/worst_case data/digits --search benchmark/search.parquet

`--search`, `--students` and `--factors` are tables that benchmarks leave (columns: `search_rows`, `student_rows`,
`factor_rows`); without them the page says that this was not measured. The text stands in `scripts/worst_case.md.j2`,
published figures and what was to be reached in `scripts/worst_case_published.yml`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import yaml

from lowland.analysis.policy_warnings import policy_warnings
from lowland.analysis.splits import on_split
from lowland.report.sentences import stability
from lowland.report.sentences.protections import protection_label
from lowland.report.sentences.stability import rate_text
from lowland.report.sentences.warnings import combined, warning_rows, warning_sentence
from scripts.worst_case_tables import (
    PER_INPUT,
    all_pairs,
    by_task,
    layer_rows,
    means_of,
    policy_rows,
    protection_rows,
    search_rows,
    student_rows,
)

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = Path(__file__).with_name("worst_case.md.j2")
PUBLISHED = Path(__file__).with_name("worst_case_published.yml")
PAGE = ROOT / "docs" / "worst_case.md"


def study_facts(folder: Path, targets: dict[str, float]) -> list[dict[str, Any]]:
    """All that the page says of the tasks of one study.

    Args:
        folder: Of the study's data.
        targets: What was to be reached.
    """
    whole = pd.read_parquet(folder / "08_reporting" / "measurements.parquet")
    record = yaml.safe_load((folder / "08_reporting" / "study.yml").read_text(encoding="utf-8"))
    warnings = policy_warnings(whole)
    return [
        {
            "study": folder.name,
            "name": task,
            "options": record["parameters"]["worst_case"],
            "policies": policy_rows(cells),
            "layers": layer_rows(cells),
            "pairs": all_pairs(students, targets),
            "per_input": means_of(cells, *PER_INPUT),
            "told": means_of(cells, "broken_auroc"),
            "shifted": means_of(cells, "shifted_policy_drop"),
            "warning": warning_sentence(signs := combined(warnings[warnings.task == task])),
            "signs": warning_rows(signs),
            "protection": protection_rows(cells),
        }
        for task, cells, students in by_task(on_split(whole, "test"))
    ]


def points(difference: float) -> str:
    """A difference of shares in points, without a sign where it is a loss."""
    return stability.points(difference, "-").removeprefix("+")


def points_between(number: tuple[float, float, float]) -> str:
    """A mean with its interval, in points."""
    mean, low, high = number
    return points(mean) if low != low else f"{points(mean)} [{points(low)}, {points(high)}]"


def share(value: float) -> str:
    """A share with two digits."""
    return rate_text(value, "-")


def accuracy(value: float) -> str:
    """A share with one decimal."""
    return "-" if value != value else f"{100 * value:.1f} %"


def page(facts: dict[str, Any]) -> str:
    """The text.

    Args:
        facts: ``studies``, ``tasks``, ``search``, ``trained``, ``factors``, ``published``.
    """
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters |= {
        "points": points,
        "between": points_between,
        "share": share,
        "exact": lambda value: f"{100 * value:.4g}",
        "accuracy": accuracy,
        "protection": protection_label,
        "words": lambda name: name.replace("_", " "),
    }
    text: str = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(**facts)
    return text.rstrip("\n") + "\n"


def facts_of(
    studies: Sequence[Path], *, search: Path | None = None, students: Path | None = None, factors: Path | None = None
) -> dict[str, Any]:
    """What the page is made of.

    Args:
        studies: Data folders of finished studies.
        search: History of the searches that the benchmark compares, see ``search_rows``.
        students: Students at several budgets, see ``student_rows``.
        factors: Networks that differ in one thing: ``factor``, ``setting``, ``accuracy``, ``policy_drop``, ...
    """
    published = yaml.safe_load(PUBLISHED.read_text(encoding="utf-8"))
    targets = published["targets"]
    near = {"share": targets["search_share"], "evaluations": targets["search_evaluations"]}
    return {
        "studies": [study.name for study in studies],
        "tasks": [task for study in studies for task in study_facts(study, targets)],
        "search": search_rows(pd.read_parquet(search), **near) if search else [],
        "trained": student_rows(pd.read_parquet(students)) if students else [],
        "factors": factor_rows(pd.read_parquet(factors)) if factors else [],
        "published": published,
    }


def factor_rows(networks: pd.DataFrame) -> list[dict[str, Any]]:
    """Means over the networks of every setting of every factor, with standard errors of what is lost.

    Args:
        networks: A row a network: ``factor``, ``setting``, ``accuracy`` and ``policy_drop``.
    """
    lost = networks.groupby(["factor", "setting"], sort=False)[["accuracy", "policy_drop"]]
    means = lost.agg(["mean", "size", "sem"])
    return [
        {
            "factor": str(factor),
            "setting": str(setting),
            "networks": int(row["policy_drop", "size"]),
            "accuracy": float(row["accuracy", "mean"]),
            "lost": float(row["policy_drop", "mean"]),
            "error": float(row["policy_drop", "sem"]),  # NaN of one network
        }
        for (factor, setting), row in means.iterrows()
    ]


def main() -> None:
    """Reads the studies and the benchmarks, writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", type=Path, nargs="+", help="data folders of finished studies")
    parser.add_argument("--search", type=Path, help="every evaluation of searches whose optimum is known")
    parser.add_argument("--students", type=Path, help="students at several budgets and after several ways of training")
    parser.add_argument("--factors", type=Path, help="networks that differ in one thing")
    parser.add_argument("--page", type=Path, default=PAGE)
    arguments = parser.parse_args()
    tables = {name: getattr(arguments, name) for name in ("search", "students", "factors")}
    text = page(facts_of(arguments.studies, **tables))
    arguments.page.write_text(text, encoding="utf-8")
    print(arguments.page)


if __name__ == "__main__":
    main()
