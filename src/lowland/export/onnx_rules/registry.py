"""The rules by kind of step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lowland.export.onnx_graph import OnnxGraph
from lowland.export.refusals import tell_all
from lowland.export.results import Site
from lowland.export.rules import Rules

OnnxRule = Callable[..., str]
"""Adds the nodes of a step: of its site, the graph and the names of what it takes; the name of what it hands on."""

ONNX_RULES: Rules[OnnxRule] = Rules()
"""By kind of step."""

onnx_rule = ONNX_RULES.of
"""Makes a function the rule of kinds of steps. Its arguments are the ``Site``, the ``OnnxGraph``, and the names of the
integers that the step takes, int64 [rows, ...] each (float32 for the network's own input). It returns such a name.
"""


def tell_steps(sites: Sequence[Site[Any]], graph: OnnxGraph, names: dict[str, str]) -> None:
    """Add the nodes of steps to a graph.

    Args:
        sites: In order of computation.
        graph: To be added to.
        names: What is there before the first step, by name; the results of the steps are added.

    Raises:
        MistakesError: Steps that ONNX cannot say, one line each.
    """

    def tell(rule: OnnxRule, site: Site[Any]) -> None:
        graph.begin(site.step.name)
        names[site.step.name] = rule(site, graph, *(names.get(name, name) for name in site.step.inputs))

    tell_all(sites, ONNX_RULES, tell, way_out=f"one of {', '.join(ONNX_RULES)}")
