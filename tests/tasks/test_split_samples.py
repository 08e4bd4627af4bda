import numpy as np
import pytest
import torch

from lowland.errors import LowlandError
from lowland.tasks import Samples, Splits, split_samples

SIZES = {"train": 60, "validation": 20, "landscape": 20, "test": 40}


def made(count=200, *, classes=True):
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(count, 2, 5, generator=draw)
    targets = torch.arange(count) % 4 if classes else torch.randn(count, 1, generator=draw)
    return Samples(inputs, targets)


def rows_of(samples):
    return {row.tobytes() for row in samples.inputs.numpy()}


@pytest.mark.parametrize("classes", [True, False])
def test_sets_are_disjoint_have_their_sizes_and_are_the_same_again(classes):
    samples = made(classes=classes)
    splits = split_samples(samples, SIZES, key=("mine",), facts={"a": 1})
    assert isinstance(splits, Splits) and splits.facts == {"a": 1} and torch.equal(splits.zero, torch.zeros(2, 5))
    sets = {name: rows_of(splits[name]) for name in splits}
    assert list(sets) == ["train", "validation", "landscape", "selection", "test"]
    assert [len(rows) for rows in sets.values()] == [60, 20, 20, 20, 20]
    assert len(set().union(*sets.values())) == 140
    again = split_samples(samples, SIZES, key=("mine",)).to_tensors()
    assert all(torch.equal(tensor, again[name]) for name, tensor in splits.to_tensors().items())
    other = split_samples(samples, SIZES, key=("another",))
    assert rows_of(other["train"]) != sets["train"]


def test_every_class_has_its_share_of_every_set_with_its_own_targets():
    samples = made()
    splits = split_samples(samples, SIZES, key=("mine",))
    for name in splits:
        assert splits[name].targets.bincount().tolist() == [len(splits[name].targets) // 4] * 4
    known = {row.tobytes(): int(target) for row, target in zip(samples.inputs.numpy(), samples.targets, strict=True)}
    assert [known[row.tobytes()] for row in splits["test"].inputs.numpy()] == splits["test"].targets.tolist()


def test_neither_copies_nor_groups_are_divided():
    samples = made()
    doubled = Samples(samples.inputs.repeat(2, 1, 1), samples.targets.repeat(2))
    splits = split_samples(doubled, {name: 2 * size for name, size in SIZES.items()}, key=("mine",))
    assert not rows_of(splits["train"]) & rows_of(splits.held_out.samples)
    groups = np.arange(200) // 10
    marked = Samples(torch.from_numpy(groups + 0.001 * np.arange(200))[:, None].float(), samples.targets)
    grouped = split_samples(marked, SIZES, key=("mine",), groups=groups)
    parts = [*grouped.sets.values(), grouped.held_out.samples]
    met = [set(part.inputs.floor().flatten().tolist()) for part in parts]
    assert sum(map(len, met)) == len(set().union(*met)) > len(parts)


def test_rows_for_thresholds_are_what_is_left():
    splits = split_samples(made(), SIZES | {"threshold": 100}, key=("mine",))
    before = split_samples(made(), SIZES, key=("mine",)).to_tensors()
    assert all(torch.equal(splits.to_tensors()[name], tensor) for name, tensor in before.items())
    assert len(rows_of(splits["threshold"])) == 60
    assert not rows_of(splits["threshold"]) & rows_of(splits.held_out.samples)
    with pytest.raises(LowlandError, match="leave 0 for threshold_rows; at least 2 are needed"):
        split_samples(made(140), SIZES | {"threshold": 100}, key=("mine",))


def test_shifted_sets_are_halved():
    shifted = made(30)
    splits = split_samples(made(), SIZES, key=("mine",), shifted={"later": shifted})
    assert splits.shifted["later"].selects.sum() == 15
    assert torch.equal(splits.shifted["later"].samples.inputs, shifted.inputs)


def test_too_few_samples_are_told():
    with pytest.raises(LowlandError, match="12 samples leave 0 for validation_rows; at least 2 are needed"):
        split_samples(made(12, classes=False), SIZES | {"validation": 10}, key=("mine",))
