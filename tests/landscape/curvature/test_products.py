"""Hessian products against dense Hessians, and the R-operator against autograd."""

import gc

import pytest
import torch
from torch import nn
from torch.nn import functional

from lowland.errors import LowlandError
from lowland.landscape import hessian_eigenvalues, hessian_trace, spectral_density
from lowland.landscape.curvature import products as products_module
from lowland.landscape.curvature.pearlmutter import chain_of
from lowland.landscape.curvature.products import HessianProducts
from lowland.landscape.measures.trace import weighted_trace
from lowland.landscape.problem import problem as problem_module
from lowland.landscape.problem.model import trainable
from lowland.landscape.problem.problem import Problem
from tests.cases import ASYMMETRIC, CASES, TWICE, Case, sigmoid_error
from tests.oracles import dense_hessian

CHAINS = {
    "convolutions": Case(
        lambda: nn.Sequential(
            nn.Conv2d(2, 3, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Sequential(nn.Flatten(), nn.Linear(27, 4, bias=False), nn.LeakyReLU(), nn.Linear(4, 8), nn.ReLU6()),
            nn.Unflatten(1, (2, 2, 2)),
            nn.ConvTranspose2d(2, 2, 3, stride=2, padding=1, output_padding=1),
            nn.Hardtanh(),
            nn.Dropout(),
            nn.Conv2d(2, 1, (2, 1), dilation=(2, 1), bias=False),
        ),
        (2, 5, 6),
        sigmoid_error,
        rows=7,
    ),
    "transposed first": Case(
        lambda: nn.Sequential(
            nn.ConvTranspose2d(1, 2, 2, bias=False), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(18, 3)
        ),
        (1, 2, 2),
        functional.cross_entropy,
        rows=7,
    ),
    "activation first and last": Case(
        lambda: nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(6, 3), nn.ReLU()), (2, 3), functional.mse_loss
    ),
}
ALL = {name: CASES[name] for name in TWICE if name != "batch statistics"} | CHAINS
ARE_CHAINS = {"mlp", "in-place", "squared error", *CHAINS}


@pytest.mark.parametrize("name", ALL)
def test_products_equal_the_dense_ones(name):
    case = ALL[name]
    model, (inputs, targets) = case.model(), case.data()
    dense = dense_hessian(model, case.loss, inputs, targets)
    products = HessianProducts(Problem(model, case.loss, [(inputs, targets)]))
    vectors = torch.randn(3, products.size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    scale = float(dense.abs().max())
    torch.testing.assert_close(products.block(vectors), vectors @ dense, rtol=1e-10, atol=1e-12 * scale)
    torch.testing.assert_close(products(vectors[1]), vectors[1] @ dense, rtol=1e-10, atol=1e-12 * scale)
    assert (chain_of(model, trainable(model), inputs) is not None) == (name in ARE_CHAINS)


@pytest.mark.parametrize("name", ASYMMETRIC)
def test_second_derivatives_that_torch_gets_wrong_are_refused(name):
    case = CASES[name]
    model, rows = case.model(), case.data()
    dense = dense_hessian(model, case.loss, *rows)
    assert float((dense - dense.T).norm()) > 0.1 * float(dense.norm())
    with pytest.raises(LowlandError, match=r"second derivative of Sequential is not symmetric .*weight_norm"):
        HessianProducts(Problem(model, case.loss, [rows]))


NO_MEANS = {
    "class weights": nn.CrossEntropyLoss(weight=torch.tensor([1.0, 1.0, 9.0], dtype=torch.float64)),
    "sum": nn.CrossEntropyLoss(reduction="sum"),
    "ignored class": nn.CrossEntropyLoss(ignore_index=2),
}
MEASURES = {
    "eigenvalues": hessian_eigenvalues,
    "density": lambda *subject: spectral_density(*subject, num_runs=2, num_steps=2),
    "hutchinson": lambda *subject: hessian_trace(*subject, method="hutchinson", num_probes=2),
    "weighted": lambda *subject: weighted_trace(*subject, {"0.bias": torch.ones(6)}, method="hutchinson", num_probes=2),
}


@pytest.mark.parametrize("name", ["mlp", "tanh"])
@pytest.mark.parametrize("kind", NO_MEANS)
@pytest.mark.parametrize("measure", MEASURES)
def test_losses_that_are_no_means_over_rows_are_refused(name, kind, measure):
    """Rows sorted by class, so that the first ones do not tell."""
    case = CASES[name]
    inputs, targets = case.data()
    rows = targets.argsort()
    with pytest.raises(LowlandError, match=r"loss: gave .* expected the mean over independent rows"):
        MEASURES[measure](case.model(), NO_MEANS[kind], [(inputs[rows], targets[rows])])


@pytest.mark.parametrize("name", ["mlp", "tanh"])
def test_other_rows_are_not_checked_again(name, monkeypatch):
    case = CASES[name]
    model, (inputs, targets) = case.model(), case.data()
    whole = HessianProducts(Problem(model, case.loss, [(inputs, targets)]))
    for check in ("require_row_mean", "require_independent_rows", "require_repeatable", "require_second_derivatives"):
        monkeypatch.setattr(problem_module, check, lambda *_: pytest.fail("checked again"))
    few = whole.on(((inputs[::4], targets[::4]),))
    assert (few.num_rows, whole.num_rows) == (6, 24)
    vector = torch.randn(whole.size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for products, step in ((few, 4), (whole, 1)):
        dense = dense_hessian(model, case.loss, inputs[::step], targets[::step])
        torch.testing.assert_close(products(vector), vector @ dense, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["mlp", "convolutions", "tanh"])
def test_blocks_batches_and_their_order_do_not_matter(name, monkeypatch):
    case = ALL[name]
    model, (inputs, targets) = case.model(), case.data()
    whole = HessianProducts(Problem(model, case.loss, [(inputs, targets)]))
    vectors = torch.randn(5, whole.size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = whole.block(vectors)
    pieces = list(zip(inputs.split(5), targets.split(5), strict=True))
    monkeypatch.setattr(products_module, "BLOCK_ROWS", 2)
    monkeypatch.setattr(products_module, "KEPT_BYTES", 1)
    monkeypatch.setattr(products_module, "VECTORS_AT_ONCE", 2)
    for batches in (pieces, pieces[::-1], [(inputs, targets)]):
        found = HessianProducts(Problem(model, case.loss, batches))
        for _ in range(2):
            torch.testing.assert_close(found.block(vectors), expected, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("loss", [lambda z, y: z.sum(1).mean(), lambda z, y: (z * z.detach().sin()).sum(1).mean()])
def test_a_loss_linear_in_the_outputs_leaves_the_layers_bending_each_other(loss):
    case = CASES["mlp"]
    model, (inputs, targets) = case.model(), case.data()
    dense = dense_hessian(model, loss, inputs, targets)
    products = HessianProducts(Problem(model, loss, [(inputs, targets)]))
    eye = torch.eye(products.size, dtype=torch.float64)
    assert dense.abs().max() > 0
    torch.testing.assert_close(products.block(eye), dense, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("spoil", ["frozen", "hook", "shared"])
def test_what_is_no_plain_chain_goes_through_autograd(spoil):
    case = CASES["mlp"]
    model, (inputs, targets) = case.model(), case.data()
    if spoil == "frozen":
        model[2].bias.requires_grad_(False)
    elif spoil == "hook":
        model[2].register_forward_hook(lambda module, args, output: 2 * output)
    else:
        model[2] = nn.Sequential(model[2], nn.Linear(5, 5, dtype=torch.float64), nn.ReLU())
        model[2].append(model[2][1]).eval()
    names = [name for name, p in model.named_parameters() if p.requires_grad]
    products = HessianProducts(Problem(model, case.loss, [(inputs, targets)]))
    kept = {n: p for n, p in model.named_parameters() if n in names}
    slopes = torch.autograd.grad(case.loss(model(inputs), targets), list(kept.values()), create_graph=True)
    vector = torch.randn(products.size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    truth = torch.autograd.grad(torch.cat([s.flatten() for s in slopes]), list(kept.values()), vector)
    torch.testing.assert_close(products(vector), torch.cat([t.flatten() for t in truth]))
    assert chain_of(model, trainable(model), inputs) is None


@pytest.mark.parametrize("name", ["mlp", "convolutions", "tanh", "lstm"])
def test_nothing_is_left_behind(name):
    """Flat over repeated calls, no gradient, no change of the model."""
    case = ALL[name]
    model, (inputs, targets) = case.model(), case.data()
    before = {key: value.clone() for key, value in model.state_dict().items()}

    def living():
        return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())

    gc.collect()
    counts = []
    gc.disable()  # what only the collector would find is left behind as well
    try:
        for repetition in range(5):
            products = HessianProducts(Problem(model, case.loss, [(inputs, targets)]))
            products.block(torch.ones(2, products.size, dtype=torch.float64))
            del products
            if repetition in (0, 4):
                counts.append(living())
    finally:
        gc.enable()
    assert counts[0] == counts[1]
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
