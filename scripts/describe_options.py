"""Write the pages of all that parameters may say: `docs/recipes.md` and `docs/parameters.md`.

    python -m scripts.describe_options

Meaning, type, range and default come from the classes that validate the parameters; values of `conf/base` from there.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, RootModel

from lowland.config import Study
from lowland.training.recipes.recipe import AnyRecipe
from scripts.option_tables import Option, markdown, nested, options, sections

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
NOTE = (
    "<!-- Written by `python -m scripts.describe_options` from the classes' docstrings; edit those, not this file. -->"
)
# A line of `recipes:` for every kind, with a usual strength.
EXAMPLES: dict[str, dict[str, Any]] = {
    "plain": {},
    "weight_decay": {"weight": 0.1},
    "jacobian": {"weight": 0.001},
    "orthogonal": {"weight": 0.0001},
    "clipping": {"limit": 0.5},
    "noise": {"noise": "gaussian", "level": 10},
    "sam": {"rho": 0.05},
    "bit_errors": {"rate": 0.01, "bits": 4, "limit": 0.5},
    "adversarial": {"radius": 0.1, "num_steps": 7},
    "mixup": {"alpha": 0.2},
    "label_smoothing": {"smoothing": 0.1},
    "ema": {"decay": 0.99},
    "distilled_robust": {"weight": 3.0},
}
# Parameters that are no class of options of their own.
PLAIN = {
    "device": "Where networks are trained: `auto`, `cuda`, `mps` or `cpu`.",
    "recipes": "The recipes by name. Kinds and their options: [recipes.md](recipes.md).",
    "seeds": "Repetitions by name: different whole numbers, at least 0.",
    "qat_recipes": "Recipes that are fine-tuned with quantizers, by name, or `all`; others are only calibrated.",
}
# Parameters whose options are given under names.
ENTRIES = {
    "tasks": "Each entry is a name of yours with these options. ",
    "precisions": "Each entry is a name of yours with these options. ",
    "requirements": "Each entry is the name of a task with these options. ",
}


def recipes_page() -> str:
    """Every kind of recipe."""
    parts = [
        "# Recipes",
        NOTE,
        "How a network is trained. Every line of `recipes:` in `conf/<env>/parameters_axes.yml` is one recipe: a name "
        "of yours, a `kind` and the options of that kind. Epochs, batches and learning rate are common to all of them: "
        "[`training` and `fine_tuning`](parameters.md#training).",
    ]
    for recipe in get_args(AnyRecipe):
        kind = recipe.model_fields["kind"].annotation.__args__[0]
        line = yaml.safe_dump({"kind": kind} | EXAMPLES[kind], default_flow_style=True, sort_keys=False).strip()
        parts += [f"## {kind}", _text(recipe), _table(options(recipe), "Default"), f"```yaml\n{kind}: {line}\n```"]
        if source := sections(recipe).get("Source"):
            parts.append(f"Source: {markdown(source)}")
    return _page(parts)


def parameters_page() -> str:
    """Every parameter of a study, with what `conf/base` says."""
    base = {
        path.name: yaml.safe_load(path.read_text()) for path in sorted((ROOT / "conf/base").glob("parameters*.yml"))
    }
    files = {parameter: name for name, content in base.items() for parameter in content}
    parts = [
        "# Parameters",
        NOTE,
        "All that `conf/<env>/parameters*.yml` and `--params` may say. *Base* is what `conf/base` says, or the default "
        "where it says nothing; `required` options have none.",
    ]
    described: set[type[BaseModel]] = set()
    for name, field in Study.model_fields.items():
        where = f"In `conf/base/{files[name]}`." if name in files else ""
        parts.append(f"## {name}")
        if name in PLAIN:
            value = base[files[name]][name]
            stands = "" if name == "recipes" else f" Base: `{_flow(value)}`."
            parts.append(f"{PLAIN[name]}{stands} {where}")
            continue
        for model in _models(field.annotation):
            axis = name in ENTRIES
            if axis and "kind" in model.model_fields:
                parts.append(f"### kind: {model.model_fields['kind'].annotation.__args__[0]}")
            values = None if axis else base[files[name]][name]
            parts += [
                f"{ENTRIES.get(name, '')}{where}\n\n{_text(model)}",
                _table(options(model, values), "Default" if axis else "Base"),
            ]
            for inner in nested(model):
                if inner not in described:
                    described.add(inner)
                    parts += [f"#### {inner.__name__}", _text(inner), _table(options(inner), "Default")]
    return _page(parts)


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The classes of options that a parameter is made of, without those that only wrap others."""
    if isinstance(annotation, type) and issubclass(annotation, RootModel):
        return _models(annotation.model_fields["root"].annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def _text(model: type[BaseModel]) -> str:
    return "\n\n".join(markdown(paragraph) for paragraph in sections(model)[""].split("\n\n"))


def _table(rows: Iterable[Option], default: str) -> str:
    lines = [f"| `{row.name}` | {row.expected} | {row.default} | {row.meaning} |" for row in rows]
    return "\n".join([f"| Option | Expected | {default} | Meaning |", "|---|---|---|---|", *lines]) if lines else ""


def _flow(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True, sort_keys=False).removesuffix("...\n").strip()


def _page(parts: Iterable[str]) -> str:
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


PAGES = {"recipes.md": recipes_page, "parameters.md": parameters_page}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
        print(DOCS / name)
