"""The composer gives the rows of the public functions, each measured once."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from lowland.coding.folding import fold_batch_norm
from lowland.landscape import (
    LandscapeOptions,
    adaptive_sharpness,
    compare_networks,
    disagreement_rate,
    expected_sharpness,
    flip_curvature,
    flip_mismatch_curvature,
    gradient_norm,
    gradient_norms,
    hessian_eigenvalues,
    hessian_trace,
    hessian_trace_by_layer,
    input_curvature,
    input_jacobian_norm,
    layer_cka,
    linear_cka,
    mean_squared_flip,
    measure_landscape,
    noise_mismatch_curvature,
    normalised_sharpness,
    output_entropy,
    rounding_curvature,
    rounding_mismatch_curvature,
    scaled_trace,
    weight_norm,
)
from lowland.vocabulary.measures import MEASURES
from tests.base_options import base
from tests.cases import CASES, FakeIntegerNetwork

LOSS = functional.cross_entropy
QUANTILES = (0.25, 0.75)
CODES_ONLY = {
    "flip_curvature",
    "rounding_curvature",
    "mean_squared_flip",
    "flip_mismatch_curvature",
    "rounding_mismatch_curvature",
}
FEW = LandscapeOptions(**base("landscape", few_rows=6))
SMALL = {
    "gradient_quantiles": QUANTILES,
    "few_rows": 6,
    "weight_noise_size": 0.1,
    "weight_noise_draws": 3,
    "adaptive_radius": 0.2,
    "adaptive_steps": 4,
}


def all_of(outputs):
    return outputs


def _rows(model, rows, loss=LOSS, is_classifier=True, **options):
    found = measure_landscape(
        model,
        loss,
        [rows],
        options=LandscapeOptions(**base("landscape") | SMALL | options),
        input_covariance=torch.full(rows[0].shape[1:], 4.0),
        is_classifier=is_classifier,
    )
    assert all(row.family == "landscape" and row.measure in MEASURES for row in found)
    keys = [(row.measure, row.condition, row.target, row.level) for row in found]
    assert len(keys) == len({str(key) for key in keys})
    return found


def _measured(model, rows, **options):
    """Rows about the whole network by measure, quantiles aside."""
    found = _rows(model, rows, **options)
    return {row.measure: row for row in found if not row.target and row.measure != "sample_gradient_norm"}


def test_rows_of_a_deployed_network_are_those_of_the_public_functions():
    network, rows = FakeIntegerNetwork(), CASES["mlp"].data()
    batches, few = [rows], [(rows[0][:6], rows[1][:6])]
    found = {
        name: row.estimate
        for name, row in _measured(network, rows, input_noise_level=5, eigenvalue_ends="both").items()
    }
    twin = network.dequantized()
    covariance = torch.full((4,), 4.0 * 0.05**2)
    ends = hessian_eigenvalues(network, LOSS, batches, which="both")
    expected = {
        "gradient_norm": gradient_norm(network, LOSS, batches),
        "hessian_trace": hessian_trace(network, LOSS, batches),
        "largest_eigenvalue": ends.largest,
        "smallest_eigenvalue": ends.smallest,
        "flip_curvature": flip_curvature(network, LOSS, batches),
        "rounding_curvature": rounding_curvature(network, LOSS, batches),
        "mean_squared_flip": mean_squared_flip(network),
        "flip_mismatch_curvature": flip_mismatch_curvature(network, few),
        "rounding_mismatch_curvature": rounding_mismatch_curvature(network, few),
        "input_curvature": input_curvature(network, LOSS, batches, covariance=covariance),
        "input_mismatch_curvature": noise_mismatch_curvature(network, batches, covariance=covariance),
        "scaled_trace": scaled_trace(network, LOSS, batches),
        "normalised_sharpness": normalised_sharpness(network, LOSS, batches),
        "expected_sharpness": expected_sharpness(network, LOSS, few, relative_size=0.1, num_draws=3),
        "adaptive_sharpness": adaptive_sharpness(network, LOSS, few, radius=0.2, num_steps=4),
        "input_jacobian_norm": input_jacobian_norm(network, batches),
        "weight_norm": weight_norm(network),
        "output_entropy": output_entropy(twin(rows[0])),
    }
    assert set(found) == {*expected, "loss"}
    for name, estimate in expected.items():
        assert found[name].value == pytest.approx(estimate.value, rel=1e-6), name
        assert found[name].status == estimate.status, name
    losses = functional.cross_entropy(twin(rows[0]).detach(), rows[1], reduction="none")
    assert found["loss"].value == pytest.approx(float(losses.mean()))
    assert found["loss"].standard_error == pytest.approx(float(losses.std()) / len(losses) ** 0.5)


def test_quantiles_and_layers_have_rows_of_their_own():
    model, rows = CASES["mlp"].model(), CASES["mlp"].data()
    found = _rows(model, rows)
    quantiles = {row.level: row.estimate.value for row in found if row.measure == "sample_gradient_norm"}
    norms = gradient_norms(model, LOSS, [rows], quantiles=QUANTILES)
    assert quantiles == {q: e.value for q, e in zip(QUANTILES, norms.estimates, strict=True)}
    layers = {row.target: row.estimate.value for row in found if row.target and row.measure == "hessian_trace"}
    by_layer = hessian_trace_by_layer(model, LOSS, [rows]).layers
    assert layers == pytest.approx({name: estimate.value for name, estimate in by_layer.items()})


def test_conditions_and_levels():
    rows = _measured(CASES["mlp"].model(), CASES["mlp"].data())
    noise = {"input_curvature", "input_mismatch_curvature"}
    assert (rows["loss"].condition, rows["loss"].split) == ("", "")
    assert all((rows[name].condition, rows[name].level) == ("gaussian", 10) for name in noise)
    assert all(math.isnan(row.level) for name, row in rows.items() if name not in noise)


def test_tokens_have_no_derivative_and_meet_no_noise():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Embedding(6, 3), nn.Flatten(), nn.Tanh(), nn.Linear(12, 2)).eval()
    rows = torch.randint(6, (8, 4)), torch.randint(2, (8,))
    found = measure_landscape(
        net,
        LOSS,
        [rows],
        options=LandscapeOptions(**base("landscape", **SMALL)),
        input_covariance=None,
        is_classifier=True,
    )
    by_name = {row.measure: row for row in found}
    assert by_name["input_jacobian_norm"].estimate.status == "undefined"
    assert not any(row.condition for row in found) and "input_curvature" not in by_name
    assert by_name["gradient_norm"].estimate.value == pytest.approx(gradient_norm(net, LOSS, [rows]).value)
    assert by_name["loss"].estimate.value == pytest.approx(LOSS(net(rows[0]), rows[1]).item())
    assert by_name["hessian_trace"].estimate.status == "ok"


def test_float_networks_have_no_flips_of_codes():
    rows = _measured(CASES["mlp"].model(), CASES["mlp"].data())
    assert {name for name, row in rows.items() if row.estimate.status == "undefined"} == CODES_ONLY


def test_outputs_that_decide_nothing_have_no_decisions():
    case = CASES["squared error"]
    rows = _measured(case.model(), case.data(), loss=case.loss, is_classifier=False)
    undefined = {name for name, row in rows.items() if row.estimate.status == "undefined"}
    assert undefined == CODES_ONLY | {"input_mismatch_curvature", "output_entropy", "normalised_sharpness"}
    pair = compare_networks(
        case.model(),
        case.model(),
        case.data()[0],
        options=FEW,
        scored_outputs=all_of,
        is_classifier=False,
    )
    assert {row.measure: row.estimate.status for row in pair} == {"cka": "ok", "disagreement_rate": "undefined"}


def test_a_largest_magnitude_below_zero_is_not_the_largest_eigenvalue():
    case = CASES["mlp"]
    rows = _measured(case.model(), case.data(), loss=lambda z, y: -LOSS(z, y), backend="pyhessian")
    assert rows["largest_eigenvalue"].estimate.status == "undefined"


def test_networks_without_exact_diagonal_are_sampled():
    found = _rows(CASES["tanh"].model(), CASES["tanh"].data())
    assert {row.measure for row in found if row.estimate.status == "undefined"} == CODES_ONLY
    traces = [row for row in found if row.measure == "hessian_trace"]
    exact = [row for row in traces if row.target == "4"]  # behind the last smooth function
    assert len(traces) == 4 and [(row.estimate.standard_error, row.estimate.num_samples) for row in exact] == [(0, 24)]
    for row in found:
        if row.measure in ("hessian_trace", "scaled_trace", "normalised_sharpness") and row not in exact:
            assert row.estimate.standard_error > 0 and row.estimate.num_samples == 100


@pytest.mark.parametrize(
    "options", [{"trace_method": "hutchinson"}, {"trace_method": "hutch++"}, {"backend": "pyhessian"}]
)
def test_sampled_traces_and_pyhessian_on_request(options):
    model, rows = CASES["mlp"].model(), CASES["mlp"].data()
    exact, sampled = _measured(model, rows), _measured(model, rows, num_probes=200, **options)
    estimate = sampled["hessian_trace"].estimate
    assert abs(estimate.value - exact["hessian_trace"].estimate.value) < 4 * estimate.standard_error + 1e-9
    top = exact["largest_eigenvalue"].estimate.value
    assert sampled["largest_eigenvalue"].estimate.value == pytest.approx(top, rel=0.02)


def test_folding_batch_norm_leaves_every_measure_unchanged():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 5), nn.BatchNorm1d(5)
    ).double()
    inputs, targets = torch.randn(12, 1, 4, 4, dtype=torch.float64), torch.arange(12) % 5
    with torch.no_grad():
        for _ in range(3):
            model(2 * inputs + 1)  # statistics that are not those of a fresh layer
    model.eval()
    apart, folded = (_rows(network, (inputs, targets)) for network in (model, fold_batch_norm(model)))
    assert len(apart) == len(folded)
    for one, other in zip(apart, folded, strict=True):
        assert (one.measure, one.level) == pytest.approx((other.measure, other.level), nan_ok=True)
        assert one.estimate.value == pytest.approx(other.estimate.value, rel=1e-6, nan_ok=True), one.measure
        assert one.estimate.status == other.estimate.status


def test_a_diverged_network_gives_statuses():
    case = CASES["mlp"]
    inputs, targets = case.data()
    for model in (case.model(), FakeIntegerNetwork()):
        for backend in ("lowland", "pyhessian"):
            rows = _measured(model, (inputs * torch.nan, targets), backend=backend)
            statuses = {name: row.estimate.status for name, row in rows.items()}
            kept = {"weight_norm", "mean_squared_flip"}
            assert all(status != "ok" for name, status in statuses.items() if name not in kept)


def test_rows_of_a_pair_are_those_of_the_public_functions():
    inputs, _ = CASES["mlp"].data()
    first, second = CASES["mlp"].model(), FakeIntegerNetwork()
    rows = compare_networks(
        first,
        second,
        inputs,
        options=FEW,
        scored_outputs=all_of,
        is_classifier=True,
    )
    outputs = first(inputs).detach(), second.dequantized()(inputs).detach()
    whole = {row.measure: row.estimate for row in rows if not row.target}
    assert whole == {"cka": linear_cka(*outputs), "disagreement_rate": disagreement_rate(*outputs)}
    layers = layer_cka(first, second, [(inputs[:6], torch.zeros(6))])
    found = {row.target: row.estimate for row in rows if row.target}
    assert found == {name: estimate for name, estimate in layers.items() if name != "output"}


def test_outputs_that_nobody_asks_for_do_not_make_networks_unlike():
    inputs, _ = CASES["mlp"].data()
    first, second = CASES["mlp"].model(), CASES["mlp"].model()
    with torch.no_grad():
        last = [module for module in second.modules() if isinstance(module, nn.Linear)][-1]
        last.weight[1:] = 7 * torch.randn_like(last.weight[1:])
    found = {
        name: compare_networks(
            first,
            second,
            inputs,
            options=FEW,
            scored_outputs=answers,
            is_classifier=False,
        )[0].estimate.value
        for name, answers in {"one": lambda outputs: outputs[:, :1], "all": all_of}.items()
    }
    assert found["one"] == pytest.approx(1) and found["all"] < 0.99
