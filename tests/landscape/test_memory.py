"""What is held at once: little more than a forward and backward pass, and nothing after many calls."""

import copy
import gc

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.profiler import ProfilerActivity, profile

from lowland import landscape
from lowland.landscape.measures.similarity import ERROR_ROWS
from tests.cases import Recurrent, Residual, sigmoid_error

MEASURES = {  # of a model, a loss and batches
    "trace": lambda m, f, b: landscape.hessian_trace(m, f, b, num_probes=2),
    "hutchinson": lambda m, f, b: landscape.hessian_trace(m, f, b, method="hutchinson", num_probes=2),
    "eigenvalues": lambda m, f, b: landscape.hessian_eigenvalues(m, f, b, tolerance=0.1),
    "density": lambda m, f, b: landscape.spectral_density(m, f, b, num_runs=2, num_steps=3),
    "norms": landscape.gradient_norms,
    "jacobian": lambda m, f, b: landscape.input_jacobian_norm(m, b),
    "expected": lambda m, f, b: landscape.expected_sharpness(m, f, b, relative_size=0.1, num_draws=2),
    "adaptive": lambda m, f, b: landscape.adaptive_sharpness(m, f, b, radius=0.1, num_steps=4),
    "noise": lambda m, f, b: landscape.input_curvature(m, f, b, covariance=torch.ones(b[0][0].shape[1:])),
    "noise mismatch": lambda m, f, b: landscape.noise_mismatch_curvature(
        m, b, covariance=torch.ones(b[0][0].shape[1:])
    ),
    "surface": lambda m, f, b: landscape.loss_surface(
        m, f, b, directions=[{n: p.detach() for n, p in m.named_parameters()}] * 2, num_points=2
    ),
    "connectivity": lambda m, f, b: landscape.mode_connectivity(
        m, copy.deepcopy(m), f, b, b, num_epochs=1, num_points=3
    ),
    "layer cka": lambda m, f, b: landscape.layer_cka(m, copy.deepcopy(m), b),
}
# Times the peak of a forward and backward pass; 2 for all others. Products of a Hessian keep the graph of a gradient or
# every block's activations and gradients, and Lanczos' first vectors come from some of the rows.
FACTORS = {"hutchinson": 3.0, "density": 3.0, "eigenvalues": 4.5}
# The standard error of CKA looks at all pairs of 1,000 rows, in double precision, six such tables at a time.
ALLOWED_BYTES = {"layer cka": 6 * 8 * ERROR_ROWS**2}
CHEAP = ("hutchinson", "norms", "jacobian", "expected", "noise mismatch", "surface")


def _autoencoder() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(8, 8, 3, stride=2, padding=1, output_padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(8, 1, 3, padding=1),
    ).eval()


def _residual() -> nn.Module:
    """No chain: products of its Hessian go through autograd."""
    return nn.Sequential(
        nn.Linear(16, 32), nn.Tanh(), Residual(nn.Sequential(nn.Linear(32, 32), nn.ReLU())), nn.Linear(32, 4)
    ).eval()


def peak_bytes(run) -> int:
    """The most that torch's allocator held during a call, beyond what it held before."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        run()
    events = [event for event in record.profiler.kineto_results.events() if event.name() == "[memory]"]
    held = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak


def _images():
    inputs = torch.rand(2000, 1, 4, 4)
    return _autoencoder(), sigmoid_error, (inputs, inputs)


def _features():
    rows = torch.randn(2000, 16), torch.arange(2000) % 4
    return _residual(), functional.cross_entropy, rows


def _series():
    rows = torch.randn(200, 5, 3), torch.arange(200) % 2
    return Recurrent(nn.LSTM).eval(), functional.cross_entropy, rows


def _tiny_chain():
    rows = torch.randn(6, 3), torch.arange(6) % 2
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).eval(), functional.cross_entropy, rows


def _tiny_residual():
    model = nn.Sequential(nn.Linear(3, 4), Residual(nn.Tanh()), nn.Linear(4, 2)).eval()
    return model, functional.cross_entropy, (torch.randn(6, 3), torch.arange(6) % 2)


LARGE = {"images": _images, "features": _features, "series": _series}
TINY = {"chain": _tiny_chain, "residual": _tiny_residual}


@pytest.mark.parametrize("subject", list(LARGE))
@pytest.mark.parametrize("name", list(MEASURES))
def test_peak_is_that_of_few_backward_passes(name, subject):
    model, loss, rows = LARGE[subject]()

    def backward():
        torch.autograd.grad(loss(model(rows[0]), rows[1]), list(model.parameters()))

    exact = not _is_smooth(model)
    factor = FACTORS.get("hutchinson" if name == "trace" and not exact else name, 2.0)
    allowed = factor * peak_bytes(backward) + ALLOWED_BYTES.get(name, 0)
    assert peak_bytes(lambda: MEASURES[name](model, loss, [rows])) <= allowed


def _is_smooth(model: nn.Module) -> bool:
    return any(isinstance(part, nn.Tanh | nn.RNNBase) for part in model.modules())


@pytest.mark.parametrize(
    ("name", "subject", "calls"),
    [
        *((name, "chain", 100 if name in CHEAP else 8) for name in MEASURES),
        *((name, "residual", 8) for name in MEASURES),
    ],
)
def test_nothing_stays_after_many_calls(name, subject, calls):
    """Not even until the collector comes: a tensor a call would be too many."""
    model, loss, rows = TINY[subject]()
    MEASURES[name](model, loss, [rows])
    gc.disable()
    gc.freeze()  # what was there before is not looked at
    try:
        for _ in range(calls):
            MEASURES[name](model, loss, [rows])
        left = [thing for thing in gc.get_objects() if issubclass(type(thing), torch.Tensor)]
    finally:
        gc.unfreeze()
        gc.enable()
    assert len(left) <= 5
