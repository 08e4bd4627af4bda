"""The recipe ``distilled_robust``: a student of the plain network that answers alike under any activation widths."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Annotated, Literal

import torch
from pydantic import ConfigDict, Field
from torch import Tensor, nn

from lowland.quantization.dynamic.twin import DynamicTwin
from lowland.quantization.fake_quantized.network import QuantizedNetwork
from lowland.quantization.precision import FEWEST_BITS, MOST_BYTE_BITS
from lowland.selection import Axes, Misfit
from lowland.training.divergence import divergence_from_teacher, divergence_in_codes
from lowland.training.recipe_base import Loss, RecipeBase, Weight

Width = Annotated[int, Field(ge=FEWEST_BITS, le=MOST_BYTE_BITS)]


class DistilledRobust(RecipeBase):
    """Trains a teacher as ``plain`` does, then a student of it that keeps its answers under dynamic quantization.

    The student starts from the same weights and minimises KL(teacher ‖ student) + weight · D(student, student under a
    policy), D the Jensen–Shannon divergence. The policy, a width for what each layer reads, is drawn anew for every
    batch, and the roundings of weights in 8 bits and of activations are passed straight through. Labels are used by the
    teacher alone, and to choose the epoch. Training takes two to three times as long as ``plain``. Networks that are
    fine-tuned with quantizers of their own are so as with ``plain``.

    Attributes:
        weight: Of the divergence under policies.
        widths: Bits that layers are drawn from.
        runtime: Whose dynamic arithmetic: ``litert`` (linear layers and convolutions) or ``torchao`` (linear layers).

    Source:
        After the robust pairs of Frank and Ardis 2025, arXiv 2510.02457; there the divergence is not bounded and the
        policy is learned.
    """

    kind: Literal["distilled_robust"]
    weight: Weight = 3.0
    widths: Annotated[tuple[Width, ...], Field(min_length=1)] = (2, 4, 6, 8)
    runtime: Literal["litert", "torchao"] = "litert"

    @property
    def expects_classes(self) -> bool:
        """Divergences are of probabilities."""
        return True

    def misfits(self, axes: Axes) -> Iterator[Misfit]:
        """Tasks that name no classes."""
        for name, task in axes.tasks.items():
            if not task.is_classifier:
                yield "kind", f"is distilled_robust; expected another recipe: task {name} is no classification"

    def prepared(
        self, network: nn.Module, trained: Callable[[nn.Module, RecipeBase], nn.Module], *, float_from: str | None
    ) -> RecipeBase:
        """The same with its teacher."""
        if isinstance(network, QuantizedNetwork):
            return RecipeBase()
        teacher = trained(copy.deepcopy(network), RecipeBase()).eval().requires_grad_(False)
        twin = DynamicTwin(network, runtime=self.runtime, float_from=float_from)
        return _Distillation(weight=self.weight, widths=self.widths, teacher=teacher, twin=twin)


class _Distillation(RecipeBase):
    """One training of a student, whose teacher is there.

    Attributes:
        teacher: Gives the outputs that the student is to have.
        twin: The student as it is computed under dynamic quantization.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    weight: float
    widths: tuple[int, ...]
    teacher: nn.Module
    twin: DynamicTwin

    def loss(self, loss: Loss) -> Loss:
        """Nothing of the labels."""
        return lambda outputs, targets: outputs.new_zeros(())

    def penalty(self, network: nn.Module, inputs: Tensor, outputs: Tensor, generator: torch.Generator) -> Tensor | None:
        """The distance from the teacher, and from itself under widths that are drawn."""
        with torch.no_grad():
            teacher = self.teacher(inputs)
        layers = self.twin.layers
        drawn = torch.randint(len(self.widths), (len(layers),), generator=generator)
        self.twin.set_bits(layers, [self.widths[number] for number in drawn.tolist()])
        apart = divergence_in_codes(network, self.twin, inputs, outputs)
        return divergence_from_teacher(outputs, teacher) + self.weight * apart
