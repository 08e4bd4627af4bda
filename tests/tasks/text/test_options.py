"""Which worlds go together."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from lowland.tasks.text import SentimentOptions
from lowland.tasks.text.worlds import WORLDS

OPTIONS = {
    "kind": "sentiment",
    "path": "sentiment",
    "train_rows": 9,
    "validation_rows": 9,
    "landscape_rows": 9,
    "test_rows": 9,
}


def test_the_world_that_is_learned_from_comes_first():
    assert list(SentimentOptions(**OPTIONS).worlds) == list(WORLDS)
    found = SentimentOptions(**OPTIONS, world="tweets", shifted=["movie"])
    assert list(found.worlds) == ["tweets", "movie"]
    assert list(SentimentOptions(**OPTIONS, shifted="none").worlds) == ["movie"]


@pytest.mark.parametrize(
    "change, message",
    [
        ({"world": "tweets"}, "shifted names 'tweets', the world that is learned from; expected some of movie"),
        ({"shifted": ["tweets", "tweets"]}, "shifted names an entry twice"),
        ({"world": "novels"}, "Input should be 'movie', 'product', 'tweets' or 'editorials'"),
        ({"neutral": 4}, "less than 4"),
        ({"network": "lenet5"}, "Input should be 'lstm' or 'gru'"),
        ({"too_long": "drop"}, "Input should be 'cut' or 'refuse'"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    with pytest.raises(ValidationError, match=message):
        SentimentOptions(**OPTIONS | change)


def test_the_folder_is_looked_for_in_the_users_data_first(tmp_path, monkeypatch):
    (tmp_path / "own" / "sentiment").mkdir(parents=True)
    monkeypatch.setenv("LOWLAND_DATA", str(tmp_path / "own"))
    assert SentimentOptions(**OPTIONS).resolved(tmp_path).path == tmp_path / "own" / "sentiment"
    monkeypatch.delenv("LOWLAND_DATA")
    assert SentimentOptions(**OPTIONS).resolved(tmp_path).path == tmp_path / Path("sentiment")
