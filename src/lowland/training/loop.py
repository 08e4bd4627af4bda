"""The one training loop: float training and quantization-aware fine-tuning alike."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Generic, Literal, TypeVar

import pandas as pd
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from lowland.estimate import Status
from lowland.randomness import Key, generator
from lowland.training.recipes import RecipeBase
from lowland.training.regularizers import weight_layers

Network = TypeVar("Network", bound=nn.Module)
Loss = Callable[[Tensor, Tensor], Tensor]


class TrainingOptions(BaseModel):
    """How long and how fast to train.

    Attributes:
        epochs: Passes over the training rows.
        batch_size: Rows per step; a smaller last batch is used too.
        learning_rate: Of Adam, at the start.
        schedule: ``constant``, or ``cosine`` from the learning rate to zero over all steps.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: Annotated[int, Field(ge=1)]
    batch_size: Annotated[int, Field(ge=1)]
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    schedule: Literal["constant", "cosine"]


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


def train(
    network: Network,
    training: tuple[Tensor, Tensor],
    validation: tuple[Tensor, Tensor],
    *,
    loss: Loss,
    recipe: RecipeBase,
    options: TrainingOptions,
    key: tuple[Key, ...],
    on_epoch: Callable[[int, dict[str, float]], None] | None = None,
) -> Training[Network]:
    """Fit a network with Adam and keep the weights of its best epoch on validation data.

    Args:
        network: Trained in place (hand over a copy to keep the original).
        training: Inputs [n, ...] and targets [n, ...].
        validation: The same, held out.
        loss: Mean loss over rows of (outputs, targets).
        recipe: Penalty, decay and projection of the weights.
        options: Epochs, batch size, learning rate.
        key: Keys batch order and the penalty's projections; equal keys see equal batches.
        on_epoch: Told the epoch (from 1) and the new row of ``curves`` after each epoch.

    Raises:
        LowlandError: Never for numbers: a divergence ends training with status ``non_finite``.
    """
    inputs, targets = training
    optimizer = torch.optim.AdamW(_parameter_groups(network, recipe.decay), lr=options.learning_rate, fused=True)
    steps = options.epochs * math.ceil(len(inputs) / options.batch_size)
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: 0.5 * (1 + math.cos(math.pi * step / steps)) if options.schedule == "cosine" else 1.0
    )
    order, projections = generator(*key, "batch order"), generator(*key, "projections")
    best_loss, best_state = math.inf, copy.deepcopy(network.state_dict())
    rows: list[dict[str, float]] = []
    for epoch in range(1, options.epochs + 1):
        network.train()
        total = penalty_total = 0.0
        for index in torch.randperm(len(inputs), generator=order).split(options.batch_size):
            batch = inputs[index].requires_grad_(recipe.differentiates_inputs)
            outputs = network(batch)
            penalty = recipe.penalty(network, batch, outputs, projections)
            objective = loss(outputs, targets[index])
            if penalty is not None:
                objective = objective + penalty
                penalty_total += float(penalty.detach()) * len(index)
            optimizer.zero_grad(set_to_none=True)
            objective.backward()
            optimizer.step()
            scheduler.step()
            recipe.after_step(network)
            total += float(objective.detach()) * len(index)
        network.eval()
        with torch.no_grad():
            validation_loss = float(loss(network(validation[0]), validation[1]))
        rows.append(
            {
                "epoch": epoch,
                "training_loss": total / len(inputs),
                "penalty": penalty_total / len(inputs),
                "validation_loss": validation_loss,
            }
        )
        if on_epoch is not None:
            on_epoch(epoch, rows[-1])
        if not (math.isfinite(total) and math.isfinite(validation_loss)):
            break
        if validation_loss < best_loss:
            best_loss, best_state = validation_loss, copy.deepcopy(network.state_dict())
    finite = math.isfinite(rows[-1]["training_loss"]) and math.isfinite(rows[-1]["validation_loss"])
    network.load_state_dict(best_state)
    network.eval()
    network.zero_grad(set_to_none=True)
    return Training(network, pd.DataFrame(rows), "ok" if finite else "non_finite")


def _parameter_groups(network: nn.Module, decay: float) -> list[dict[str, object]]:
    weights = {id(layer.weight) for layer in weight_layers(network)}
    parameters = [p for p in network.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if id(p) in weights], "weight_decay": decay},
        {"params": [p for p in parameters if id(p) not in weights], "weight_decay": 0.0},
    ]
