"""What a deployed network answers on each row, in whole numbers, and whether that changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.faults.measured_rows import Measure, MeasuredRows
from lowland.faults.prefix import Prefix
from lowland.quantization.graph.integer import IntegerNetwork


@dataclass(frozen=True)
class AnsweredRows(MeasuredRows):
    """Rows whose answers are all that is asked: the metric after a change is whether the answer is another."""

    @classmethod
    def on(cls, network: IntegerNetwork, inputs: Tensor) -> Self:
        """Runs the unchanged network once.

        Args:
            network: Deployed network.
            inputs: Floats [rows, ...].

        Raises:
            LowlandError: Outputs that are not one number or one a class.
        """
        with torch.no_grad():
            prefix = Prefix.of(network, inputs)
            clean = answers_of(prefix.outputs, network.output_scale)
        nothing = prefix.outputs.new_zeros(len(inputs), 1, dtype=torch.float64)
        measure = Measure(lambda outputs, targets: outputs.new_zeros(len(outputs), 0))
        return cls(network, measure, inputs.new_zeros(len(inputs)), prefix, nothing, clean)

    def of_outputs(self, carried: Tensor, samples: Tensor) -> Tensor:
        """Whether the answers of some rows are others [items, 1].

        Args:
            carried: Whole numbers of the outputs [items, ...].
            samples: [items] whose they are.
        """
        return self.changed(carried, samples, self.network.output_scale)

    def changed(self, carried: Tensor, samples: Tensor, scale: Tensor) -> Tensor:
        """The same with another step size of the outputs."""
        assert self.answers is not None
        return (answers_of(carried, scale) != self.answers[samples])[:, None].double()


def answers_of(outputs: Tensor, scale: Tensor) -> Tensor:
    """The class of the highest output, the lowest index where several are; of a single output whether it is above 0.

    Where all outputs have one step size, whole numbers are compared, and only its sign is read; else each is
    multiplied with its own, in float64.

    Args:
        outputs: Whole numbers in any type [rows, classes], [rows, 1] or [rows].
        scale: Their step size, in a shape that multiplies them.

    Returns:
        [rows].

    Raises:
        LowlandError: Another shape.
    """
    if outputs.ndim > 2 or outputs.ndim == 0 or outputs[:1].numel() == 0 < len(outputs):
        raise LowlandError(
            f"network: its outputs are {tuple(outputs.shape)}; expected [rows, classes], of which the highest is the "
            "answer, or one number a row"
        )
    values = outputs * scale.sign().to(outputs.dtype) if scale.numel() == 1 else outputs.double() * scale.double()
    if values.ndim == 1 or values.shape[1] == 1:
        return (values.reshape(-1) > 0).long()
    return values.argmax(1)


def margins(network: IntegerNetwork, inputs: Tensor) -> Tensor:
    """By how much the highest output exceeds the next [rows], in the units of the outputs; of a single output its size.

    Args:
        network: Deployed network.
        inputs: Floats [rows, ...].
    """
    with torch.no_grad():
        outputs = network.deployed_outputs(inputs).double()
    if outputs.ndim == 1 or outputs.shape[1] == 1:
        return outputs.reshape(-1).abs()
    highest = outputs.topk(2, 1).values
    return highest[:, 0] - highest[:, 1]
