"""The composer gives the rows of the public functions, each measured once."""

import math

import pytest
import torch
from torch.nn import functional

from lowland.landscape import (
    LandscapeOptions,
    flip_curvature,
    gradient_norm,
    hessian_eigenvalues,
    hessian_trace,
    input_curvature,
    mean_squared_flip,
    measure_landscape,
    normalised_sharpness,
    output_entropy,
    rounding_curvature,
    scaled_trace,
    weight_norm,
)
from lowland.measurements import MEASURES
from tests.cases import CASES, FakeIntegerNetwork

LOSS = functional.cross_entropy
NAMES = {
    "loss",
    "gradient_norm",
    "hessian_trace",
    "largest_eigenvalue",
    "flip_curvature",
    "input_curvature",
    "rounding_curvature",
    "mean_squared_flip",
    "scaled_trace",
    "normalised_sharpness",
    "weight_norm",
    "output_entropy",
}
CODES_ONLY = {"flip_curvature", "rounding_curvature", "mean_squared_flip"}


def _measured(model, rows, **options):
    found = measure_landscape(
        model, LOSS, [rows], options=LandscapeOptions(**options), input_covariance=torch.full(rows[0].shape[1:], 4.0)
    )
    assert all(row.family == "landscape" and row.measure in MEASURES for row in found)
    assert sorted(row.measure for row in found) == sorted(NAMES)
    return {row.measure: row for row in found}


def test_rows_of_a_deployed_network_are_those_of_the_public_functions():
    network, rows = FakeIntegerNetwork(), CASES["mlp"].data()
    batches = [rows]
    found = {name: row.estimate for name, row in _measured(network, rows, input_noise_level=5).items()}
    twin = network.dequantized()
    covariance = torch.full((4,), 4.0 * 0.05**2)
    expected = {
        "gradient_norm": gradient_norm(network, LOSS, batches),
        "hessian_trace": hessian_trace(network, LOSS, batches),
        "largest_eigenvalue": hessian_eigenvalues(network, LOSS, batches).largest,
        "flip_curvature": flip_curvature(network, LOSS, batches),
        "rounding_curvature": rounding_curvature(network, LOSS, batches),
        "mean_squared_flip": mean_squared_flip(network),
        "input_curvature": input_curvature(network, LOSS, batches, covariance=covariance),
        "scaled_trace": scaled_trace(network, LOSS, batches),
        "normalised_sharpness": normalised_sharpness(network, LOSS, batches),
        "weight_norm": weight_norm(network),
        "output_entropy": output_entropy(twin(rows[0])),
    }
    for name, estimate in expected.items():
        assert found[name].value == pytest.approx(estimate.value, rel=1e-6), name
        assert found[name].status == estimate.status == "ok"
    losses = functional.cross_entropy(twin(rows[0]).detach(), rows[1], reduction="none")
    assert found["loss"].value == pytest.approx(float(losses.mean()))
    assert found["loss"].standard_error == pytest.approx(float(losses.std()) / len(losses) ** 0.5)


def test_conditions_and_levels():
    rows = _measured(CASES["mlp"].model(), CASES["mlp"].data())
    assert (rows["loss"].condition, rows["input_curvature"].condition) == ("landscape", "gaussian")
    assert rows["input_curvature"].level == 10
    assert all(math.isnan(row.level) for name, row in rows.items() if name != "input_curvature")


def test_float_networks_have_no_flips_of_codes():
    rows = _measured(CASES["mlp"].model(), CASES["mlp"].data())
    assert {name for name, row in rows.items() if row.estimate.status != "ok"} == CODES_ONLY
    assert all(rows[name].estimate.status == "undefined" for name in CODES_ONLY)


def test_networks_without_exact_diagonal_keep_what_is_defined():
    rows = _measured(CASES["tanh"].model(), CASES["tanh"].data())
    undefined = {name for name, row in rows.items() if row.estimate.status == "undefined"}
    assert undefined == CODES_ONLY | {"scaled_trace", "normalised_sharpness"}
    assert rows["hessian_trace"].estimate.num_samples == 100


def test_hutchinson_and_pyhessian_on_request():
    model, rows = CASES["mlp"].model(), CASES["mlp"].data()
    exact = _measured(model, rows)
    for options in ({"trace_method": "hutchinson"}, {"backend": "pyhessian"}):
        sampled = _measured(model, rows, num_probes=200, **options)
        estimate = sampled["hessian_trace"].estimate
        assert estimate.standard_error > 0
        assert abs(estimate.value - exact["hessian_trace"].estimate.value) < 4 * estimate.standard_error
        top = exact["largest_eigenvalue"].estimate.value
        assert sampled["largest_eigenvalue"].estimate.value == pytest.approx(top, rel=0.02)


def test_a_diverged_network_gives_statuses():
    case = CASES["mlp"]
    inputs, targets = case.data()
    for model in (case.model(), FakeIntegerNetwork()):
        for backend in ("lowland", "pyhessian"):
            rows = _measured(model, (inputs * torch.nan, targets), backend=backend)
            statuses = {name: row.estimate.status for name, row in rows.items()}
            kept = {"weight_norm", "mean_squared_flip"}
            assert all(status != "ok" for name, status in statuses.items() if name not in kept)
