import pytest
import torch
from torch import nn

from lowland.training.modes import evaluated


def test_modes_come_back_each_its_own_also_after_an_error():
    model = nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.BatchNorm1d(3), nn.Dropout()), nn.GRU(3, 3)).train()
    model[1][0].eval()
    modes, enabled = [module.training for module in model.modules()], torch.backends.cudnn.enabled
    with pytest.raises(RuntimeError, match="within"), evaluated(model):
        assert not any(module.training for module in model.modules())
        assert not torch.backends.cudnn.enabled  # it has no derivatives of recurrent layers in evaluation mode
        raise RuntimeError("within")
    assert [module.training for module in model.modules()] == modes and torch.backends.cudnn.enabled == enabled


def test_kernels_are_changed_for_recurrent_layers_alone():
    enabled = torch.backends.cudnn.enabled
    with evaluated(nn.Linear(3, 3)):
        assert torch.backends.cudnn.enabled == enabled
