"""Write `docs/matched.md` from a benchmark of flipped bits: no number of ours in it is typed.

    kedro run --env study
    python -m benchmarks.fault_ranking.write data/study fault_ranking
    python -m scripts.describe_ranking fault_ranking

The text stands in `scripts/matched.md.j2`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from benchmarks.fault_ranking.cell_map import DRAWS, PLACEBOS
from benchmarks.fault_ranking.leaderboard import leaderboard
from benchmarks.fault_ranking.loader import TRUTHS, Benchmark
from lowland.analysis.fault_ranking import Interval
from scripts.ranking_tables import (
    CONTROL,
    INSIDE,
    REFERENCE,
    SCATTERED,
    SMALL,
    inside_change,
    networks_of,
    predictor_rows,
    rate_rows,
    stratum_rows,
    verdict,
)

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = Path(__file__).with_name("matched.md.j2")
PAGE = ROOT / "docs" / "matched.md"
RELIABLE = 0.95


def number(value: float, digits: int = 2) -> str:
    """A number with a proper minus, or a dash where there is none."""
    return "–" if value is None or not np.isfinite(value) else f"{value:.{digits}f}".replace("-", "−")


def with_interval(value: Interval) -> str:
    """A number with its interval."""
    ends = f" [{number(value.low)}, {number(value.high)}]" if np.isfinite(value.low) else ""
    return number(value.value) + ends


def signed(value: Interval) -> str:
    """A difference with its interval."""
    if not np.isfinite(value.low):
        return number(value.value)
    return f"{value.value:+.2f} [{value.low:+.2f}, {value.high:+.2f}]".replace("-", "−")


def facts(benchmark: Benchmark) -> dict[str, Any]:
    """All that the page says.

    Args:
        benchmark: Of flipped bits.
    """
    networks = networks_of(benchmark)
    parts = {"all tasks": networks} if len(benchmark.tasks) > 1 else {}
    parts |= {task: networks[networks.task == task] for task in benchmark.tasks}
    within = {name: predictor_rows(part, truth="loss_rise") for name, part in parts.items()}
    across = {name: predictor_rows(part, truth="loss_rise", strata=["task"]) for name, part in parts.items()}
    pooled = next(iter(within.values()))
    strata = sorted(stratum_rows(benchmark, networks), key=lambda row: (row["task"], row["precision"]))
    return {
        "tasks": benchmark.tasks,
        "num_networks": len(networks),
        "num_recipes": networks.recipe.nunique(),
        "num_flips": int(networks.num_bits.sum()),
        "rows": {task: int(part.num_rows.iloc[0]) for task, part in networks.groupby("task", sort=False)},
        "within": within,
        "across": across,
        "by_score": {name: predictor_rows(part, truth="score_drop") for name, part in parts.items()},
        "verdict": verdict(pooled[SCATTERED].behind),
        "verdict_flip": verdict(pooled[CONTROL].behind),
        "pooled": pooled,
        "inside_change": inside_change(networks),
        "strata": strata,
        "unreliable": [row for row in strata if not row["reliability"] >= RELIABLE],
        "rates": list(rate_rows(benchmark, networks)),
        "boards": {truth: leaderboard(benchmark, truth=truth).to_dict("records") for truth in TRUTHS},
        "sampled": int(networks.stratified_flips.median()),
        "names": {"reference": REFERENCE, "scattered": SCATTERED, "inside": INSIDE, "control": CONTROL},
        "constants": {"placebos": PLACEBOS, "draws": DRAWS, "small": SMALL, "reliable": RELIABLE},
    }


def page(benchmark: Benchmark) -> str:
    """The page as Markdown."""
    environment = jinja2.Environment(
        trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    environment.filters |= {
        "number": number,
        "with_interval": with_interval,
        "signed": signed,
        "thousands": "{:,}".format,
        "percent": lambda share: f"{100 * share:.0f} %",
        "scientific": "{:.1e}".format,
    }
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(facts(benchmark))


def main() -> None:
    """Writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmark", type=Path, help="folder that benchmarks.fault_ranking.write made")
    parser.add_argument("--page", type=Path, default=PAGE)
    arguments = parser.parse_args()
    arguments.page.write_text(page(Benchmark(arguments.benchmark)), encoding="utf-8")
    print(arguments.page)


if __name__ == "__main__":
    main()
