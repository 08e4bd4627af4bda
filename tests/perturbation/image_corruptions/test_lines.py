import math

import pytest
import torch

from tests.perturbation.image_corruptions.pictures import IMAGES, corrupted

LINES = ("zigzag", "dotted_line")
BLACK = torch.zeros(60, 1, 28, 28)


@pytest.mark.parametrize("severity", range(1, 6))
def test_stripes_are_negative_and_the_middle_is_not(severity):
    images = IMAGES[..., :24]
    result = corrupted("stripe", images, severity=severity)
    edge = 2 * severity
    assert torch.equal(result[..., edge:-edge], images[..., edge:-edge])
    assert torch.equal(result[..., :edge], 1 - images[..., :edge])
    assert torch.equal(result[..., -edge:], 1 - images[..., -edge:])


def test_stripes_of_severity_3_are_the_published_ones():
    changed = (corrupted("stripe", torch.zeros(1, 1, 28, 28), severity=3)[0, 0, 0] == 1).nonzero().flatten()
    assert changed.tolist() == [*range(7), *range(21, 28)]


@pytest.mark.parametrize("kind", LINES)
def test_lines_only_brighten_and_those_of_one_severity_stay(kind):
    before = IMAGES
    for severity in range(1, 6):
        result = corrupted(kind, severity=severity)
        assert (result >= before - 1e-6).all() and (result > before + 1e-6).any()
        before = result


@pytest.mark.parametrize("kind", LINES)
def test_a_line_is_as_thick_as_published(kind):
    column = corrupted(kind, BLACK, severity=1)[:, 0, :, 14]
    drawn = column[(column > 0).any(dim=1)]
    assert len(drawn) == len(BLACK)
    assert ((drawn > 0).sum(dim=1) <= 3).all() and (drawn.argmax(dim=1).bincount(minlength=28) > 0).sum() > 10
    inside = drawn[(drawn[:, :2] == 0).all(dim=1) & (drawn[:, -2:] == 0).all(dim=1)]
    brightest, second = inside.topk(2, dim=1).values.T
    away = 2.3 * (1 - (brightest - 1).exp())  # from the pixel to the line
    assert (away <= 0.5 + 1e-5).all()
    assert torch.allclose(second, torch.log(1 - (1 - away) / 2.3) + 1, atol=1e-5)


def test_a_dotted_line_is_straight_and_has_gaps_as_wide_as_its_dashes():
    line = corrupted("dotted_line", BLACK, severity=1)[:, 0]
    drawn = line.sum(dim=1) > 0
    assert (drawn == (torch.arange(28) // 2 % 2 == 1)).all()
    inside = line[(line[:, :2].sum(dim=(1, 2)) == 0) & (line[:, -2:].sum(dim=(1, 2)) == 0)]
    centre = (inside * torch.arange(28.0)[:, None]).sum(dim=1) / inside.sum(dim=1)  # of the dashes
    assert (centre[:, 2::4] - centre[:, 3::4]).abs().max() < 1.5 and len(centre) > 30


def test_a_zigzag_goes_up_and_down_every_four_pixels():
    line = corrupted("zigzag", BLACK, severity=1)[:, 0]
    inside = line[(line[:, :2].sum(dim=(1, 2)) == 0) & (line[:, -2:].sum(dim=(1, 2)) == 0)]
    assert not inside[:, :, :2].any() and not inside[:, :, 26:].any() and len(inside) > 20
    crests = inside.argmax(dim=1)[:, 2:26].float()
    slope = (crests[:, 16] - crests[:, 0]) / 16
    waves = crests - slope[:, None] * torch.arange(24.0)
    assert (waves[:, 4::8] - waves[:, :1]).abs().max() <= 3.1
    tops, bottoms = waves[:, 2::8].mean(dim=1), waves[:, 6::8].mean(dim=1)
    assert torch.allclose((tops - bottoms).abs(), torch.tensor(4.0), atol=1.1)
    assert slope.abs().max() <= 5 / 23 + 1.5 / 16 and math.isfinite(float(slope.std()))


@pytest.mark.parametrize("kind", LINES)
def test_lines_grow_with_large_images(kind):
    small, large = (corrupted(kind, torch.zeros(40, 1, side, side), severity=2) for side in (32, 96))
    assert float(large.mean()) == pytest.approx(float(small.mean()), rel=0.15)
