"""What the preparation node refuses."""

from dataclasses import replace

import pytest

from lowland.errors import LowlandError
from lowland.pipelines.preparation.nodes import prepare
from lowland.tasks import build_task
from lowland.tasks.images import Images, ImagesOptions
from lowland.tasks.splits import HeldOut, Samples

TASK = ImagesOptions(
    kind="images",
    source="digits",
    shift="none",
    train_rows=100,
    validation_rows=50,
    landscape_rows=50,
    test_rows=100,
)


def test_a_shifted_set_of_other_classes_is_refused_by_name(monkeypatch):
    def with_letters(self, raw, prepared=Images.prepare):
        splits = prepared(self, raw)
        inputs, targets = splits.held_out.samples
        letters = HeldOut(Samples(inputs, targets + 3), splits.held_out.selects)
        return replace(splits, shifted={"letters": letters})

    raw = build_task(TASK).fetch()
    prepare(TASK, raw)
    monkeypatch.setattr(Images, "prepare", with_letters)
    with pytest.raises(LowlandError, match="shifted set 'letters' has the labels 10, 11, 12; expected 0 to 9"):
        prepare(TASK, raw)
