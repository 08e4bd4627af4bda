"""The one training loop: float training and quantization-aware fine-tuning alike."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Generic, TypeVar

import pandas as pd
import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.estimate import Status
from lowland.perturbation import FeatureRanges
from lowland.quantization.effective_weights import pruned_tensors
from lowland.quantization.fake_quantized.network import QuantizedNetwork
from lowland.quantization.parameter_codes import stored_weights
from lowland.randomness import Key, generator, keyed_globals
from lowland.training.batches import batches, normalises_batches
from lowland.training.options import TrainingOptions
from lowland.training.recipe_base import Batch, Loss, Model, RecipeBase, Value

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class Training(Generic[Network]):
    """What training leaves: the best network, its learning curves and whether the numbers stayed finite.

    Attributes:
        network: In evaluation mode, with the weights of the epoch with the lowest validation loss. After a divergence
            the weights of the best epoch before it, or the initial ones.
        curves: One row an epoch: ``epoch``, ``training_loss`` (with the penalty), ``penalty``, ``validation_loss``.
        status: ``ok`` or ``non_finite``.
    """

    network: Network
    curves: pd.DataFrame
    status: Status


@dataclass(frozen=True)
class TrainingData:
    """What a network is fitted to.

    Attributes:
        training: Inputs [n, ...] and targets [n, ...].
        validation: The same, held out.
        loss: Mean loss over samples of (outputs, targets).
        ranges: In whose units noise on the inputs is; None: those of the training inputs.
        sample_losses: Loss of every sample [n] of (outputs, targets), which recipes that attack need.
        float_from: Name of the layer from which on a float network will stay float when it is deployed, so that no bits
            of it flip and its weights are not clipped; by default all of it is stored in codes. Fake-quantized models
            know it themselves.
    """

    training: tuple[Tensor, Tensor]
    validation: tuple[Tensor, Tensor]
    loss: Loss
    ranges: FeatureRanges | None = None
    sample_losses: Loss | None = None
    float_from: str | None = None


def train(
    network: Network,
    data: TrainingData,
    *,
    recipe: RecipeBase,
    options: TrainingOptions,
    key: tuple[Key, ...],
    epochs_share: float = 1.0,
) -> Training[Network]:
    """Fit a network with Adam and keep the weights of its best epoch on validation data.

    What pruning set to zero stays zero, in fake-quantized models of pruned networks as in these themselves.

    Args:
        network: Trained in place (hand over a copy to keep the original).
        data: Samples and loss.
        recipe: What is done to inputs, loss, gradients and weights.
        options: Epochs, batch size, learning rate.
        key: Keys batch order, dropout, the penalty's projections and the recipe's disturbances; equal keys see equal
            batches. Torch's global generators are left as they were.
        epochs_share: Above 0, at most 1: training stops after this share of its epochs (one at least), on the schedule
            of the whole, so that its curves are the beginning of those of the whole.

    Raises:
        LowlandError: Nothing to train, batches of one sample with batch normalisation, a recipe that changes or
            differentiates inputs that are no floats, one for classes on other targets, or an unknown ``float_from``.
            Never for numbers: a divergence ends training with status ``non_finite``.
        ValueError: A recipe that attacks, without ``sample_losses``.
    """
    (inputs, targets), validation, ranges = data.training, data.validation, data.ranges
    length, whole = options.resolve(len(inputs)), normalises_batches(network)
    _check(network, recipe, data, length.batch_size)

    def trained(other: nn.Module, by: RecipeBase) -> nn.Module:
        return train(other, data, recipe=by, options=options, key=key).network

    recipe = recipe.prepared(network, trained, float_from=data.float_from)
    length = length._replace(batches=len(batches(torch.arange(len(inputs)), length.batch_size, no_single=whole)))
    rate = options.learning_rate * recipe.rate_factor
    optimizer = torch.optim.AdamW(_parameter_groups(network, recipe.weight_decay), lr=rate, fused=True)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: options.rate(step, length))
    order, projections = generator(*key, "batch order"), generator(*key, "projections")
    disturbances = generator(*key, "disturbances")
    on_embeddings = recipe.disturbs_embeddings and not inputs.is_floating_point()
    if recipe.disturbs_inputs and not on_embeddings:
        ranges = _ranges(inputs, ranges)
    best_loss, best_state = math.inf, copy.deepcopy(network.state_dict())
    curves: list[dict[str, float]] = []
    loss, iterates = recipe.loss(data.loss), recipe.iterates()
    masked = list(pruned_tensors(network)) if isinstance(network, QuantizedNetwork) else []
    with keyed_globals(*key, "dropout", device=inputs.device):
        for epoch in range(1, max(1, math.ceil(epochs_share * length.epochs)) + 1):
            network.train()
            total = penalty_total = 0.0
            parts = batches(torch.randperm(len(inputs), generator=order), length.batch_size, no_single=whole)
            for index in parts:
                batch = Batch(inputs[index], targets[index], loss, data.sample_losses)
                if on_embeddings:
                    batch = recipe.disturbed_embeddings(batch, network, disturbances)
                elif recipe.disturbs_inputs and ranges is not None:
                    batch = recipe.disturbed(batch, network, ranges, disturbances)
                batch.inputs.requires_grad_(recipe.differentiates_inputs)

                def objective(model: Model, batch: Batch = batch) -> Value:
                    outputs = batch.outputs_of(model)
                    penalty = recipe.penalty(network, batch.inputs, outputs, projections)
                    value = batch.loss(outputs, batch.targets)
                    return Value(value if penalty is None else value + penalty, penalty)

                optimizer.zero_grad(set_to_none=True)
                value = recipe.gradients(network, objective, disturbances, float_from=data.float_from)
                optimizer.step()
                scheduler.step()
                recipe.after_step(network, float_from=data.float_from)
                for _, parameter, mask in masked:
                    parameter.detach().mul_(mask)
                iterates.add(network)
                total += float(value.total.detach()) * len(index)
                if value.penalty is not None:
                    penalty_total += float(value.penalty.detach()) * len(index)
            with iterates.kept(network, inputs, parts):
                network.eval()
                with torch.no_grad():
                    validation_loss = float(data.loss(network(validation[0]), validation[1]))
                finite = math.isfinite(total) and math.isfinite(validation_loss)
                if finite and validation_loss < best_loss:
                    best_loss, best_state = validation_loss, copy.deepcopy(network.state_dict())
            curves.append(
                {
                    "epoch": epoch,
                    "training_loss": total / len(inputs),
                    "penalty": penalty_total / len(inputs),
                    "validation_loss": validation_loss,
                }
            )
            if not finite or options.exhausted([epoch["validation_loss"] for epoch in curves]):
                break
    network.load_state_dict(best_state)
    network.eval()
    network.zero_grad(set_to_none=True)
    return Training(network, pd.DataFrame(curves), "ok" if finite else "non_finite")


def _check(network: nn.Module, recipe: RecipeBase, data: TrainingData, batch_size: int) -> None:
    """Refuses what torch would end in the middle of."""
    inputs, targets = data.training
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise LowlandError(
            f"{type(network).__name__} has no parameter that requires gradients; expected one at least to train: call "
            "requires_grad_() on the layers to be trained"
        )
    if recipe.differentiates_inputs and not inputs.is_floating_point():
        raise LowlandError(
            f"inputs are {inputs.dtype}; recipes with a penalty on the Jacobian expect floats, which have derivatives: "
            "use another recipe"
        )
    if recipe.expects_classes and (targets.is_floating_point() or targets.ndim != 1):
        raise LowlandError(
            f"targets are {targets.dtype} of shape {list(targets.shape)}; this recipe is for classification and "
            "expects numbers of classes [n]: use another recipe"
        )
    if normalises_batches(network) and min(batch_size, len(inputs)) == 1:
        where = "batch_size is 1" if len(inputs) > 1 else "there is 1 training sample"
        raise LowlandError(
            f"{where}; expected at least 2: {type(network).__name__} has batch normalisation, which takes statistics "
            "over the samples of a batch"
        )


def _parameter_groups(network: nn.Module, decay: float) -> list[dict[str, object]]:
    weights = {id(weight) for weight in stored_weights(network)} if decay else set()
    parameters = [p for p in network.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if id(p) in weights], "weight_decay": decay},
        {"params": [p for p in parameters if id(p) not in weights], "weight_decay": 0.0},
    ]


def _ranges(inputs: Tensor, given: FeatureRanges | None) -> FeatureRanges:
    """The ranges that inputs are changed in, where the inputs are."""
    if not inputs.is_floating_point():
        raise LowlandError(f"inputs are {inputs.dtype}; recipes that change inputs expect floats: use another recipe")
    return FeatureRanges.of(inputs) if given is None else given.to(inputs.device)
