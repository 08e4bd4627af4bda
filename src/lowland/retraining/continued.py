"""A float network that is trained on, and the network that is then deployed of it."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from lowland.estimate import Status
from lowland.quantization import Precision, QuantizationOptions, build_calibrated, freeze, quantize_dynamically
from lowland.randomness import Key
from lowland.training import TrainingData, TrainingOptions, train
from lowland.training.recipe_base import RecipeBase


@dataclass(frozen=True)
class Continuation:
    """How a float network is trained on and deployed again.

    Attributes:
        recipe: That it was trained with.
        training: How long and how fast it is trained on.
        precision: That it is deployed at, the same as before.
        quantization: Options that all precisions share.
        fine_tuning: How the quantized network is fine-tuned, where the precision's method is ``qat``.
        device: Where it is trained.
    """

    recipe: RecipeBase
    training: TrainingOptions
    precision: Precision
    quantization: QuantizationOptions
    fine_tuning: TrainingOptions
    device: str = "cpu"


@dataclass(frozen=True)
class Retrained:
    """What retraining leaves.

    Attributes:
        float_network: Trained on, on the CPU in evaluation mode.
        deployed: What is deployed of it; None where training diverged.
        status: ``ok`` or ``non_finite``.
    """

    float_network: nn.Module
    deployed: nn.Module | None
    status: Status


def retrain(
    network: nn.Module, data: TrainingData, added: tuple[Tensor, Tensor], how: Continuation, *, key: tuple[Key, ...]
) -> Retrained:
    """The float network trained on with further rows, and what is deployed of it at the same precision.

    Scales are calibrated on the same training rows as before; with method ``qat`` the added rows are fine-tuned on,
    too.

    Args:
        network: In float; it stays as it is.
        data: What it was trained with, on the CPU; its validation rows choose the epoch again.
        added: Inputs [added, ...] and targets [added] of the further rows.
        how: Recipe, length and precision.
        key: Keys batches and all that recipes draw.
    """
    inputs, targets = (torch.cat([old, new]) for old, new in zip(data.training, added, strict=True))
    more = replace(
        data,
        training=(inputs.to(how.device), targets.to(how.device)),
        validation=(data.validation[0].to(how.device), data.validation[1].to(how.device)),
    )
    copied = copy.deepcopy(network).to(how.device)
    found = train(copied, more, recipe=how.recipe, options=how.training, key=(*key, "training"))
    float_network = found.network.cpu()
    if found.status != "ok":
        return Retrained(float_network, None, found.status)
    if how.precision.method in ("dynamic", "weight_only"):
        coded = quantize_dynamically(float_network, how.precision, float_from=data.float_from)
        return Retrained(float_network, coded, "ok")
    quantized = build_calibrated(
        float_network, how.precision, how.quantization, data.training[0], float_from=data.float_from
    )
    if how.precision.method == "qat":
        tuned = train(
            quantized.to(how.device),
            replace(more, float_from=None),  # fake-quantized models know it themselves
            recipe=how.recipe,
            options=how.fine_tuning,
            key=(*key, "fine-tuning"),
        )
        if tuned.status != "ok":
            return Retrained(float_network, None, tuned.status)
        quantized = tuned.network.cpu()
    return Retrained(float_network, freeze(quantized), "ok")
