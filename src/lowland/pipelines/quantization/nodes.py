"""From a float network to the network that is deployed, at one precision."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar, cast

import pandas as pd
import torch
from torch import Tensor, nn

from lowland.artifacts import StoredModel, StoredTensors
from lowland.devices import resolve_device
from lowland.estimate import Estimate, Status
from lowland.grid import Run
from lowland.measurements import Cell, Family, Measurement, stack, table, unavailable
from lowland.pipelines.training_data import training_data
from lowland.quantization import (
    DequantizedNetwork,
    DynamicNetwork,
    IntegerNetwork,
    Precision,
    QuantizationOptions,
    QuantizedNetwork,
    batch_sensitivity,
    bit_operations,
    build_calibrated,
    coded_parameters,
    deployment_check,
    fold_batch_norm,
    freeze,
    mean_bits,
    padding_sensitivity,
    quantize_dynamically,
    without_quantizers,
)
from lowland.tasks import Splits, Task, TaskOptions, build_task
from lowland.tasks.evaluation import (
    by_half,
    evaluate,
    evaluate_guess,
    evaluate_outputs,
    gain,
    performance,
    shift_response,
)
from lowland.training import Recipe, Training, TrainingData, TrainingPlan, train
from lowland.vocabulary.conditions import shifted_set

FLOAT_BITS = 32
ROWS_ALONE = 500
"""Of either half, computed one by one to see whether their batch matters."""
FAMILIES: tuple[Family, ...] = ("performance", "cost", "shift")
Network = TypeVar("Network", bound=nn.Module)
Made = tuple[StoredModel, pd.DataFrame, pd.DataFrame] | tuple[StoredModel, pd.DataFrame, pd.DataFrame, StoredTensors]
"""A model, its learning curves and its rows; where ``fake_float`` is asked for, answers without quantizers as well."""


def deploy_float(
    cell: Cell, task_options: TaskOptions, data: StoredTensors, trained: StoredModel
) -> tuple[StoredModel, pd.DataFrame]:
    """The float network as it is: the reference cell."""
    if trained.status != "ok":
        return trained, _unavailable(cell, trained.status)
    task = build_task(task_options)
    folded = fold_batch_norm(trained.network)  # as it is deployed: folding can give a layer its bias
    parameters = sum(tensor.numel() for tensor in coded_parameters(folded, task.float_from).values())
    splits = Splits.from_tensors(data.tensors, data.facts)
    operations = bit_operations(folded, splits.held_out.samples.inputs, float_from=task.float_from)
    costs = _costs(size=FLOAT_BITS * parameters, parameters=parameters, operations=operations)
    rows = _performance(task, trained.network, splits)
    return _stored(cell, task, splits, trained.network, rows), table(cell, [*rows, *costs])


def quantize_after_training(
    cell: Cell,
    precision: Precision,
    options: QuantizationOptions,
    task_options: TaskOptions,
    data: StoredTensors,
    trained: StoredModel,
) -> tuple[StoredModel, pd.DataFrame]:
    """Calibrated on training rows, then frozen; no weight is trained."""
    if trained.status != "ok":
        return trained, _unavailable(cell, trained.status)
    splits = Splits.from_tensors(data.tensors)
    task = build_task(task_options)
    quantized = _calibrated(trained.network, precision, options, splits, task.float_from)
    return _deployed(cell, task, data, quantized, freeze(quantized))


def deploy_imported(
    cell: Cell, task_options: TaskOptions, data: StoredTensors, trained: StoredModel, as_given: StoredModel
) -> tuple[StoredModel, pd.DataFrame]:
    """A network from outside as it came, compared with its dequantized copy."""
    network = cast(IntegerNetwork, as_given.network)
    return _deployed(cell, build_task(task_options), data, cast(DequantizedNetwork, trained.network), network)


def quantize_as_runtime(
    cell: Cell, precision: Precision, task_options: TaskOptions, data: StoredTensors, trained: StoredModel
) -> tuple[StoredModel, pd.DataFrame]:
    """As a runtime does it when it loads the float network: weights in codes, activations dynamic or float."""
    if trained.status != "ok":
        return trained, _unavailable(cell, trained.status)
    task, splits = build_task(task_options), Splits.from_tensors(data.tensors, data.facts)
    network = quantize_dynamically(trained.network, precision, float_from=task.float_from)
    stored = network.weights_and_biases.values()
    operations = bit_operations(network, splits.held_out.samples.inputs, float_from=task.float_from)
    parameters = sum(tensor.values.numel() for tensor in stored)
    costs = _costs(size=network.size, parameters=parameters, operations=operations)
    rows = _performance(task, network, splits)
    if precision.method == "dynamic":
        rows += _dependence(task, network, splits)
    cell = _with_widths(cell, network, splits.held_out.samples.inputs)
    return _stored(cell, task, splits, network, rows), table(cell, [*rows, *costs])


def fine_tune_quantized(
    cell: Cell,
    run: Run,
    recipe: Recipe,
    precision: Precision,
    options: QuantizationOptions,
    fine_tuning: TrainingPlan,
    device: str,
    task_options: TaskOptions,
    data: StoredTensors,
    trained: StoredModel,
) -> Made:
    """Quantization-aware fine-tuning with the run's own recipe, then frozen."""
    if trained.status != "ok":
        return _not_made(cell, trained, pd.DataFrame(), trained.status, precision)
    target, task, splits = resolve_device(device), build_task(task_options), Splits.from_tensors(data.tensors)
    quantized = _calibrated(trained.network, precision, options, splits, task.float_from).to(target)
    # Fake-quantized models know themselves where floats begin.
    rows = replace(training_data(task, splits, target), float_from=None)
    result, curves = _fine_tuned(quantized, rows, cell, run, recipe, fine_tuning)
    if result.status != "ok":
        return _not_made(cell, trained, curves, result.status, precision)
    tuned = result.network.cpu()
    made = _deployed(cell, task, data, tuned, freeze(tuned))
    return _with_answers(
        made, curves, task, splits, partial(without_quantizers, tuned) if precision.fake_float else None
    )


def fine_tune_float(
    cell: Cell,
    run: Run,
    recipe: Recipe,
    precision: Precision,
    options: QuantizationOptions,
    fine_tuning: TrainingPlan,
    device: str,
    task_options: TaskOptions,
    data: StoredTensors,
    trained: StoredModel,
) -> Made:
    """The control of quantization-aware fine-tuning: as long, with the same batches and recipe, but no quantizers."""
    if trained.status != "ok":
        return _not_made(cell, trained, pd.DataFrame(), trained.status, precision)
    target, task, splits = resolve_device(device), build_task(task_options), Splits.from_tensors(data.tensors)
    network = copy.deepcopy(trained.network).to(target)
    rows = training_data(task, splits, target)
    result, curves = _fine_tuned(network, rows, cell, run, recipe, fine_tuning)
    if result.status != "ok":
        return _not_made(cell, trained, curves, result.status, precision)
    tuned = StoredModel(result.network.cpu())
    if precision.method == "float":
        return _with_answers(deploy_float(cell, task_options, data, tuned), curves, task, splits, None)
    made = quantize_after_training(cell, precision, options, task_options, data, tuned)
    return _with_answers(made, curves, task, splits, tuned.network if precision.fake_float else None)


def _fine_tuned(
    network: Network, rows: TrainingData, cell: Cell, run: Run, recipe: Recipe, fine_tuning: TrainingPlan
) -> tuple[Training[Network], pd.DataFrame]:
    """A network trained on, with quantizers or without on the same batches, and its learning curves."""
    key = (run.task, run.number, "fine-tuning")
    result = train(network, rows, recipe=recipe.root, options=fine_tuning.of(run.task), key=key)
    about = {"task": cell.task, "recipe": cell.recipe, "seed": cell.seed, "precision": cell.precision}
    return result, result.curves.assign(**about)


def _not_made(cell: Cell, trained: StoredModel, curves: pd.DataFrame, status: Status, precision: Precision) -> Made:
    """What a node leaves that could not train, or whose network had not been trained."""
    made = StoredModel(trained.network, status), curves, _unavailable(cell, status)
    return (*made, StoredTensors({})) if precision.fake_float else made


@torch.no_grad()
def _with_answers(
    made: tuple[StoredModel, pd.DataFrame],
    curves: pd.DataFrame,
    task: Task,
    splits: Splits,
    unquantized: Callable[[Tensor], Tensor] | None,
) -> Made:
    """A model, its curves and its rows, and what the same weights answer without quantizers where that is asked."""
    model, rows = made
    if unquantized is None:
        return model, curves, rows
    outputs = {name: unquantized(known.samples.inputs) for name, known in splits.evaluated.items()}
    answers = {name or "nominal": task.scored_outputs(each) for name, each in outputs.items()}
    return model, curves, rows, StoredTensors(answers)


def _unavailable(cell: Cell, status: Status) -> pd.DataFrame:
    return stack(unavailable(cell, family, status) for family in FAMILIES)


def _calibrated(
    network: nn.Module, precision: Precision, options: QuantizationOptions, splits: Splits, float_from: str | None
) -> QuantizedNetwork:
    return build_calibrated(network, precision, options, splits["train"].inputs, float_from=float_from)


def _deployed(
    cell: Cell,
    task: Task,
    data: StoredTensors,
    quantized: QuantizedNetwork | DequantizedNetwork,
    network: IntegerNetwork,
) -> tuple[StoredModel, pd.DataFrame]:
    splits = Splits.from_tensors(data.tensors, data.facts)
    inputs = splits.held_out.samples.inputs
    check = deployment_check(quantized, network, inputs, classifier=task.is_classifier)
    count = len(inputs)
    checks = [
        Measurement("performance", "deployment_mismatch", Estimate(check.largest_difference, 0.0, count)),
        Measurement("performance", "integer_mismatch_rate", Estimate(check.integer_samples, 0.0, count)),
    ]
    if check.integer_decisions is not None:
        decided = Estimate(check.integer_decisions, 0.0, count)
        checks.append(Measurement("performance", "integer_decision_rate", decided))
    parameters = sum(codes.numel() for codes in network.codes.values())
    costs = _costs(size=network.size, parameters=parameters, operations=bit_operations(network, inputs))
    rows = _performance(task, network, splits)
    model = _stored(cell, task, splits, network, rows)
    return model, table(_with_widths(cell, network, inputs), [*rows, *checks, *costs])


def _with_widths(cell: Cell, network: IntegerNetwork | DynamicNetwork, inputs: Tensor) -> Cell:
    """The cell with the average widths of its network."""
    weights, activations = mean_bits(network, inputs)
    found = {"weight_bits": weights, "activation_bits": activations}
    return cell.model_copy(update={name: bits for name, bits in found.items() if bits is not None})


def _stored(cell: Cell, task: Task, splits: Splits, network: nn.Module, rows: list[Measurement]) -> StoredModel:
    """The network with all that is needed to use it elsewhere."""
    wanted = ("performance", task.score_name, "test")
    found = next(row.estimate for row in rows if (row.family, row.measure, row.split) == wanted)
    return StoredModel(
        network,
        preprocessing=splits.facts.get("preprocessing", {}),
        identity=cell.model_dump(include={"task", "recipe", "seed", "precision"}),
        score={
            "measure": task.score_name,
            "value": found.value,
            "standard_error": found.standard_error,
            "rows": found.num_samples,
        },
    )


def _performance(task: Task, model: nn.Module, splits: Splits) -> list[Measurement]:
    """Scores and losses on either half of the held-out rows, of shifted sets, and on the validation rows."""
    held_out = splits.held_out
    with torch.no_grad():
        outputs = model(held_out.samples.inputs)
    clean = evaluate_outputs(task, outputs, held_out.samples.targets)
    guess = evaluate_guess(task, splits["train"], held_out.samples)
    rows = by_half(held_out.halves, partial(performance, task), clean)
    rows += by_half(held_out.halves, lambda model, guess: [gain(task, model, guess)], clean, guess)
    validation = evaluate(task, model, splits["validation"])
    rows += [replace(row, split="validation") for row in performance(task, validation)]
    for split, mask in held_out.halves.items():
        details = task.details(outputs[mask], held_out.samples.targets[mask])
        rows += [Measurement("performance", measure, found, split=split) for measure, found in details.items()]
    conditions = {shifted.name: shifted.condition for shifted in task.shifted_sets}
    for name, shifted in splits.shifted.items():
        there = evaluate(task, model, shifted.samples)
        for split, mask in shifted.halves.items():
            here = clean.at(held_out.halves[split])
            response = shift_response(task, here, there.at(mask), conditions.get(name, shifted_set(name)))
            rows += [replace(row, split=split) for row in response]
    return rows


def _dependence(task: Task, network: DynamicNetwork, splits: Splits) -> list[Measurement]:
    """How many decisions depend on what else is in the batch, on the first rows of either half."""
    found = []
    for split in splits.held_out.halves:
        inputs = splits[split].inputs
        dependence = {
            "batch_sensitivity": batch_sensitivity(network, inputs, task.decisions, rows=ROWS_ALONE),
            "padding_sensitivity": padding_sensitivity(network, inputs[:ROWS_ALONE], task.decisions),
        }
        for measure, changed in dependence.items():
            found.append(Measurement("performance", measure, Estimate.from_samples(changed), split=split))
    return found


def _costs(*, size: int, parameters: int, operations: float | None) -> list[Measurement]:
    known = Estimate.missing("undefined") if operations is None else Estimate(operations)
    return [
        Measurement("cost", "bit_operations", known),
        Measurement("cost", "size", Estimate(float(size))),
        Measurement("cost", "parameters", Estimate(float(parameters))),
    ]
