import numpy as np
import pandas as pd
import pytest
import torch

from lowland.errors import LowlandError
from lowland.tasks import preprocessing_from
from lowland.tasks.images.preprocessing import ImagePreprocessing, pixel_columns, reduced
from lowland.tasks.preprocessing import Classes

RAW = np.random.default_rng(0).integers(0, 256, (5, 12, 14, 2), dtype=np.uint8)
RECORD = ImagePreprocessing(crop=8, shape=(2, 4, 4), white=200.0, answer=Classes(names=("cat", "dog")))


def test_the_middle_is_cut_out_averaged_and_scaled():
    inputs = RECORD.apply(RAW)
    assert inputs.shape == (5, 2, 4, 4) and inputs.dtype == torch.float32
    middle = RAW[:, 2:10, 3:11].astype(float)
    expected = middle.reshape(5, 4, 2, 4, 2, 2).mean(axis=(2, 4)).transpose(0, 3, 1, 2) / 200
    np.testing.assert_allclose(inputs.numpy(), np.clip(expected, 0, 1), rtol=1e-6)
    assert expected.max() > 1 == inputs.max()


def test_a_table_of_reduced_images_gives_the_same_to_the_last_bit():
    pixels = reduced(RAW.transpose(0, 3, 1, 2), side=4, crop=8)
    table = pd.DataFrame(pixels.reshape(5, -1), columns=pixel_columns(RECORD.shape)).assign(label=1)
    assert torch.equal(RECORD.apply(table[table.columns[::-1]]), RECORD.apply(RAW))


def test_many_images_are_averaged_in_parts(monkeypatch):
    whole = reduced(RAW.transpose(0, 3, 1, 2), side=3)
    monkeypatch.setattr("lowland.tasks.images.preprocessing.CHUNK", 3)
    assert np.array_equal(reduced(RAW.transpose(0, 3, 1, 2), side=3), whole)


def test_images_that_are_large_enough_stay_as_they_are():
    square = RAW[:, :, :12].transpose(0, 3, 1, 2)
    assert reduced(square, side=12).dtype == np.uint8 and np.array_equal(reduced(square, side=12), square)


def test_columns_are_named_by_their_place():
    assert pixel_columns((1, 2, 11))[-1] == "pixel_01_10" and len(pixel_columns((1, 2, 11))) == 22
    assert pixel_columns((2, 1, 2)) == ["pixel_0_00_00", "pixel_0_00_01", "pixel_1_00_00", "pixel_1_00_01"]


@pytest.mark.parametrize(
    "raw, message",
    [
        (RAW[..., :1], r"images have the shape \[5, 12, 14, 1\]; expected \[n, height, width, 2\]"),
        (RAW[..., 0], r"images have the shape \[5, 12, 14\]; expected \[n, height, width, 2\]"),
        (RAW[:, :7], "images are 7x14 pixels; expected at least 8x8, which is cut out"),
    ],
)
def test_other_images_are_refused(raw, message):
    with pytest.raises(LowlandError, match=message):
        RECORD.apply(raw)


def test_the_record_comes_back_and_names_classes():
    again = preprocessing_from(RECORD.model_dump(mode="json"))
    assert again == RECORD
    assert again.predictions(torch.tensor([[1.0, 2.0], [3.0, -1.0]])).tolist() == ["dog", "cat"]
