import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lowland.errors import LowlandError
from lowland.randomness import generator
from lowland.tasks.label_shift import kept_under_label_shift, rows_under_label_shift, shifted_priors
from lowland.tasks.splits import HeldOut, Samples


def balanced(classes=5, each=400):
    return torch.arange(classes).repeat(each)


@given(classes=st.integers(1, 30), ratio=st.floats(1, 1000))
def test_shares_fall_by_equal_factors(classes, ratio):
    shares = shifted_priors(classes, ratio)
    assert float(shares.sum()) == pytest.approx(1)
    if classes > 1:
        assert float(shares[0] / shares[-1]) == pytest.approx(ratio)
        steps = shares[:-1] / shares[1:]
        assert torch.allclose(steps, steps[0].expand(len(steps)))


@settings(deadline=None)
@given(classes=st.integers(2, 6), each=st.integers(20, 60), ratio=st.floats(1, 15), seed=st.integers(0, 99))
def test_rows_have_the_shares_and_none_is_taken_twice(classes, each, ratio, seed):
    targets = balanced(classes, each)
    rows = rows_under_label_shift(targets, ratio, generator=generator(seed))
    assert torch.equal(rows, rows.unique())
    counts = targets[rows].bincount(minlength=classes).sort(descending=True).values
    assert int(counts[0]) == each  # as many as there are
    expected = each * shifted_priors(classes, ratio) / shifted_priors(classes, ratio)[0]
    assert ((counts - expected).abs() <= 0.5 + 1e-9).all()


def test_a_ratio_of_one_balances_what_was_not_balanced():
    targets = torch.cat([torch.zeros(70), torch.ones(30), torch.full((50,), 4)]).long()
    rows = rows_under_label_shift(targets, 1, generator=generator("even"))
    assert targets[rows].bincount().tolist() == [30, 30, 0, 0, 30]


def test_rows_and_which_class_is_rare_are_keyed():
    targets = balanced()
    first, again = (rows_under_label_shift(targets, 10, generator=generator("draw", 0)) for _ in range(2))
    assert torch.equal(first, again)
    rarest = {
        int(targets[rows_under_label_shift(targets, 10, generator=generator("draw", number))].bincount().argmin())
        for number in range(20)
    }
    assert len(rarest) > 2


def test_both_halves_lose_the_same_classes():
    targets = balanced()
    held_out = HeldOut(Samples(torch.arange(len(targets)).float(), targets), torch.arange(len(targets)) // 5 % 2 == 0)
    kept = kept_under_label_shift(held_out, 8, generator=generator("halves"))
    counts = [targets[mask & kept].bincount(minlength=5) for mask in held_out.halves.values()]
    assert torch.equal(*counts) and int(counts[0].max()) == 200 and int(counts[0].min()) == 25


def predicted(scores, targets, shares):
    """The mean score if the classes had these shares: that of every class, weighted."""
    return sum(float(share) * float(scores[targets == number].double().mean()) for number, share in enumerate(shares))


def test_the_score_under_label_shift_follows_from_those_of_the_classes():
    targets = balanced()
    always = (targets % 2 == 0).float()  # classes that are always right, and others that never are
    rows = rows_under_label_shift(targets, 10, generator=generator("exact"))
    shares = targets[rows].bincount(minlength=5).double() / len(rows)
    assert float(always[rows].double().mean()) == pytest.approx(predicted(always, targets, shares), abs=1e-12)


def test_the_mean_of_resampled_rows_is_that_of_their_classes_weighted():
    targets = balanced()
    scores = (torch.rand(len(targets), generator=generator("scores")) < 0.5 + 0.1 * targets).float()
    apart = []
    for number in range(100):
        rows = rows_under_label_shift(targets, 6, generator=generator("many", number))
        shares = targets[rows].bincount(minlength=5).double() / len(rows)
        exact = predicted(scores[rows], targets[rows], shares)
        assert float(scores[rows].double().mean()) == pytest.approx(exact, abs=1e-12)
        apart.append(float(scores[rows].mean()) - predicted(scores, targets, shares))
    spread = torch.tensor(apart)
    assert abs(float(spread.mean())) < 3 * float(spread.std()) / 10


@pytest.mark.parametrize(
    "ratio, message",
    [
        (0.5, "ratio is 0.5; expected a number of at least 1"),
        (float("nan"), "ratio is nan; expected a number"),
        (1000, "ratio is 1000, with classes of 40 rows and more the rarest class would have none"),
    ],
)
def test_impossible_ratios_are_refused(ratio, message):
    with pytest.raises(LowlandError, match=message):
        rows_under_label_shift(balanced(each=40), ratio, generator=generator("no"))
