from lowland.runs.differences import differences, told


def test_the_deepest_names_that_differ_are_told():
    before = {"training": {"epochs": 20, "batch": 8}, "seeds": {"s0": 0}, "levels": [1, 2]}
    now = {"training": {"epochs": 9, "batch": 8}, "seeds": {"s0": 0, "s1": 1}, "levels": (1, 2)}
    found = differences(before, now)
    assert [tuple(each) for each in found] == [("training.epochs", "20", "9"), ("seeds.s1", "nothing", "1")]
    assert told(found, "{name} is {now}") == "training.epochs is 9, seeds.s1 is 1"
    assert not differences(before, before)


def test_many_are_counted_and_long_values_cut():
    found = differences({}, {f"p{i}": "x" * 100 for i in range(5)})
    assert told(found, "{name}") == "p0, p1, p2 and 2 more"
    assert len(found[0].now) == 60
