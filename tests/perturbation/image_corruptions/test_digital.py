import torch

from tests.perturbation.image_corruptions.pictures import corrupted


def test_pixels_become_larger():
    coarse = corrupted("pixelate", severity=5)
    assert max(len(row.unique()) for row in coarse[:, 0].flatten(0, 1)) <= 20  # 65 % of 32 pixels


def test_a_lower_quality_loses_more():
    noise = torch.rand(20, 1, 32, 32, generator=torch.Generator().manual_seed(3))
    lost = [float((corrupted("jpeg_compression", noise, severity=s) - noise).abs().mean()) for s in range(1, 6)]
    assert lost == sorted(lost) and lost[4] > 2.5 * lost[0]
