"""The axes of a study whose networks come from outside: one recipe, one seed, one precision."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from lowland.quantization import Precision
from lowland.selection import Misfit
from lowland.tasks import TaskOptions
from lowland.training import Recipe

AXES = "recipes: {given: {kind: given}}, seeds: {s0: 0}, precisions: {imported: {method: imported}}"


def misfits_of_given(
    tasks: Mapping[str, TaskOptions],
    recipes: Mapping[str, Recipe],
    seeds: Iterable[str],
    precisions: Mapping[str, Precision],
) -> Iterator[Misfit]:
    """What keeps tasks, recipes, seeds and precisions from being about networks from outside, or from being without.

    Args:
        tasks: By name.
        recipes: By name.
        seeds: Names.
        precisions: By name.
    """
    given = [name for name, options in tasks.items() if options.given is not None]
    seeds = list(seeds)
    idle = [f"recipes.{name}" for name, recipe in recipes.items() if recipe.is_given]
    idle += [f"precisions.{name}" for name, precision in precisions.items() if precision.method == "imported"]
    if not given:
        if idle:
            yield (
                idle[0],
                "is for networks from outside, and no task has one; expected network: {qonnx: path} or "
                "{brevitas: package.module:name} in a task, or a recipe that trains and a precision that quantizes",
            )
        return
    if trained := [name for name in tasks if name not in given]:
        yield (
            f"tasks.{given[0]}.network",
            f"comes from outside, but {_listed(trained)} trained here; expected environments of their own",
        )
    elif len(idle) != 2 or len(recipes) != 1 or len(precisions) != 1 or len(seeds) != 1:
        yield (
            f"tasks.{given[0]}.network",
            f"comes from outside and is neither trained nor quantized here, but recipes are {', '.join(recipes)}, "
            f"seeds {', '.join(seeds)}, precisions {', '.join(precisions)}; write {AXES}",
        )


def _listed(tasks: list[str]) -> str:
    names = ", ".join(tasks)
    return f"networks of {names} are" if len(tasks) > 1 else f"the network of {names} is"
