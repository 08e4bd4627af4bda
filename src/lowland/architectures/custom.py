"""Networks that a user's own function builds; models store its dotted path and arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from lowland.own_code import OwnCodeError, call_own, custom_spec


def build_custom(*, build: str, inputs: Sequence[int], outputs: int, options: Mapping[str, Any]) -> nn.Module:
    """A freshly initialised network of a user's own.

    Args:
        build: Dotted path of the function.
        inputs: Shape of one sample; the function gets a tuple.
        outputs: Outputs a sample.
        options: Further arguments by name.

    Raises:
        LowlandError: The package is missing, or the function fails or returns no network.
    """
    given = f"inputs {tuple(inputs)}, outputs {outputs}" + "".join(
        f", {name} {value}" for name, value in options.items()
    )
    network = call_own(build, (tuple(inputs), outputs), options, given=given)
    if not isinstance(network, nn.Module):
        raise OwnCodeError(f"{build} returns {type(network).__name__}; expected a torch.nn.Module")
    if not isinstance(getattr(network, "spec", {}), dict):
        raise OwnCodeError(f"{build} returns a network with an attribute `spec`, which lowland sets; rename yours")
    network.spec = custom_spec(build, inputs=inputs, outputs=outputs, **options)  # type: ignore[assignment]
    return network
