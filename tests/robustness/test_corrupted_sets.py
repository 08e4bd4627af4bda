"""Corrupted sets are the held-out images in their order, spoiled once for all networks."""

from dataclasses import replace

import pytest
import torch

from lowland.coding.tokens import FIRST_WORD, PADDING, UNKNOWN
from lowland.errors import LowlandError
from lowland.perturbation import corrupt
from lowland.randomness import generator
from lowland.robustness.corrupted_sets import with_corrupted_sets
from lowland.tasks import HeldOut, Samples, Splits, build_task
from lowland.tasks.images.options import ImagesOptions
from lowland.tasks.text import SentimentOptions


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


def texts(**corrupted):
    sizes = {"train_rows": 120, "validation_rows": 24, "landscape_rows": 24, "test_rows": 60}
    return build_task(SentimentOptions(kind="sentiment", path=".", corrupted=corrupted, **sizes))


@pytest.fixture(scope="module")
def tokens():
    words = torch.randint(FIRST_WORD, FIRST_WORD + 3, (40, 6), generator=torch.Generator().manual_seed(1))
    samples = Samples(words.index_fill(1, torch.tensor([5]), PADDING), torch.arange(40) % 2)
    held_out = HeldOut(samples, torch.arange(40) % 2 == 0)
    facts = {"preprocessing": {"vocabulary": ["good", "goods", "bad"]}}
    return Splits({"train": samples}, held_out, torch.zeros(6, dtype=torch.int64), facts=facts)


def test_sets_of_texts_are_the_held_out_texts_with_so_many_words_spoiled(tokens):
    found = with_corrupted_sets(texts(unknown_words=30, typing_errors=100, truncation=50), tokens).shifted
    assert list(found) == ["unknown_words_30", "typing_errors_100", "truncation_50"]
    before = tokens.held_out.samples.inputs
    for made in found.values():
        assert torch.equal(made.samples.targets, tokens.held_out.samples.targets)
        assert torch.equal(made.selects, tokens.held_out.selects)
        assert torch.equal(made.samples.inputs == PADDING, before == PADDING) or made is found["truncation_50"]
    unknown = found["unknown_words_30"].samples.inputs
    assert ((unknown == before) | (unknown == UNKNOWN)).all() and 0.2 < (unknown != before).sum() / 200 < 0.4
    assert (found["typing_errors_100"].samples.inputs != before)[:, :5].float().mean() > 0.8
    assert ((found["truncation_50"].samples.inputs != PADDING).sum(1) == 3).all()
    milder = with_corrupted_sets(texts(unknown_words=10), tokens).shifted["unknown_words_10"].samples.inputs
    assert (unknown[milder == UNKNOWN] == UNKNOWN).all(), "what is hit at one level is hit at every higher one"


def test_typing_errors_need_the_vocabulary_before_anything_is_trained(tokens):
    without = replace(tokens, facts={})
    with pytest.raises(LowlandError, match="records no vocabulary"):
        with_corrupted_sets(texts(typing_errors=20), without)
    assert list(with_corrupted_sets(texts(truncation=20), without).shifted) == ["truncation_20"]


def test_texts_declare_their_sets_in_per_cent_and_refuse_corruptions_of_images():
    declared = texts(typing_errors=20).shifted_sets[-1]
    assert (declared.name, declared.label) == ("typing_errors_20", "typing errors, 20 %")
    with pytest.raises(
        ValueError, match=r"corrupted names 'fog'; expected some of unknown_words, .* per cent of the words"
    ):
        texts(fog=20)
