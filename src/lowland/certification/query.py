"""What is asked: a network, how far its weights may move, and which inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from torch import Tensor, nn

from lowland.certification.inputs import InputBox
from lowland.certification.real_network import RealNetwork
from lowland.certification.weight_box import WeightBox
from lowland.errors import LowlandError


@dataclass(frozen=True, eq=False)
class Query:
    """A network in real arithmetic with everything that may change in it.

    Attributes:
        network: The float network, with ``Rounding`` operations where activations are quantized, too.
        box: How far weights and biases may move.
        inputs: One box a row; rows without extent where inputs are fixed.
    """

    network: RealNetwork
    box: WeightBox
    inputs: InputBox

    @classmethod
    def of(
        cls,
        model: nn.Module | RealNetwork,
        inputs: Tensor | InputBox,
        epsilon: float | Mapping[str, float | Tensor] | None,
    ) -> Query:
        """A question, checked before anything is computed.

        Args:
            model: Float network; its weights are folded first, and the box lies around these.
            inputs: Rows [rows, ...], or boxes of them.
            epsilon: Radius of all weights and biases, or by name (see ``WeightBox.around``); ``None``: none moves.

        Raises:
            LowlandError: Anything in it that cannot be: operations without bounds, a radius or shape, an empty box.
        """
        boxes = InputBox.of(inputs)
        if len(boxes) == 0:
            raise LowlandError("inputs has no rows; expected at least one")
        network = RealNetwork.of(model, boxes.lower.float())
        box = WeightBox({}) if epsilon is None else WeightBox.around(network, epsilon)
        return cls(network, box, boxes)

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, rows: slice | Tensor) -> Query:
        """The same question for some rows."""
        return replace(self, inputs=self.inputs[rows])
