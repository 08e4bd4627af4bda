"""Write `docs/shifted_sets.md` and its two sheets of examples.

    python -m scripts.describe_shifted_sets

The text stands in `scripts/shifted_sets.md.j2`, what was seen and counted in `scripts/shifted_sets.yml`. Pillow, which
draws the sheets, comes with `pip install -e '.[images]'`.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import yaml

from lowland.perturbation import IMAGE_CORRUPTIONS
from lowland.tasks.images.image_sets import IMAGE_SETS
from lowland.vocabulary.conditions import CONDITIONS

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = Path(__file__).with_name("shifted_sets.md.j2")
FACTS = Path(__file__).with_name("shifted_sets.yml")
PAGE = ROOT / "docs" / "shifted_sets.md"
SHEETS = {name: ROOT / "docs" / "images" / f"corruptions_{name}.png" for name in ("digit", "colour")}
COLOUR_ONLY = ("saturate",)  # leaves grey images as they are
CIFAR_C = (
    *("brightness", "contrast", "defocus_blur", "elastic_transform", "fog", "frost", "gaussian_blur"),
    *("gaussian_noise", "glass_blur", "impulse_noise", "jpeg_compression", "motion_blur", "pixelate", "saturate"),
    *("shot_noise", "snow", "spatter", "speckle_noise", "zoom_blur"),
)
LABELS_CHANGE = 0.05
"""Distance between shares of classes from which on a natural set is said to change its labels too."""


def page() -> str:
    """The page as it should be."""
    facts = yaml.safe_load(FACTS.read_text("utf-8"))
    tokens = [name for name, condition in CONDITIONS.items() if condition.input_kind == "tokens"]
    natural, totals = natural_sets(facts["natural"]), list(all_sets(facts["natural"], tokens))
    template = jinja2.Template(
        TEMPLATE.read_text("utf-8"), keep_trailing_newline=True, undefined=jinja2.StrictUndefined
    )
    return template.render(
        natural=natural,
        corruptions=[described(name, facts) for name in IMAGE_CORRUPTIONS],
        study=list(sets_of_the_study(facts)),
        totals=totals,
        total=sum(row["total"] for row in totals),
    )


def described(name: str, facts: dict[str, Any]) -> dict[str, str]:
    """One corruption: its first sentence, where it comes from, what was seen of it."""
    there = {facts["cifar_c"].get(column, column) for column in CIFAR_C}
    written = {entry["condition"] for entry in facts["mnist_c"].values()}
    origins = [label for label, names in (("CIFAR-10-C", there), ("MNIST-C", written)) if name in names]
    return {
        "name": name,
        "does": (inspect.getdoc(IMAGE_CORRUPTIONS[name]) or "").splitlines()[0].rstrip("."),
        "chance": "yes" if CONDITIONS[name].random else "no",
        "published": ", ".join(origins),
        "differs": facts["differs"].get(name, ""),
        "shows": facts["shows"][name],
    }


def natural_sets(counted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Shares of the classes in every natural set beside those at home."""
    found = []
    home: list[float] = []
    for entry in counted:
        rows, total = entry["rows"], sum(entry["rows"])
        shares = [count / total for count in rows]
        if entry["set"] == "nominal":
            home = shares
        distance = sum(abs(there - here) for there, here in zip(shares, home, strict=True)) / 2
        found.append(
            {
                "task": entry["task"],
                "set": "at home" if entry["set"] == "nominal" else f"`{entry['set']}`",
                "of": entry["of"],
                "rows": total,
                "smallest": f"{100 * min(shares):.0f}",
                "largest": f"{100 * max(shares):.0f}",
                "distance": "" if entry["set"] == "nominal" else f"{distance:.3f}",
                "kind": _kind(entry["set"], distance),
            }
        )
    return found


def _kind(name: str, distance: float) -> str:
    if name == "nominal":
        return ""
    return "covariate and labels" if distance >= LABELS_CHANGE else "covariate"


def sets_of_the_study(facts: dict[str, Any]) -> Iterator[dict[str, str]]:
    """The 42 columns of the published tables, each with what is nearest to it here."""
    yield _set("MNIST", "as it is", "`mnist`", "test rows", "")
    for column, entry in facts["mnist_c"].items():
        here = f"`{entry['condition']}`, severity {entry['severity']}" if entry["condition"] else "test rows"
        yield _set("MNIST-C", column, "`mnist`", here, entry["published"])
    yield _set("CIFAR-10", "as it is", "`cifar10`", "test rows", "")
    for column in CIFAR_C:
        name = facts["cifar_c"].get(column, column)
        yield _set("CIFAR-10-C", column, "`cifar10`", f"`{name}`", facts["differs"].get(name, "none"))
    yield _set("IMDb", "as it is", "`sentiment`", "test rows", "sentences of movie reviews")
    yield _set("customer reviews", "cr", "`sentiment`", "`product_reviews`", "sentences of product reviews")
    yield _set("Yelp", "yelp", "`sentiment`", "`tweets`, `editorials`", "no restaurants; tweets and editorials")
    yield _set("iWildCam", "as it is", "none", "none", "not at hand")
    yield _set("iWildCam", "other cameras", "none", "none", "not at hand")


def _set(data: str, there: str, task: str, here: str, note: str) -> dict[str, str]:
    return {"data": data, "there": there, "task": task, "here": here, "note": note}


def all_sets(counted: list[dict[str, Any]], tokens: list[str]) -> Iterator[dict[str, Any]]:
    """How many sets each task has."""
    natural = {(entry["task"], entry["set"]) for entry in counted if entry["set"] != "nominal"}
    for task in (*IMAGE_SETS, "sentiment"):
        own = sorted(name for owner, name in natural if owner == task)
        kinds = [] if task == "sentiment" else list(IMAGE_CORRUPTIONS)
        if task in IMAGE_SETS and IMAGE_SETS[task].shape[0] == 1:
            kinds = [name for name in kinds if name not in COLOUR_ONLY]
        others = tokens if task == "sentiment" else []
        yield {
            "task": task,
            "corruptions": len(kinds),
            "others": ", ".join(f"`{name}`" for name in others),
            "natural": ", ".join(f"`{name}`" for name in own),
            "total": len(kinds) + len(others) + len(own),
        }


def main() -> None:
    """Write page and sheets."""
    from scripts.corruption_sheet import drawn_digit, sample_photograph, write_sheet

    write_sheet(drawn_digit(), SHEETS["digit"])
    write_sheet(sample_photograph(), SHEETS["colour"])
    PAGE.write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
