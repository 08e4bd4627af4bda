"""The rules by kind of step."""

from __future__ import annotations

from collections.abc import Callable

OnnxRule = Callable[..., str]
"""Adds the nodes of a step: of its site, the graph and the names of what it takes; the name of what it hands on."""

ONNX_RULES: dict[str, OnnxRule] = {}
"""By kind of step."""


def onnx_rule(*kinds: str) -> Callable[[OnnxRule], OnnxRule]:
    """Registers a function as the rule of these kinds of steps.

    Its arguments are the ``Site``, the ``OnnxGraph``, and the names of the integers that the step takes, int64
    [rows, ...] each (float32 for the network's own input). It returns such a name.
    """

    def register(rule: OnnxRule) -> OnnxRule:
        ONNX_RULES.update(dict.fromkeys(kinds, rule))
        return rule

    return register
