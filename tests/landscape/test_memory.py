"""What is held at once: at most twice a forward and backward pass, and nothing after 100 calls."""

import gc

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.profiler import ProfilerActivity, profile

from lowland.landscape import hessian_trace
from lowland.landscape.adaptive_sharpness import adaptive_sharpness
from lowland.landscape.expected_sharpness import expected_sharpness
from lowland.landscape.gradient import gradient_norms
from lowland.landscape.jacobian import input_jacobian_norm
from tests.cases import sigmoid_error

MEASURES = {
    "trace": hessian_trace,
    "norms": gradient_norms,
    "jacobian": lambda model, loss, batches: input_jacobian_norm(model, batches),
    "expected": lambda model, loss, batches: expected_sharpness(model, loss, batches, relative_size=0.1, num_draws=2),
    "adaptive": lambda model, loss, batches: adaptive_sharpness(model, loss, batches, radius=0.1, num_steps=4),
}


def _autoencoder() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(8, 8, 3, stride=2, padding=1, output_padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(8, 1, 3, padding=1),
    ).eval()


def _peak_bytes(run) -> int:
    """The most that torch's allocator held during a call, beyond what it held before."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        run()
    events = [event for event in record.profiler.kineto_results.events() if event.name() == "[memory]"]
    held = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak


@pytest.mark.parametrize("name", list(MEASURES))
def test_peak_is_below_two_backward_passes(name):
    model, inputs = _autoencoder(), torch.rand(2000, 1, 4, 4)

    def backward():
        torch.autograd.grad(sigmoid_error(model(inputs), inputs), list(model.parameters()))

    measured = _peak_bytes(lambda: MEASURES[name](model, sigmoid_error, [(inputs, inputs)]))
    assert measured <= 2 * _peak_bytes(backward)


@pytest.mark.parametrize("name", list(MEASURES))
def test_nothing_stays_after_100_calls(name):
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).eval()
    rows = torch.randn(5, 3), torch.tensor([0, 1, 1, 0, 1])
    MEASURES[name](model, functional.cross_entropy, [rows])

    def living() -> int:
        gc.collect()
        return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())

    before = living()
    gc.disable()  # nothing may wait for the collector either
    try:
        for _ in range(100):
            MEASURES[name](model, functional.cross_entropy, [rows])
        uncollected = sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())
    finally:
        gc.enable()
    assert uncollected <= before + 5
    assert living() <= before
