"""Write `docs/screening.md` from a benchmark of held-out recipe families: no number of ours in it is typed.

    python -m benchmarks.screening data/study screening
    python -m scripts.describe_screening screening

The text stands in `scripts/screening.md.j2`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd

from lowland.analysis.screening.folds import FAMILY, HIGHEST, LOWEST, TASK

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = Path(__file__).with_name("screening.md.j2")
PAGE = ROOT / "docs" / "screening.md"
MODELS = ("ridge", "gaussian_process", "boosting")


def number(value: float, digits: int = 2) -> str:
    """A number with a proper minus, or a dash where there is none."""
    return "–" if not np.isfinite(value) else f"{value:.{digits}f}".replace("-", "−")


def facts(scores: pd.DataFrame) -> dict[str, Any]:
    """All that the page says.

    Args:
        scores: ``scores.parquet`` of the benchmark.
    """
    family = scores[scores.by == FAMILY]
    finished = family.stop == "finished"
    models = family[finished & family.model.isin(MODELS)]
    others = family[finished & ~family.model.isin(MODELS)]
    cheap = others[others.model.isin(["bits of a weight", "clean loss"])]
    best = models.groupby("truth").r_squared.max()
    # Whether any model beats the better of bit width and clean loss, truth by truth.
    ahead = {truth: float(value - cheap[cheap.truth == truth].r_squared.max()) for truth, value in best.items()}
    return {
        "task": family.task.iloc[0],
        "num_families": int(family.num_families.max()),
        "models": models.to_dict("records"),
        "baselines": others.to_dict("records"),
        "stops": family[~finished].to_dict("records"),
        "beyond": scores[scores.by.isin([LOWEST, HIGHEST])].to_dict("records"),
        "tasks": scores[scores.by == TASK].to_dict("records"),
        "covered": scores[scores.by == "coverage"].to_dict("records"),
        "ahead": ahead,
        "held": models[models.verdict == "held"].to_dict("records"),
        "not_held": int((models.verdict == "not held").sum()),
        "cannot": int((models.verdict == "cannot tell").sum()),
    }


def page(scores: pd.DataFrame) -> str:
    """The page as Markdown."""
    environment = jinja2.Environment(
        trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    environment.filters |= {
        "number": number,
        "points": lambda share: number(100 * share),
        "percent": lambda share: f"{number(100 * share, 0)} %" if np.isfinite(share) else "–",
    }
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(facts(scores))


def main() -> None:
    """Writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmark", type=Path, help="folder that benchmarks.screening made")
    parser.add_argument("--page", type=Path, default=PAGE)
    arguments = parser.parse_args()
    text = page(pd.read_parquet(arguments.benchmark / "scores.parquet"))
    arguments.page.write_text(text, encoding="utf-8")
    print(arguments.page)


if __name__ == "__main__":
    main()
