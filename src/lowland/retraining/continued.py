"""A float network that is trained on, and the network that is then deployed of it."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor, nn

from lowland.estimate import Status
from lowland.quantization import Precision, QuantizationOptions, build_calibrated, freeze, quantize_dynamically
from lowland.randomness import Key
from lowland.training import Training, TrainingData, TrainingOptions, train
from lowland.training.recipe_base import RecipeBase

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class Continuation:
    """How a float network is trained on and deployed again.

    Attributes:
        recipe: That it was trained with.
        training: How long and how fast it is trained on.
        precision: That it is deployed at, the same as before.
        quantization: Options that all precisions share.
        fine_tuning: How the quantized network is fine-tuned, where the precision's method is ``qat``, and the float
            network before it is quantized, where the precision says ``fine_tuned``.
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

    Scales are calibrated on the same training rows as before; what is fine-tuned (method ``qat``, or ``fine_tuned``
    without quantizers) is so on the added rows, too.

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
    source = float_network
    if how.precision.fine_tuned:
        control = _fine_tuned(copy.deepcopy(float_network), more, how, key)
        if control.status != "ok":
            return Retrained(float_network, None, control.status)
        source = control.network.cpu()
    quantized = build_calibrated(source, how.precision, how.quantization, data.training[0], float_from=data.float_from)
    if how.precision.method == "qat":
        # Fake-quantized models know themselves where floats begin.
        tuned = _fine_tuned(quantized, replace(more, float_from=None), how, key)
        if tuned.status != "ok":
            return Retrained(float_network, None, tuned.status)
        quantized = tuned.network.cpu()
    return Retrained(float_network, freeze(quantized), "ok")


def _fine_tuned(network: Network, data: TrainingData, how: Continuation, key: tuple[Key, ...]) -> Training[Network]:
    """A network, with quantizers or without, trained on as ``qat`` does it."""
    return train(network.to(how.device), data, recipe=how.recipe, options=how.fine_tuning, key=(*key, "fine-tuning"))
