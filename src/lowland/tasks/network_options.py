"""Which network a task on a user's data has: one of the project's, one of the user's own, or one from outside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from lowland.errors import did_you_mean
from lowland.own_code import check_arguments, custom_spec, is_dotted, own_object
from lowland.tasks.given_network import GivenNetwork, NetworkChoice


class NetworkOptions(BaseModel):
    """The network of a task; options of tasks that let their user choose inherit from it and name what they have.

    Attributes:
        network: One of the task's own kinds; or a function of yours that builds it: ``their_package.nets:build``,
            called as ``build(inputs, outputs, **network_options)`` with the shape of one sample; or a quantized one
            from outside: ``{qonnx: path}`` or ``{brevitas: their_package.nets:build}``.
        network_options: Further arguments of your function.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    BUILT_IN: ClassVar[tuple[str, ...]] = ()

    network: NetworkChoice
    network_options: dict[str, Any] = {}

    @field_validator("network")
    @classmethod
    def _is_there(cls, network: str | GivenNetwork) -> str | GivenNetwork:
        if isinstance(network, GivenNetwork):
            return network
        if is_dotted(network):
            own_object(network)
        elif network not in cls.BUILT_IN:
            file = f"; a file is {{qonnx: {network}}}" if network.endswith(".onnx") else ""
            raise ValueError(
                f"network is {network!r}; expected {', '.join(cls.BUILT_IN)}, or a function of yours as "
                f"package.module:name{did_you_mean(network, cls.BUILT_IN)}{file}"
            )
        return network

    @model_validator(mode="after")
    def _takes_its_options(self) -> Self:
        if isinstance(self.network, GivenNetwork):
            self.network.check_options(self.network_options)
        elif is_dotted(self.network):
            check_arguments(self.network, ((), 1), self.network_options)
        elif self.network_options:
            raise ValueError(
                f"network_options are {self.network_options} with network: {self.network}; expected them with a "
                "function of yours (package.module:name)"
            )
        return self

    @property
    def is_built_in(self) -> bool:
        """Whether the network is one of the task's own kinds."""
        return self.network in self.BUILT_IN

    @property
    def given(self) -> GivenNetwork | None:
        """The network from outside, if it is one."""
        return self.network if isinstance(self.network, GivenNetwork) else None

    @property
    def own_code(self) -> tuple[str | Path, ...]:
        """Dotted paths of the user's code, and the user's file, that decide results."""
        if isinstance(self.network, GivenNetwork):
            return self.network.own_code
        return () if self.is_built_in else (self.network,)

    def network_seen_from(self, root: Path) -> str | GivenNetwork:
        """The network with its file found.

        Args:
            root: The project's folder.
        """
        return self.network.resolved(root) if isinstance(self.network, GivenNetwork) else self.network

    def user_network(self, inputs: Sequence[int], outputs: int) -> dict[str, Any]:
        """The ``spec`` of a network that is none of the task's own kinds.

        Args:
            inputs: Shape of one sample.
            outputs: Of the network a sample.
        """
        if isinstance(self.network, GivenNetwork):
            return self.network.spec(inputs, outputs, self.network_options)
        return custom_spec(self.network, inputs=inputs, outputs=outputs, **self.network_options)
