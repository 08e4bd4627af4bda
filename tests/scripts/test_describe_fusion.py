import zlib

import numpy as np
import torch

from lowland.tasks.splits import Samples
from scripts.describe_fusion import linear_fit, png, tiled


def test_pictures_are_what_was_drawn():
    picture = np.array([[0.0, 1.0, 2.0], [0.5, -1.0, 0.2]])
    data = png(picture)
    start = data.index(b"IDAT") + 4
    lines = zlib.decompress(data[start : data.index(b"IEND") - 8])
    assert list(lines) == [0, 0, 255, 255, 0, 128, 0, 51]
    assert tiled([[picture, picture]]).shape == (2 * 4 + 4, 2 * (3 * 4 + 4))


def test_the_linear_fit_finds_what_is_linear():
    source = torch.Generator().manual_seed(0)
    frames = torch.rand(4000, 1, 3, 3, generator=source)
    modes = frames.flatten(1) @ torch.randn(9, 2, generator=source) + 5.0
    found = linear_fit(Samples(frames, modes - modes.mean(dim=0)))(frames)
    assert (found - (modes - modes.mean(dim=0))).abs().max() < 0.05
