"""Whether loss, score, decisions and guess of a task fit each other on a few rows."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from lowland.scores import sign
from lowland.tasks import Samples, Task
from lowland.trial.findings import Findings
from lowland.vocabulary.measures import MEASURES

CLOSE = 1e-4  # of the mean loss: float32 sums in another order
FEW = 3


def check_scoring(task: Task, outputs: Tensor, samples: Samples, findings: Findings) -> bool:
    """Compares what a task says of the same outputs.

    Args:
        task: What is tried.
        outputs: Of a network or made up [n, ...], finite.
        samples: The samples that they belong to.
        findings: Gets what is wrong.

    Returns:
        Whether networks can be trained on the loss.
    """
    targets, count, before = samples.targets, len(outputs), len(findings.mistakes)
    loss, losses = None, _per_sample(task.sample_losses, "sample_losses", outputs, targets, findings)
    trains = False
    with findings.attempt("loss"):
        tried = outputs.detach().requires_grad_()
        loss = task.loss(tried, targets)
        trains = _trains(loss, tried, findings)
    if isinstance(loss, Tensor) and loss.numel() == 1 and losses is not None:
        mean, whole = float(losses.double().mean()), float(loss.detach())
        if not math.isclose(mean, whole, rel_tol=CLOSE, abs_tol=1e-7):
            findings.wrong(
                f".loss is {whole:.6g}, but the mean of sample_losses is {mean:.6g}; expected the same: loss is the "
                "mean over samples"
            )
    scores = _per_sample(task.sample_scores, "sample_scores", outputs, targets, findings)
    if scores is not None and not scores.is_floating_point():
        findings.wrong(f".sample_scores are {scores.dtype}; expected floating-point numbers: add .float()")
    if scores is not None:
        _check_spoiled(task, outputs, targets, findings)
    with findings.attempt("decisions"):
        if (shape := _shape(task.decisions(outputs))) != (count,):
            findings.wrong(f".decisions have the shape {shape}; expected one a sample {(count,)}")
    _check_guess(task, outputs, targets, findings)
    _check_details(task, outputs, targets, findings)
    if len(findings.mistakes) == before and scores is not None and loss is not None:
        value = f"untrained: loss {float(loss.detach()):.4g}, {task.score_name} {float(scores.mean()):.4g}"
        findings.note("scoring", value)
    return trains


def _trains(loss: Tensor, outputs: Tensor, findings: Findings) -> bool:
    if _shape(loss) != ():
        findings.wrong(f".loss has the shape {_shape(loss)}; expected a scalar: the mean over samples")
    elif not loss.isfinite():
        findings.wrong(f".loss is {float(loss.detach())} for finite outputs; expected a finite number")
    elif not loss.requires_grad or torch.autograd.grad(loss, outputs, allow_unused=True)[0] is None:
        findings.wrong(".loss has no gradient in the outputs; compute it with torch, without detach, item or numpy")
    else:
        return True
    return False


def _per_sample(
    function: Callable[[Tensor, Tensor], Tensor], name: str, outputs: Tensor, targets: Tensor, findings: Findings
) -> Tensor | None:
    """One finite number a sample that depends on this sample alone; None where it is none."""
    count = len(outputs)
    with findings.attempt(name):
        values = function(outputs, targets)
        if _shape(values) != (count,):
            findings.wrong(f".{name} have the shape {_shape(values)}; expected one a sample {(count,)}")
        elif not values.isfinite().all():
            findings.wrong(f".{name} are NaN or infinite for finite outputs; expected finite numbers")
        elif not torch.allclose(function(outputs[:FEW], targets[:FEW]).double(), values[:FEW].double(), rtol=CLOSE):
            findings.wrong(
                f".{name} of the first {FEW} samples change with the samples beside them; expected them not to"
            )
        else:
            return values
    return None


def _check_spoiled(task: Task, outputs: Tensor, targets: Tensor, findings: Findings) -> None:
    """Flipped bits and diverged networks put out what is no number."""
    spoiled = outputs.detach().clone()
    spoiled[0] = math.nan
    with findings.attempt("sample_scores"):
        scores = sign(task.score_name) * task.sample_scores(spoiled, targets).double()
        if not scores.isfinite().all() or scores[0] > scores.min():
            findings.wrong(
                ".sample_scores of a sample whose outputs are NaN are not the worst there can be; expected a finite "
                "number as bad as the worst: flipped bits cause such outputs"
            )


def _check_guess(task: Task, outputs: Tensor, targets: Tensor, findings: Findings) -> None:
    with findings.attempt("guess_outputs"):
        guess = task.guess_outputs(targets, len(outputs))
        if _shape(guess) != tuple(outputs.shape):
            findings.wrong(
                f".guess_outputs have the shape {_shape(guess)}; expected that of outputs {tuple(outputs.shape)}"
            )
        elif not guess.isfinite().all():
            findings.wrong(".guess_outputs are NaN or infinite; expected the best constant prediction")
    with findings.attempt("guess_score"):
        if not math.isfinite(score := float(task.guess_score(targets))):
            findings.wrong(f".guess_score is {score}; expected a finite number")


def _check_details(task: Task, outputs: Tensor, targets: Tensor, findings: Findings) -> None:
    with findings.attempt("details"):
        given, declared = sorted(task.details(outputs, targets)), sorted(task.detail_measures)
        if given != declared:
            findings.wrong(f".details measures {given}, but detail_measures declares {declared}; expected the same")
        if unknown := [name for name in declared if name not in MEASURES]:
            findings.wrong(
                f".detail_measures names {', '.join(unknown)}; expected measures of lowland.vocabulary.measures"
            )


def _shape(value: object) -> tuple[int, ...] | str:
    return tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
