"""Bit policies: which width the activations of each layer have, for all inputs alike or for each by what it shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from torch import Tensor

from lowland.errors import LowlandError

Chooser = Callable[[int, Tensor], int | Tensor]
"""(Number of a layer, the floats [rows, ...] that it is about to code) to the width of all rows, or of each [rows]."""


class Policy(Protocol):
    """A policy: what chooses widths while a network computes."""

    @property
    def spec(self) -> dict[str, Any]:
        """What it is made of again, jsonable; ``kind`` is its key in ``POLICIES``."""
        ...

    def chooser(self) -> Chooser:
        """A chooser for one batch; it may remember what it chose in the layers before."""
        ...


@dataclass(frozen=True)
class StaticPolicy:
    """The same widths for every input.

    Attributes:
        bits: By layer, in the order in which a network computes them.
    """

    kind: ClassVar[str] = "static"
    bits: Mapping[str, int]

    def __post_init__(self) -> None:
        """Refuses a policy that chooses nothing."""
        if not self.bits:
            raise LowlandError("policy has no layers; expected widths by layer, such as {layers.0: 4, layers.2: 8}")

    @property
    def spec(self) -> dict[str, Any]:
        """Kind and widths."""
        return {"kind": self.kind, "bits": dict(self.bits)}

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> StaticPolicy:
        """The policy of a spec."""
        return cls(dict(spec["bits"]))

    @property
    def layer_bits(self) -> dict[str, dict[str, int]]:
        """What a precision of method ``dynamic`` says as ``layer_bits``, so that the policy is deployed with it."""
        return {name: {"activations": bits} for name, bits in self.bits.items()}

    @property
    def widths(self) -> tuple[int, ...]:
        """Bits in the order of the layers."""
        return tuple(self.bits.values())

    def chooser(self) -> Chooser:
        """Looks widths up."""
        return static_chooser(self.widths)


def static_chooser(widths: Sequence[int]) -> Chooser:
    """The chooser of widths in the order of the layers."""
    return lambda layer, _: widths[layer]


def rows_chooser(widths: Tensor) -> Chooser:
    """The chooser of widths that are known for each row [rows, layers]."""
    return lambda layer, _: widths[:, layer]


def _table(spec: Mapping[str, Any]) -> Policy:
    from lowland.worst_case.per_input.table_policy import TablePolicy  # which needs this file

    return TablePolicy.from_spec(spec)


def _network(spec: Mapping[str, Any]) -> Policy:
    from lowland.worst_case.per_input.network_policy import NetworkPolicy

    return NetworkPolicy.from_spec(spec)


POLICIES: dict[str, Callable[[Mapping[str, Any]], Policy]] = {
    StaticPolicy.kind: StaticPolicy.from_spec,
    "table": _table,
    "network": _network,
}
"""Policies by the ``kind`` of their spec."""


def policy_from_spec(spec: Mapping[str, Any]) -> Policy:
    """The policy of a spec.

    Raises:
        LowlandError: There is no such kind.
    """
    if spec.get("kind") not in POLICIES:
        raise LowlandError(f"kind of a policy is {spec.get('kind')!r}; expected one of {', '.join(POLICIES)}")
    return POLICIES[str(spec["kind"])](spec)
