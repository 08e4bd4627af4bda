from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from lowland.coding.folding import Folded, fold_batch_norm
from lowland.errors import LowlandError
from tests.quantization.networks import twin


class Block(nn.Module):
    """Convolution, batch-norm and a residual sum, by a forward of its own."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, values: Tensor) -> Tensor:
        return values + functional.relu(self.norm(self.conv(values)))


class Branching(nn.Module):
    """Looks at its values, so that it cannot be traced; holds parts that can."""

    def __init__(self) -> None:
        super().__init__()
        self.front = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3))
        self.block = Block(3)

    def forward(self, values: Tensor) -> Tensor:
        if bool(values.isnan().any()):
            return values
        return self.block(self.front(values))


class Awkward(nn.Sequential):
    """A sequential that goes its own way and looks at its values."""

    def forward(self, values: Tensor) -> Tensor:
        front, norm = self
        return norm(front(values)) if bool(values.sum() > 0) else front(values)


class Seen(nn.Module):
    """The layer's own result is needed beside the batch-norm's."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.norm = nn.Linear(4, 3), nn.BatchNorm1d(3)

    def forward(self, values: Tensor) -> Tensor:
        result = self.layer(values)
        return result * self.norm(result)


class Twice(Seen):
    """The layer is called a second time, without the batch-norm."""

    def forward(self, values: Tensor) -> Tensor:
        return self.norm(self.layer(values)) + self.layer(values)


class Read(Seen):
    """The layer's weight is read."""

    def forward(self, values: Tensor) -> Tensor:
        return self.norm(self.layer(values)) + self.layer.weight.sum()


def tied() -> nn.Module:
    first, second = nn.Linear(4, 4), nn.Linear(4, 4)
    second.weight = first.weight
    return nn.Sequential(first, nn.BatchNorm1d(4), second)


def watched() -> nn.Module:
    layer = nn.Linear(4, 4)
    layer.register_forward_hook(lambda module, inputs, output: output.abs())
    return nn.Sequential(layer, nn.BatchNorm1d(4))


def shared() -> nn.Module:
    layer = nn.Linear(4, 4)
    return nn.Sequential(layer, nn.BatchNorm1d(4), layer)


def prepared(build: Callable[[], nn.Module]) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = build().double()
        for norm in model.modules():
            if isinstance(norm, nn.modules.batchnorm._BatchNorm):
                if norm.running_mean is not None:
                    norm.running_mean.normal_()
                    norm.running_var.uniform_(0.3, 3)
                if norm.affine:
                    nn.init.normal_(norm.weight)  # negative gains too
                    nn.init.normal_(norm.bias)
    return model.eval()


def batch_norms(model: nn.Module) -> int:
    return sum(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in model.modules())


IMAGE, VECTOR, LINE, VOLUME = (4, 2, 7, 7), (4, 4), (4, 2, 7), (2, 2, 4, 4, 4)
FOLDS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], int]] = {
    "conv": (lambda: nn.Sequential(nn.Conv2d(2, 4, 3, groups=2), nn.BatchNorm2d(4), nn.ReLU()), IMAGE, 0),
    "no bias": (lambda: nn.Sequential(nn.Conv2d(2, 4, 3, bias=False), nn.BatchNorm2d(4)), IMAGE, 0),
    "no affine": (lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4, affine=False)), IMAGE, 0),
    "transposed": (
        lambda: nn.Sequential(nn.Conv2d(2, 4, 1), nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2), nn.BatchNorm2d(6)),
        IMAGE,
        0,
    ),
    "line": (lambda: nn.Sequential(nn.Conv1d(2, 4, 3), nn.BatchNorm1d(4), nn.ConvTranspose1d(4, 2, 2)), LINE, 0),
    "volume": (lambda: nn.Sequential(nn.Conv3d(2, 3, 2), nn.BatchNorm3d(3)), VOLUME, 0),
    "linear": (lambda: nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 2)), VECTOR, 0),
    "residual": (lambda: nn.Sequential(Block(2), nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3)), IMAGE, 0),
    "branching": (Branching, IMAGE, 0),
    "behind an activation": (
        lambda: nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.BatchNorm2d(3), nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2)),
        IMAGE,
        1,
    ),
    "first": (lambda: nn.Sequential(nn.BatchNorm2d(2), nn.Conv2d(2, 3, 3)), IMAGE, 1),
    "seen": (Seen, VECTOR, 1),
    "twice": (Twice, VECTOR, 1),
    "read": (Read, VECTOR, 1),
    "awkward": (lambda: Awkward(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)), IMAGE, 1),
    "tied": (tied, VECTOR, 1),
    "shared": (shared, VECTOR, 1),
    "watched": (watched, VECTOR, 1),
    "weight norm": (lambda: nn.Sequential(weight_norm(nn.Linear(4, 3)), nn.BatchNorm1d(3)), VECTOR, 1),
    "batch statistics": (
        lambda: nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3, track_running_stats=False)),
        VECTOR,
        1,
    ),
    "along time": (lambda: nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(5)), (4, 5, 4), 1),
    "only a norm": (lambda: nn.BatchNorm1d(4), VECTOR, 1),
}


@pytest.mark.parametrize("case", FOLDS)
def test_folding_changes_nothing_but_the_structure(case: str) -> None:
    build, shape, left = FOLDS[case]
    model = prepared(build)
    before = copy.deepcopy(model.state_dict())
    folded = fold_batch_norm(model)
    inputs = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    torch.testing.assert_close(folded(inputs), model(inputs), rtol=1e-12, atol=1e-12)
    assert batch_norms(folded) == left
    assert type(folded) is type(model) and not any(module.training for module in folded.modules())
    assert (folded is model) == (batch_norms(model) == left)
    assert model.state_dict().keys() == before.keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not any(isinstance(module, Folded) for module in model.modules())


def test_without_batch_norm_the_model_itself_comes_back() -> None:
    for model in (nn.LSTM(3, 4), twin(4), nn.Sequential(nn.Linear(2, 2), nn.Dropout()).train(), nn.ReLU()):
        assert fold_batch_norm(model) is model


def test_models_of_any_kind_are_taken() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.front = nn.Sequential(nn.Conv1d(2, 3, 2), nn.BatchNorm1d(3))
            self.recurrent = nn.LSTM(3, 4, batch_first=True)
            self.quantized = twin(4)

        def forward(self, values: Tensor) -> Tensor:
            hidden, _ = self.recurrent(self.front(values).movedim(1, 2))
            return self.quantized(functional.pad(hidden[:, -1], (0, 2)))

    model = Mixed().eval()
    model.front[1].running_mean.normal_()
    folded = fold_batch_norm(model)
    inputs = torch.randn(5, 2, 6)
    assert batch_norms(folded) == 0
    torch.testing.assert_close(folded.front(inputs), model.front(inputs))
    torch.testing.assert_close(folded(inputs), model(inputs), rtol=0, atol=0.2)  # codes may round apart


def test_brevitas_layers_keep_their_batch_norm() -> None:
    """Their weights are quantized by scales that would no longer fit."""
    from brevitas.nn import QuantConv2d

    model = nn.Sequential(QuantConv2d(2, 3, 3, weight_bit_width=4), nn.BatchNorm2d(3)).eval()
    assert fold_batch_norm(model) is model


def test_batch_norm_in_training_is_refused() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    with pytest.raises(LowlandError, match=r"batch-norm '1' is in training mode.*call model\.eval\(\) first"):
        fold_batch_norm(model)


def test_a_fold_along_the_wrong_axis_is_noticed() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)).eval()
    folded = fold_batch_norm(model)
    with pytest.raises(LowlandError, match="got values of 3 dimensions; expected 2"):
        folded(torch.zeros(2, 3, 4))


def test_trainable_parameters_stay_trainable_and_frozen_ones_frozen() -> None:
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.BatchNorm1d(2), nn.Linear(2, 2), nn.BatchNorm1d(2)).eval()
    model[2].requires_grad_(False)
    trained = {name: p.requires_grad for name, p in fold_batch_norm(model).named_parameters()}
    assert trained == {"0.weight": True, "0.bias": True, "2.weight": False, "2.bias": False}


def test_folding_does_not_advance_the_global_generator() -> None:
    class Noisy(nn.Sequential):
        def forward(self, input: Tensor) -> Tensor:
            return super().forward(input) + torch.randn(3)

    model = Noisy(nn.Linear(3, 3), nn.BatchNorm1d(3)).eval()
    state = torch.get_rng_state()
    assert batch_norms(fold_batch_norm(model)) == 0
    assert torch.equal(torch.get_rng_state(), state)
