import json

import numpy as np
import pandas as pd
import pytest
import torch

from lowland.errors import LowlandError
from lowland.tasks import preprocessing_from
from lowland.tasks.econ.preprocessing import WaferPreprocessing
from lowland.tasks.econ.wafers import CHARGES


def test_the_record_alone_says_how_wafers_become_images_and_images_charges():
    charges = np.random.default_rng(0).integers(0, 500, (20, 48))
    record = json.loads(WaferPreprocessing().model_dump_json())
    divisor = 2.0 ** np.floor(np.log2(charges.sum(1, keepdims=True)))
    shown = np.array([cell is not None for cell in record["cell_of_pixel"]])
    cells = [cell or 0 for cell in record["cell_of_pixel"]]
    expected = np.where(shown, (charges / divisor)[:, cells], 0).reshape(-1, *record["shape"]).astype(np.float32)
    images = preprocessing_from(record).apply(charges)
    assert torch.equal(images, torch.from_numpy(expected))
    assert np.array_equal(preprocessing_from(record).predictions(images.flatten(1)) * divisor, charges)


def test_wafers_are_found_by_the_names_of_their_charges():
    charges = np.random.default_rng(0).integers(0, 500, (5, 48))
    table = pd.DataFrame(charges, columns=list(CHARGES))
    mixed = table.sample(frac=1, axis=1, random_state=0).assign(run=1)
    assert torch.equal(WaferPreprocessing().apply(mixed), WaferPreprocessing().apply(charges))
    with pytest.raises(LowlandError, match="wafers: column 'CALQ_3' is missing"):
        WaferPreprocessing().apply(table.drop(columns="CALQ_3"))
    with pytest.raises(LowlandError, match="wafers: 5 non-integer charges"):
        WaferPreprocessing().apply(table.assign(CALQ_3=0.5))
