"""Write `docs/certification.md` and its figure from finished studies: no number in it is typed.

    python -m scripts.describe_certification data/plane

The text stands in `scripts/certification.md.j2`; further studies (such as `data`, the base study) add their tables.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from scripts.certification_tables import (
    RATE,
    STORED,
    by_bits,
    by_recipe,
    clean,
    monotone,
    pairs_of_activations,
    proved,
    relations,
    reported,
    rounding_by_recipe,
)
from scripts.line_chart import line_charts

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = Path(__file__).with_name("certification.md.j2")
PAGE = ROOT / "docs" / "certification.md"
FIGURE = ROOT / "docs" / "images" / "certification_bits.svg"
ALIKE = 0.01
"""Accuracies that differ by no more are taken for equal."""


def comparison(table: pd.DataFrame) -> list[dict[str, Any]]:
    """ReLU against no activation, set by set."""
    found = []
    for task, linear in pairs_of_activations(table):
        sides = {"ReLU": by_bits(table, task), "linear": by_bits(table, linear)}
        accuracy = {"ReLU": clean(table, task), "linear": clean(table, linear)}
        found.append(
            {
                "set": task,
                "sides": sides,
                "accuracy": accuracy,
                "gap": accuracy["ReLU"] - accuracy["linear"],
                "alike": abs(accuracy["ReLU"] - accuracy["linear"]) <= ALIKE,
                "bits": [bits for bits in sides["ReLU"].index if bits in sides["linear"].index],
                "wins": _wins(sides),
            }
        )
    return found


def _wins(sides: dict[str, pd.DataFrame]) -> dict[str, int]:
    """At how many widths ReLU has more proved rows, a smaller part of the margin lost, or neither."""
    both = sides["ReLU"].join(sides["linear"], suffixes=("_relu", "_linear"), how="inner")
    return {
        "rows": int((both.proved_relu > both.proved_linear).sum()),
        "rows_linear": int((both.proved_relu < both.proved_linear).sum()),
        "margin": int((both.margin_loss_relu < both.margin_loss_linear).sum()),
        "margin_linear": int((both.margin_loss_relu > both.margin_loss_linear).sum()),
        "widths": len(both),
    }


def study(folder: Path) -> dict[str, Any]:
    """All that the page says of one study."""
    table = reported(folder)
    uses = proved(table, "box_use")
    again = proved(table, "reproved_share")
    certificates = [json.loads(file.read_text()) for file in folder.rglob("*.certificate.json")]
    seconds = pd.DataFrame(
        [
            {"statement": name, "seconds": said["seconds"]}
            for each in certificates
            for name, said in each["statements"].items()
            if isinstance(said, dict) and "seconds" in said
        ]
    )
    return {
        "name": "base" if folder.name == "data" else folder.name,
        "cells": len(certificates),
        "comparison": comparison(table),
        "monotone": list(monotone(table)),
        "recipes": by_recipe(table).reset_index().to_dict("records"),
        "shares": [name[5:] for name in by_recipe(table).columns if name.startswith("bits_")],
        "rounding": rounding_by_recipe(table),
        "relations": list(relations(table)),
        "again": [int(again.num_samples.sum()), round(float((again.value * again.num_samples).sum()))],
        "box_use": (uses.groupby("precision").value.agg(["size", "min", "median", "max"]))
        .reset_index()
        .to_dict("records"),
        "inside": int((uses.value <= 1).sum()),
        "uses": len(uses),
        "seconds": seconds.groupby("statement").seconds.agg(["size", "median", "max"]).reset_index().to_dict("records"),
        "global": _looseness(table, "global_deviation", "global_deviation_found"),
        "confidence": _looseness(table, "confidence_deviation", "confidence_deviation_found"),
        "deployed": _looseness(table, "deployed_deviation", "deployed_deviation_found"),
        "safe_by_precision": proved(table, "upset_safe_share", STORED).groupby("precision").value.mean().to_dict(),
        "rows": int(proved(table, "upset_safe_share", STORED).num_samples.max()),
    }


def _looseness(table: pd.DataFrame, upper: str, lower: str) -> list[dict[str, Any]]:
    """How far what is proved lies above what is found, by level (or over all)."""
    keys = ["task", "recipe", "seed", "precision", "level"]
    both = proved(table, upper)[[*keys, "value", "status"]].merge(
        proved(table, lower)[[*keys, "value"]], on=keys, suffixes=("", "_found")
    )
    both["level"] = both.level.fillna(both.precision.str.extract(r"(\d+)")[0].astype(float))
    rows = []
    for level, part in both.groupby("level"):
        ratio = (part.value / part.value_found.where(part.value_found > 0)).median()
        finished = int((part.status == "ok").sum())
        rows.append(
            {
                "level": level,
                "proved": float(part.value.median()),
                "found": float(part.value_found.median()),
                "ratio": float(ratio),
                "finished": finished,
                "number": len(part),
            }
        )
    return rows[::-1]


def figure(compared: list[dict[str, Any]]) -> str:
    """Proved rows by bits, ReLU against linear, a panel for each set."""
    panels = {
        each["set"]: {name: list(side.proved.items()) for name, side in each["sides"].items()} for each in compared
    }
    return line_charts(panels, x_title="bits of weights and biases", y_title="rows that no rounding changes, proved")


def page(studies: list[dict[str, Any]]) -> str:
    """The text.

    Args:
        studies: From ``study``; the first one has the comparison of activations.
    """
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters["share"] = lambda share: "-" if share != share else f"{100 * share:.1f} %"
    environment.filters["number"] = lambda value: "-" if value != value else f"{value:.3g}"
    text: str = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(studies=studies, rate=RATE)
    return text.rstrip("\n") + "\n"


def main() -> None:
    """Reads the studies, writes page and figure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path, help="data folders of finished studies, the plane's first")
    studies = [study(folder) for folder in parser.parse_args().folders]
    FIGURE.write_text(figure(studies[0]["comparison"]), encoding="utf-8")
    PAGE.write_text(page(studies), encoding="utf-8")
    print(f"{PAGE}\n{FIGURE}")


if __name__ == "__main__":
    main()
