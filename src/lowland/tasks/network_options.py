"""Which network a task on a user's data trains: one of the project's, or one of the user's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from lowland.errors import did_you_mean
from lowland.own_code import check_arguments, custom_spec, is_dotted, own_object


class NetworkOptions(BaseModel):
    """The network of a task; options of tasks that let their user choose inherit from it and name what they have.

    Attributes:
        network: One of the task's own kinds, or a function of yours that builds it: ``their_package.nets:build``,
            called as ``build(inputs, outputs, **network_options)`` with the shape of one sample.
        network_options: Further arguments of your function.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    BUILT_IN: ClassVar[tuple[str, ...]] = ()

    network: str
    network_options: dict[str, Any] = {}

    @field_validator("network")
    @classmethod
    def _is_there(cls, network: str) -> str:
        if is_dotted(network):
            own_object(network)
        elif network not in cls.BUILT_IN:
            raise ValueError(
                f"network is {network!r}; expected {', '.join(cls.BUILT_IN)}, or a function of yours as "
                f"package.module:name{did_you_mean(network, cls.BUILT_IN)}"
            )
        return network

    @model_validator(mode="after")
    def _takes_its_options(self) -> Self:
        if self.is_custom:
            check_arguments(self.network, ((), 1), self.network_options)
        elif self.network_options:
            raise ValueError(
                f"network_options are {self.network_options} with network: {self.network}; expected them with a "
                "function of yours (package.module:name)"
            )
        return self

    @property
    def is_custom(self) -> bool:
        """Whether the network is the user's own."""
        return is_dotted(self.network)

    @property
    def own_code(self) -> tuple[str, ...]:
        """Dotted paths of the user's code that decides results."""
        return (self.network,) if self.is_custom else ()

    def custom_network(self, inputs: Sequence[int], outputs: int) -> dict[str, Any]:
        """The ``spec`` of the user's network.

        Args:
            inputs: Shape of one sample.
            outputs: Of the network a sample.
        """
        return custom_spec(self.network, inputs=inputs, outputs=outputs, **self.network_options)
