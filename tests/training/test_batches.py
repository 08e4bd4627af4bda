import torch
from torch import nn

from lowland.training.batches import batches, normalises_batches


def test_a_last_row_joins_the_batch_before_it_where_rows_are_normalised_together():
    order = torch.randperm(65)
    parts = batches(order, 32, no_single=True)
    assert [len(part) for part in parts] == [32, 33] and torch.equal(torch.cat(parts), order)


def test_everything_else_is_split_as_torch_splits():
    for rows, size, no_single in ((65, 32, False), (66, 32, True), (64, 32, True), (1, 32, True), (5, 9, True)):
        order = torch.randperm(rows)
        expected = order.split(size)
        found = batches(order, size, no_single=no_single)
        assert len(found) == len(expected) and all(map(torch.equal, found, expected))


def test_batch_norm_normalises_batches_and_layer_norm_does_not():
    assert normalises_batches(nn.Sequential(nn.Sequential(nn.BatchNorm2d(3))))
    assert not normalises_batches(nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2)))
