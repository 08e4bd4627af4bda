"""The same module with another way through it: parameters, buffers and submodules are shared, nothing is touched."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

HOOKS = tuple(name for name in vars(nn.Module()) if name.endswith("_hooks") and name.startswith("_forward"))


def rerouted(module: nn.Module, call: Callable[[nn.Module, Tensor], Any]) -> nn.Module:
    """A module of the same parameters under the same names that computes ``call(module, inputs)``.

    Args:
        module: Left as it came.
        call: How the module is called; it sees the module with its hooks.
    """
    other = copy.copy(module)
    for name in HOOKS:  # they run where the module itself is called
        other.__dict__[name] = OrderedDict()
    other.__dict__["forward"] = lambda inputs: call(module, inputs)
    other.__dict__["__deepcopy__"] = lambda memo: rerouted(copy.deepcopy(module, memo), call)
    return other


def is_plain(module: nn.Module) -> bool:
    """Whether a call of the module is its class's ``forward`` and nothing else: no hooks, no other way through it."""
    backward = (module._backward_hooks, module._backward_pre_hooks)
    return "forward" not in vars(module) and not any((*(vars(module)[name] for name in HOOKS), *backward))
