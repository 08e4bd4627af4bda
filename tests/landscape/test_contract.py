"""What holds for every public function: bad input is told, numerical failure is a status, the model is left alone."""

import copy
import inspect
import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from lowland import landscape
from lowland.errors import LowlandError
from lowland.estimate import Estimate
from lowland.landscape import LandscapeOptions
from lowland.quantization import IntegerNetwork, QuantizedNetwork
from tests.base_options import base
from tests.cases import CASES, FakeIntegerNetwork, Recurrent
from tests.quantization.networks import integer_network, twin
from tests.quantization.networks import rows as blobs

LOSS = functional.cross_entropy
CHEAP = LandscapeOptions(**base("landscape", num_probes=2, weight_noise_draws=2, adaptive_steps=4))
SHAPES = {Recurrent: (5, 3), QuantizedNetwork: (6,), IntegerNetwork: (6,)}  # of a row; (4,) of all others


def _variances(model):
    return torch.ones(SHAPES.get(type(model), (4,)))


def _direction(model, size=1.0):
    module = model.dequantized() if hasattr(model, "dequantized") else model
    return {name: torch.full_like(p, size) for name, p in module.named_parameters()}


def _trainable(model):
    module = model.dequantized() if hasattr(model, "dequantized") else model
    return {name: torch.ones_like(p) for name, p in module.named_parameters() if p.requires_grad}


ON_MODELS = {  # each as a function of model and batches
    "adaptive_sharpness": lambda m, b: landscape.adaptive_sharpness(m, LOSS, b, radius=0.1, num_steps=4),
    "capture_curvature": lambda m, b: landscape.capture_curvature(m, LOSS, b),
    "expected_sharpness": lambda m, b: landscape.expected_sharpness(m, LOSS, b, relative_size=0.1, num_draws=2),
    "gradient_norm": lambda m, b: landscape.gradient_norm(m, LOSS, b),
    "gradient_norms": lambda m, b: landscape.gradient_norms(m, LOSS, b),
    "hessian_diagonal": lambda m, b: landscape.hessian_diagonal(m, LOSS, b),
    "hessian_directions": lambda m, b: landscape.hessian_directions(m, LOSS, b),
    "hessian_eigenvalues": lambda m, b: landscape.hessian_eigenvalues(m, LOSS, b, which="both"),
    "hessian_trace": lambda m, b: landscape.hessian_trace(m, LOSS, b, num_probes=2),
    "hessian_trace_by_layer": lambda m, b: landscape.hessian_trace_by_layer(m, LOSS, b, num_probes=2),
    "input_curvature": lambda m, b: landscape.input_curvature(m, LOSS, b, covariance=_variances(m)),
    "input_jacobian_norm": lambda m, b: landscape.input_jacobian_norm(m, b),
    "layer_cka": lambda m, b: landscape.layer_cka(m, copy.deepcopy(m), b),
    "loss_surface": lambda m, b: landscape.loss_surface(
        m, LOSS, b, directions=[_direction(m), _direction(m, 2.0)], num_points=3
    ),
    "mean_gradient": lambda m, b: landscape.mean_gradient(m, LOSS, b),
    "measure_landscape": lambda m, b: landscape.measure_landscape(
        m, LOSS, b, options=CHEAP, input_covariance=_variances(m), is_classifier=True
    ),
    "mode_connectivity": lambda m, b: landscape.mode_connectivity(
        m, copy.deepcopy(m), LOSS, b, b, num_epochs=1, num_points=3
    ),
    "noise_mismatch_curvature": lambda m, b: landscape.noise_mismatch_curvature(m, b, covariance=_variances(m)),
    "normalised_sharpness": lambda m, b: landscape.normalised_sharpness(m, LOSS, b, num_probes=2),
    "plane": lambda m, b: landscape.plane("hessian", m, LOSS, b),
    "pyhessian_eigenvalues": lambda m, b: landscape.pyhessian_eigenvalues(m, LOSS, b),
    "pyhessian_trace": lambda m, b: landscape.pyhessian_trace(m, LOSS, b, num_probes=2),
    "scaled_trace": lambda m, b: landscape.scaled_trace(m, LOSS, b, num_probes=2),
    "spectral_density": lambda m, b: landscape.spectral_density(m, LOSS, b, num_runs=2, num_steps=4),
    "weighted_trace": lambda m, b: landscape.weighted_trace(m, LOSS, b, _trainable(m), num_probes=2),
}
ON_CODES = {  # deployed networks only
    "flip_curvature": lambda n, b: landscape.flip_curvature(n, LOSS, b),
    "flip_mismatch_curvature": lambda n, b: landscape.flip_mismatch_curvature(n, b),
    "rounding_curvature": lambda n, b: landscape.rounding_curvature(n, LOSS, b),
    "rounding_mismatch_curvature": lambda n, b: landscape.rounding_mismatch_curvature(n, b),
}
WITHOUT_TARGETS = {  # of a model and inputs
    "compare_networks": lambda m, x: landscape.compare_networks(
        m, copy.deepcopy(m), x, options=CHEAP, scored_outputs=lambda z: z, is_classifier=True
    ),
    "differentiable": lambda m, x: landscape.differentiable(m),
    "filter_normalised_directions": lambda m, x: landscape.filter_normalised_directions(m),
    "obstacle_to_exactness": lambda m, x: landscape.obstacle_to_exactness(landscape.differentiable(m), x),
    "weight_norm": lambda m, x: landscape.weight_norm(m),
}
WITHOUT_MODELS = {"disagreement_rate", "linear_cka", "mean_squared_flip", "output_entropy"}
# Derivatives in the inputs or outputs alone: frozen parameters and unused ones do not matter.
WITHOUT_PARAMETERS = {"input_jacobian_norm", "layer_cka", "noise_mismatch_curvature"}

PUBLIC = {name for name in landscape.__all__ if inspect.isfunction(getattr(landscape, name))}
MODELS = sorted(PUBLIC & ON_MODELS.keys())
CODES = sorted(PUBLIC & ON_CODES.keys())


@pytest.fixture
def rows():
    return CASES["mlp"].data()


def test_every_public_function_is_held_to_it():
    assert not PUBLIC - {*ON_MODELS, *ON_CODES, *WITHOUT_TARGETS, *WITHOUT_MODELS}


def _snapshot(model):
    parts = {name: part for name, part in model.named_modules()}
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    recurrent = [part for part in parts.values() if isinstance(part, nn.RNNBase)]
    return {
        "state": {key: value.clone() for key, value in model.state_dict().items()},
        "gradients": {name: p.grad.clone() for name, p in model.named_parameters()},
        "identity": {name: (id(t), t.data_ptr(), t._version, t.requires_grad) for name, t in tensors.items()},
        "modes": {name: part.training for name, part in parts.items()},
        "attributes": {name: list(part.__dict__) for name, part in parts.items()},
        "hooks": {name: _hooks(part) for name, part in parts.items()},
        "flat weights": [[id(weight) for weight in layer._flat_weights] for layer in recurrent],
        "flat references": [[id(reference()) for reference in layer._flat_weight_refs] for layer in recurrent],
    }


def _hooks(module):
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return [len(getattr(module, kind)) for kind in kinds]


def _assert_same(after, before):
    for part in ("state", "gradients"):
        assert after[part].keys() == before[part].keys()
        assert all(torch.equal(after[part][key], value) for key, value in before[part].items())
    for part in before.keys() - {"state", "gradients"}:
        assert after[part] == before[part]


@pytest.mark.parametrize("name", [*MODELS, *sorted(WITHOUT_TARGETS.keys() & PUBLIC)])
@pytest.mark.parametrize("fails", [False, True])
def test_the_model_is_left_as_it_came(name, fails, rows):
    """Also where the function fails half-way: on outputs that the loss cannot take."""
    model = CASES["mlp"].model()
    model[2].bias.requires_grad_(name == "loss_surface")
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 7.0)
    inputs, targets = rows
    targets = torch.full_like(targets, 99) if fails else targets
    before, data, state = _snapshot(model), (inputs.clone(), targets.clone()), torch.get_rng_state()
    try:
        if name in ON_MODELS:
            ON_MODELS[name](model, [(inputs, targets)])
        else:
            WITHOUT_TARGETS[name](model, inputs)
    except (IndexError, LowlandError, RuntimeError):
        assert fails
    _assert_same(_snapshot(model), before)
    assert torch.equal(inputs, data[0]) and torch.equal(targets, data[1])
    assert not inputs.requires_grad and inputs.grad is None
    assert torch.equal(torch.get_rng_state(), state)


SUBJECTS = {  # in evaluation mode, with rows
    "lstm": lambda: (CASES["lstm"].model(), CASES["lstm"].data()),
    "twin": lambda: (twin(4).eval(), blobs(8)),
    "integer network": lambda: (integer_network(4), blobs(8)),
}
SMOOTH = {
    "capture_curvature",
    "hessian_diagonal",
    "scaled_trace",
    "normalised_sharpness",
}  # what nothing but piecewise linear networks can be given


@pytest.mark.parametrize("subject", list(SUBJECTS))
@pytest.mark.parametrize("name", sorted(PUBLIC - WITHOUT_MODELS))
def test_recurrent_and_quantized_networks_are_left_as_they_came(name, subject):
    model, (inputs, targets) = SUBJECTS[subject]()
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 7.0)
    if name in ON_CODES and subject != "integer network":
        pytest.skip("of codes only")
    before, data, state = _snapshot(model), (inputs.clone(), targets.clone()), torch.get_rng_state()
    expected = model(inputs)
    try:
        if name in WITHOUT_TARGETS:
            WITHOUT_TARGETS[name](model, inputs)
        else:
            {**ON_MODELS, **ON_CODES}[name](model, [(inputs, targets)])
    except LowlandError as error:
        assert subject == "lstm" and name in SMOOTH and "not piecewise linear" in str(error)
    _assert_same(_snapshot(model), before)
    assert torch.equal(model(inputs), expected)
    assert torch.equal(inputs, data[0]) and torch.equal(targets, data[1])
    assert torch.equal(torch.get_rng_state(), state)


def _unused():
    model = CASES["mlp"].model()
    model.register_parameter("spare", nn.Parameter(torch.zeros(2, dtype=torch.float64)))
    return model


def _buffer_elsewhere():
    model = CASES["mlp"].model()
    model.register_buffer("table", torch.zeros(2, device="meta"))
    return model


def _part_in_training():
    model = CASES["mlp"].model()
    model[1].train()
    return model


GOOD = CASES["mlp"].data()
BAD_BATCHES = {
    "none": ([], "got none; expected at least one pair"),
    "a lone pair": (GOOD, "expected a pair"),
    "no rows": ([(torch.zeros(0, 4), torch.zeros(0))], "got 0 inputs and 0 targets"),
    "unequal": ([(torch.zeros(3, 4), torch.zeros(2))], "got 3 inputs and 2 targets"),
    "no tensor": ([(GOOD[0], GOOD[1].tolist())], "targets are a list"),
    "inputs elsewhere": ([(GOOD[0].to("meta"), GOOD[1])], "inputs are on meta, the model on cpu"),
    "targets elsewhere": ([(GOOD[0], GOOD[1].to("meta"))], "targets are on meta, the model on cpu"),
    "a later one": ([GOOD, (GOOD[0].to("meta"), GOOD[1])], r"batches\[1\]: inputs are on meta"),
}
BAD_MODELS = {
    "training": (lambda: CASES["mlp"].model().train(), "training mode"),
    "a part in training": (_part_in_training, "'1' is in training mode"),
    "frozen": (lambda: CASES["mlp"].model().requires_grad_(False), "no parameter that requires gradients"),
    "unused": (_unused, "parameter 'spare' gets no gradient"),
    "buffer elsewhere": (_buffer_elsewhere, "'table' on meta; expected one device|'table' is missing"),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("batches", list(BAD_BATCHES))
def test_bad_batches_are_told(name, batches):
    given, message = BAD_BATCHES[batches]
    with pytest.raises(LowlandError, match=message):
        ON_MODELS[name](CASES["mlp"].model(), given)


@pytest.mark.parametrize("name", CODES)
@pytest.mark.parametrize("batches", list(BAD_BATCHES))
def test_bad_batches_are_told_for_deployed_networks(name, batches):
    given, message = BAD_BATCHES[batches]
    with pytest.raises(LowlandError, match=message):
        ON_CODES[name](FakeIntegerNetwork(), given)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("fault", list(BAD_MODELS))
def test_bad_models_are_told(name, fault):
    build, message = BAD_MODELS[fault]
    if name in WITHOUT_PARAMETERS and fault in ("frozen", "unused"):
        ON_MODELS[name](build(), [GOOD])
        return
    if name in ("loss_surface", "mode_connectivity") and fault in ("frozen", "unused"):
        pytest.skip("parameters are matched with the direction's or the other network's")
    with pytest.raises(LowlandError, match=message):
        ON_MODELS[name](build(), [GOOD])


def _statuses(result):
    """Every status or number that a result carries."""
    if isinstance(result, Estimate):
        return [result.status]
    if isinstance(result, torch.Tensor):
        return ["ok" if result.isfinite().all() else "non_finite"]
    if isinstance(result, dict):
        return [status for value in result.values() for status in _statuses(value)]
    if isinstance(result, list | tuple):
        return [status for value in result for status in _statuses(value)]
    if hasattr(result, "estimate"):
        return [result.estimate.status]
    if hasattr(result, "status"):
        return [result.status]
    if hasattr(result, "rows") and callable(result.rows):
        return [row.estimate.status for row in result.rows()]
    return _statuses(result.loss)


@pytest.mark.parametrize("name", [*MODELS, *CODES])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_that_are_not_finite_become_a_status(name, value, rows):
    inputs, targets = copy.deepcopy(rows)
    inputs[5, 2] = value
    table, subject = (ON_MODELS, CASES["mlp"].model()) if name in ON_MODELS else (ON_CODES, FakeIntegerNetwork())
    try:
        result = table[name](subject, [(inputs, targets)])
    except LowlandError as error:
        assert "finite" in str(error)  # where no estimate can carry a status
        return
    exempt = {"weight_norm", "mean_squared_flip"}
    if name == "measure_landscape":
        result = [row for row in result if row.measure not in exempt]
        assert {row.estimate.status for row in result} <= {"non_finite", "undefined", "not_converged"}
    else:
        assert "ok" not in set(_statuses(result)) or name == "layer_cka"
        assert {"non_finite", "undefined"} & set(_statuses(result))
