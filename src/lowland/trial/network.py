"""Whether a task's network can be built, stored, trained, measured and quantized."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lowland.architectures import build_network, initialised_network
from lowland.landscape import Problem
from lowland.quantization import (
    IMPORTS,
    Precision,
    build_quantized,
    calibrate,
    deployment_check,
    freeze,
    imported_network,
)
from lowland.tasks import Samples, Task
from lowland.trial.findings import Findings

KEY = ("trial",)
CLOSE = 1e-4  # of the largest output: sums of float32 in batches of another size


class AsDeployed(NamedTuple):
    """How a trial quantizes.

    Attributes:
        precision: With codes; ``qat`` is calibrated only.
        input_bits: Width of the codes of inputs.
    """

    precision: Precision = Precision(method="ptq", weight_bits=8, activation_bits=8)
    input_bits: int = 8


class Built(NamedTuple):
    """A network that can be tried.

    Attributes:
        network: With freshly drawn weights, in evaluation mode.
        spec: What it was built from.
        outputs: Of the samples [n, outputs].
    """

    network: nn.Module
    spec: dict[str, Any]
    outputs: Tensor

    @property
    def name(self) -> str:
        """In messages."""
        return _name(self.spec)


def is_imported(task: Task, samples: Samples) -> bool:
    """Whether a task has its network from outside; one that cannot say is looked at later.

    Args:
        task: What is tried.
        samples: A few prepared samples.
    """
    try:
        return task.network_spec_for(samples).get("kind") in IMPORTS
    except Exception:  # a user's own code, whose mistakes ``built`` tells
        return False


def imported(task: Task, samples: Samples, findings: Findings) -> Tensor | None:
    """The outputs of a network from outside; None where it is not what the task needs.

    Args:
        task: What is tried.
        samples: A few prepared samples.
        findings: Gets what is wrong.
    """
    outputs: Tensor | None = None
    with findings.attempt("network"):
        network = imported_network(task.network_spec_for(samples), samples.inputs)
        with torch.no_grad():
            outputs = network(samples.inputs)
        copied = network.eval().dequantized().eval()
        check = deployment_check(copied, network, samples.inputs, classifier=task.is_classifier)
        Problem(copied, task.loss, [samples])
        differ = f"integers and floats differ in {100 * check.integer_samples:.1f} % of samples"
        findings.note("network", f"{network.size} bits; {differ}")
    return outputs


def built(task: Task, samples: Samples, findings: Findings) -> Built | None:
    """The network of a task with freshly drawn weights; None where there is none to go on with.

    Args:
        task: What is tried.
        samples: A few prepared samples.
        findings: Gets what is wrong.
    """
    spec: Any = None
    with findings.attempt("network_spec"):
        spec = task.network_spec_for(samples)
        json.dumps(spec)
        if not isinstance(spec, dict) or "kind" not in spec:
            findings.wrong(f".network_spec returns {spec!r}; expected a dict: see lowland.own_code.custom_spec")
            return None
        network, again = (initialised_network(spec, key=KEY).eval() for _ in range(2))
        if not _equal(network.state_dict(), again.state_dict()):
            findings.wrong(
                f"{_of(spec)} has other initial weights when it is built twice with one seed; draw them with torch's "
                "generator and no seed of their own"
            )
        outputs = _outputs(task, network, spec, samples, findings)
        if outputs is not None:
            findings.note("network", f"{_name(spec)}: {sum(p.numel() for p in network.parameters())} parameters")
            return Built(network, spec, outputs)
    return None


def check_network(
    task: Task, found: Built, samples: Samples, findings: Findings, *, trains: bool, deployed: AsDeployed | None
) -> None:
    """Rebuilds a network as a model file does, trains, measures and quantizes it.

    Args:
        task: What is tried.
        found: Its network.
        samples: Those of its outputs.
        findings: Gets what is wrong.
        trains: Whether the loss can be trained on; else what needs it is left out.
        deployed: How it is quantized; None: it is not.
    """
    with findings.attempt("network_spec"):
        _check_rebuilt(found, samples, findings)
    if trains:
        _check_gradients(task, found, samples, findings)
        with findings.attempt(f"loss: landscape of {found.name}"):
            Problem(found.network, task.loss, [samples])
    if deployed is not None:
        _check_deployed(task, found, samples, findings, deployed)


def _outputs(
    task: Task, network: nn.Module, spec: dict[str, Any], samples: Samples, findings: Findings
) -> Tensor | None:
    with findings.attempt(f"network_spec: forward of {_name(spec)}"), torch.no_grad():
        outputs, again = network(samples.inputs), network(samples.inputs)
        if not isinstance(outputs, Tensor):
            findings.wrong(f"{_of(spec)} returns {type(outputs).__name__}; expected one tensor")
        elif len(outputs) != len(samples.inputs) or outputs.flatten(1).shape[1] != task.num_outputs:
            findings.wrong(
                f"{_of(spec)} has outputs {tuple(outputs.shape)} for inputs {tuple(samples.inputs.shape)}; expected "
                f"({len(samples.inputs)}, {task.num_outputs}): num_outputs is {task.num_outputs}"
            )
        elif not outputs.isfinite().all():
            findings.wrong(f"{_of(spec)} puts out NaN or infinite numbers before any training; expected finite ones")
        elif not torch.equal(outputs, again):
            findings.wrong(f"{_of(spec)} differs between two calls in evaluation mode; expected no chance there")
        else:
            alone = torch.cat([network(row[None]) for row in samples.inputs[:3]])
            if not torch.allclose(alone, outputs[:3], atol=CLOSE * float(outputs.abs().max()), rtol=CLOSE):
                findings.wrong(f"{_of(spec)} answers a sample otherwise beside others; expected rows not to be mixed")
            return outputs
    return None


def _check_gradients(task: Task, found: Built, samples: Samples, findings: Findings) -> None:
    """In training mode, as batch-norm is then another function."""
    with torch.random.fork_rng(devices=[]):
        fresh = initialised_network(found.spec, key=KEY).train()
        with findings.attempt(f"network_spec: training of {found.name}"):
            task.loss(fresh(samples.inputs), samples.targets).backward()
    wanted = {name: p for name, p in fresh.named_parameters() if p.requires_grad}
    idle = [name for name, p in wanted.items() if p.grad is None]
    if 0 < len(idle) < len(wanted):
        findings.wrong(f"{_of(found.spec)} never uses {', '.join(idle)}; remove them or use them in forward")


def _check_rebuilt(found: Built, samples: Samples, findings: Findings) -> None:
    """From ``spec`` by way of JSON, and the tensors."""
    stored = json.loads(json.dumps(found.network.spec))
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        again = build_network(stored)
        again.load_state_dict(found.network.state_dict(), assign=True)
        if not torch.equal(again.eval()(samples.inputs), found.outputs):
            findings.wrong(
                f"{_of(found.spec)} is another function when it is rebuilt from its stored arguments and tensors; keep "
                "all that it computes with in parameters and buffers"
            )


def _check_deployed(task: Task, found: Built, samples: Samples, findings: Findings, how: AsDeployed) -> None:
    with findings.attempt(f"network_spec: quantization of {found.name}"):
        quantized = build_quantized(
            found.network,
            how.precision,
            input_bits=how.input_bits,
            input_signed=bool((samples.inputs < 0).any()),
            float_from=task.float_from,
            example=samples.inputs,
        )
        calibrate(quantized, samples.inputs)
        frozen = freeze(quantized)
        check = deployment_check(quantized, frozen, samples.inputs, classifier=task.is_classifier)
        differ = f"integers and floats differ in {100 * check.integer_samples:.1f} % of samples"
        findings.note("quantization", f"{frozen.size} bits at {how.precision.weight_bits} bits; {differ}")


def _name(spec: dict[str, Any]) -> str:
    return str(spec.get("build", spec["kind"]))


def _of(spec: dict[str, Any]) -> str:
    return f".network_spec: {_name(spec)}"


def _equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
