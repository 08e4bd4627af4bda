"""Corrupted sets are the held-out images in their order, spoiled once for all networks."""

import pytest
import torch

from lowland.perturbation import corrupt
from lowland.randomness import generator
from lowland.robustness.corrupted_sets import with_corrupted_sets
from lowland.tasks import HeldOut, Samples, Splits, build_task
from lowland.tasks.images.options import ImagesOptions


def task(**corrupted):
    sizes = {"train_rows": 600, "validation_rows": 100, "landscape_rows": 100, "test_rows": 100}
    return build_task(ImagesOptions(kind="images", source="digits", shift="none", corrupted=corrupted, **sizes))


@pytest.fixture(scope="module")
def splits():
    images = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    samples = Samples(images, torch.arange(40) % 10)
    held_out = HeldOut(samples, torch.arange(40) % 2 == 0)
    natural = HeldOut(Samples(images[:20], samples.targets[:20]), held_out.selects[:20])
    return Splits({"train": samples}, held_out, torch.zeros(1, 8, 8), shifted={"mnist": natural})


def test_every_set_is_the_held_out_rows_corrupted_in_their_halves(splits):
    found = with_corrupted_sets(task(zigzag=1, fog=3), splits)
    assert list(found.shifted) == ["mnist", "zigzag_1", "fog_3"]
    for name, kind, severity in (("zigzag_1", "zigzag", 1), ("fog_3", "fog", 3)):
        made, held_out = found.shifted[name], splits.held_out
        source = generator("corrupted set", kind)
        expected = corrupt(held_out.samples.inputs, kind, severity=severity, generator=source)
        assert torch.equal(made.samples.inputs, expected) and not torch.equal(expected, held_out.samples.inputs)
        assert torch.equal(made.samples.targets, held_out.samples.targets)
        assert torch.equal(made.selects, held_out.selects)
    assert torch.equal(found["test"].inputs, splits["test"].inputs)
    back = Splits.from_tensors(found.to_tensors())
    assert torch.equal(back.shifted["fog_3"].samples.inputs, found.shifted["fog_3"].samples.inputs)


def test_a_task_without_them_is_left_as_it_is(splits):
    assert with_corrupted_sets(task(), splits).shifted == splits.shifted


def test_a_task_declares_them_as_shifted_sets_with_words_of_their_own():
    (declared,) = task(zigzag=2).shifted_sets
    assert (declared.name, declared.label) == ("zigzag_2", "zigzags, severity 2")
    assert declared.condition.family == "shift"


def test_what_is_no_corruption_or_no_severity_is_refused():
    with pytest.raises(ValueError, match=r"corrupted names 'gaussian'; expected some of gaussian_blur, .*canny_edges"):
        task(gaussian=1)
    with pytest.raises(ValueError, match="less than or equal to 5"):
        task(fog=6)
