import numpy as np
import pytest
import torch

from lowland.tasks import HeldOut, Samples, Splits, halved


def rows(count):
    return Samples(torch.arange(count).float()[:, None], torch.arange(count))


def numbers(part):
    return part.targets.tolist()


def test_halves_are_disjoint_equal_and_in_the_order_of_the_rows():
    held_out = halved(rows(41), key=("toy",))
    parts = [numbers(held_out.half(name)) for name in ("selection", "test")]
    assert [len(part) for part in parts] == [20, 21] and sorted(parts[0] + parts[1]) == list(range(41))
    assert all(part == sorted(part) for part in parts)


def test_equal_keys_halve_in_the_same_way_and_others_do_not():
    first, again, other = (halved(rows(40), key=key).selects for key in (("a", 1), ("a", 1), ("a", 2)))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_torchs_global_generator_is_left_alone():
    before = torch.random.get_rng_state()
    halved(rows(40), key=("toy",))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_every_class_is_halved():
    labels = np.repeat([0, 1, 2], [30, 11, 4])
    selects = halved(rows(45), key=("toy",), labels=labels).selects.numpy()
    counts = np.bincount(labels[selects], minlength=3)
    assert abs(2 * counts - [30, 11, 4]).max() <= 1 and selects.sum() in (22, 23)


def test_no_group_is_divided_unless_it_is_the_only_one():
    tied = np.repeat(np.arange(12), np.arange(1, 13))
    selects = halved(rows(len(tied)), key=("toy",), tied=tied + 5).selects.numpy()
    assert all(len(set(selects[tied == group])) == 1 for group in range(12))
    assert abs(2 * selects.sum() - len(tied)) <= 2
    assert halved(rows(10), key=("toy",), tied=np.zeros(10, int)).selects.sum() == 5


def test_two_groups_of_any_size_lie_in_different_halves():
    tied = np.array([0] * 30 + [1])
    assert set(halved(rows(31), key=("toy",), tied=tied, labels=tied).selects[[0, 30]].tolist()) == {True, False}


@pytest.mark.parametrize("count", [0, 1])
def test_what_has_no_two_rows_is_not_halved(count):
    with pytest.raises(ValueError, match=f"{count} samples cannot be halved; expected at least 2"):
        halved(rows(count), key=("toy",))


def test_splits_are_a_mapping_whose_halves_are_those_of_the_held_out_rows():
    held_out = halved(rows(10), key=("toy",))
    splits = Splits({"train": rows(3), "validation": rows(4)}, held_out, torch.zeros(1), {"later": held_out}, {"a": 1})
    assert list(splits) == ["train", "validation", "selection", "test"] and len(splits) == 4
    assert numbers(splits["selection"]) + numbers(splits["test"]) != list(range(10))
    assert sorted(numbers(splits["selection"]) + numbers(splits["test"])) == list(range(10))
    with pytest.raises(KeyError):
        splits["later"]
    again = Splits.from_tensors(splits.to_tensors(), splits.facts)
    assert list(again) == list(splits) and again.facts == {"a": 1}
    assert all(torch.equal(again[name].inputs, splits[name].inputs) for name in splits)
    assert torch.equal(again.shifted["later"].selects, held_out.selects)


def test_a_mask_marks_rows_in_their_order():
    held_out = HeldOut(rows(3), torch.tensor([False, True, False]))
    assert numbers(held_out.half("test")) == [0, 2] and numbers(held_out.half("selection")) == [1]
