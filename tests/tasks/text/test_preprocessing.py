"""Texts become the same tokens wherever the network is used."""

import json

import pandas as pd
import pytest
import torch

from lowland.errors import LowlandError
from lowland.tasks import preprocessing_from
from lowland.tasks.preprocessing import Classes
from lowland.tasks.text.preprocessing import TextPreprocessing

KNOWN = TextPreprocessing(vocabulary=("good", "bad"), max_tokens=3, answer=Classes(names=("no", "yes")))


def test_it_survives_json_and_does_the_same():
    again = preprocessing_from(json.loads(json.dumps(KNOWN.model_dump(mode="json"))))
    texts = ["Good, bad", "a BAD one indeed"]
    assert again == KNOWN
    assert again.apply(texts).tolist() == [[2, 3, 0], [1, 3, 1]]
    assert torch.equal(again.apply(pd.DataFrame({"text": texts})), KNOWN.apply(texts))


def test_outputs_become_names():
    assert KNOWN.predictions(torch.tensor([[0.1, 0.9], [2.0, 1.0]])).tolist() == ["yes", "no"]


@pytest.mark.parametrize("raw", ["one text", [1, 2], [None]])
def test_what_is_no_text_is_refused(raw):
    with pytest.raises(LowlandError, match="expected a list of texts"):
        KNOWN.apply(raw)
