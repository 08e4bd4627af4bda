import numpy as np
import pandas as pd
import pytest
import torch

from lowland.errors import LowlandError
from lowland.tasks import preprocessing_from
from lowland.tasks.fusion.frames import PIXELS
from lowland.tasks.fusion.preprocessing import FramePreprocessing

FRAMES = np.random.default_rng(0).uniform(-10, 300, (4, 32, 32)).astype(np.float32)
RECORD = FramePreprocessing(white=250.0, output_unit="gauss", output_scale=10.0)


def test_frames_are_divided_by_white_and_cut_off():
    inputs = RECORD.apply(FRAMES)
    assert inputs.shape == (4, 1, 32, 32)
    assert np.array_equal(inputs[:, 0].numpy(), np.clip(FRAMES / np.float32(250), 0, 1))
    assert torch.equal(RECORD.apply(pd.DataFrame(FRAMES.reshape(4, -1), columns=PIXELS)), inputs)


def test_frames_of_the_camera_are_averaged_over_areas():
    large = np.repeat(np.repeat(FRAMES, 3, axis=1), 2, axis=2)
    torch.testing.assert_close(RECORD.apply(large), RECORD.apply(FRAMES), rtol=1e-6, atol=1e-7)
    with pytest.raises(LowlandError, match="frames are 16x32 pixels"):
        RECORD.apply(FRAMES[:, :16])


def test_outputs_become_mode_vectors_in_the_unit_of_the_labels():
    again = preprocessing_from(RECORD.model_dump(mode="json"))
    assert again == RECORD
    assert again.predictions(torch.tensor([[0.5, -1.0]])).tolist() == [[5.0, -10.0]]
