import pytest
import torch

from lowland.errors import LowlandError
from lowland.tasks.shifted_classes import check_shifted_classes
from lowland.tasks.splits import HeldOut, Samples, Splits


def splits_with(**labels):
    def held_out(targets):
        rows = torch.tensor(targets)
        return HeldOut(Samples(torch.zeros(len(rows), 2), rows), torch.arange(len(rows)) % 2 == 0)

    nominal = held_out([0, 1, 2, 0, 1, 2])
    return Splits(
        {"train": nominal.samples}, nominal, zero=torch.zeros(2), shifted={n: held_out(t) for n, t in labels.items()}
    )


def test_a_set_may_have_fewer_classes():
    check_shifted_classes(splits_with(all=[0, 1, 2, 1], some=[0, 0, 1, 1]), num_classes=3)


@pytest.mark.parametrize(
    "labels, shown",
    [([0, 3, 1, 7], "3, 7"), ([-1, 0, 1, 2], "-1"), (list(range(10)), "3, 4, 5, 6, 7 and more")],
)
def test_other_classes_are_refused_by_name(labels, shown):
    message = f"shifted set 'elsewhere' has the labels {shown}; expected 0 to 2, the classes of its task"
    with pytest.raises(LowlandError, match=message):
        check_shifted_classes(splits_with(fine=[0, 1, 2, 2], elsewhere=labels), num_classes=3)
