import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lowland.randomness import generator
from lowland.retraining import added_rows


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 60), st.floats(0, 1), st.integers(1, 70), st.integers(0, 1000))
def test_both_arms_add_as_many_rows_of_the_pool_each_once(rows, share, most, key):
    differ = torch.rand(rows, generator=generator("differ", key)) < share
    added = added_rows(differ, most=most, key=("task", key))
    assert differ[added["disagreements"]].all()
    for chosen in added.values():
        assert len(chosen) == min(int(differ.sum()), most)
        assert chosen.tolist() == sorted(set(chosen.tolist()))
        assert not len(chosen) or 0 <= int(chosen.min()) <= int(chosen.max()) < rows
    again = added_rows(differ, most=most, key=("task", key))
    assert all(torch.equal(again[arm], chosen) for arm, chosen in added.items())


def test_random_rows_of_equal_keys_are_nested_whatever_disagrees():
    few, many = torch.zeros(200, dtype=torch.bool), torch.zeros(200, dtype=torch.bool)
    few[:10], many[100:150] = True, True
    small, large = (set(added_rows(each, most=99, key=("a",))["random"].tolist()) for each in (few, many))
    other = set(added_rows(few, most=99, key=("b",))["random"].tolist())
    assert small < large and len(small) == 10 and len(large) == 50 and small != other


def test_of_too_many_disagreements_some_are_drawn_over_all_of_them():
    added = added_rows(torch.ones(1000, dtype=torch.bool), most=100, key=("a",))
    assert len(added["disagreements"]) == 100
    assert 300 < added["disagreements"].double().mean() < 700
