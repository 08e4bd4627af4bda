import pytest
import torch
from pydantic import ValidationError

from lowland.errors import LowlandError
from lowland.perturbation import TIME_NOISES, FeatureRanges, TimeNoiseOptions, autoregressive, draw, gaussian, pink

SCALES = torch.tensor([1.0, 10.0])
INPUTS = torch.randn(2000, 2, 32, generator=torch.Generator().manual_seed(0)) * SCALES[:, None]
RANGES = FeatureRanges.of(INPUTS, sensor_dims=(1,))
DRAW = draw(INPUTS.shape, key=("series", 0))


def noise_of(kind, level=20, **options):
    return (TIME_NOISES[kind](INPUTS, RANGES, DRAW, level=level, **options) - INPUTS) / RANGES.deviation


@pytest.mark.parametrize("kind", sorted(TIME_NOISES))
def test_noise_is_as_strong_as_stated_at_every_time(kind):
    noise = noise_of(kind)
    assert noise.std(dim=0).flatten().tolist() == pytest.approx([0.2] * 64, rel=0.08)
    assert noise.mean(dim=0).abs().max() < 0.02


def test_autoregressive_noise_forgets_geometrically():
    noise = noise_of("autoregressive", correlation=0.8)
    for lag in (1, 2, 5):
        product = (noise[..., lag:] * noise[..., :-lag]).mean() / 0.2**2
        assert float(product) == pytest.approx(0.8**lag, abs=0.02)


def test_autoregressive_noise_without_memory_is_gaussian_noise():
    memoryless = autoregressive(INPUTS, RANGES, DRAW, level=20, correlation=0)
    assert torch.allclose(memoryless, gaussian(INPUTS, RANGES, DRAW, level=20), atol=1e-5)


@pytest.mark.parametrize("length", [32, 31])
def test_the_power_of_pink_noise_falls_as_one_over_the_frequency(length):
    zeros = torch.zeros(4000, 1, length)
    ones = FeatureRanges(*(torch.ones(1, 1) for _ in range(4)))
    noise = pink(zeros, ones, draw(zeros.shape, key=("pink",)), level=100)
    power = torch.fft.rfft(noise, dim=-1).abs().square().mean(dim=(0, 1))[1:16]
    product = power * torch.arange(1, 16)
    assert (product / product.mean()).tolist() == pytest.approx([1.0] * 15, abs=0.1)
    assert float(noise.square().mean()) == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize("kind", sorted(TIME_NOISES))
def test_time_may_come_before_the_sensors(kind):
    swapped = FeatureRanges.of(INPUTS.transpose(1, 2), sensor_dims=(2,))
    numbers = type(DRAW)(*(tensor.transpose(1, 2) for tensor in DRAW))
    noisy = TIME_NOISES[kind](INPUTS.transpose(1, 2), swapped, numbers, level=20, time_dim=1)
    assert torch.allclose(noisy.transpose(1, 2), TIME_NOISES[kind](INPUTS, RANGES, DRAW, level=20), atol=1e-4)


@pytest.mark.parametrize("kind", sorted(TIME_NOISES))
def test_levels_scale_the_same_noise_and_zero_changes_nothing(kind):
    assert torch.allclose(10 * noise_of(kind, 5), noise_of(kind, 50), atol=1e-4)
    assert torch.equal(TIME_NOISES[kind](INPUTS, RANGES, DRAW, level=0), INPUTS)
    assert torch.equal(DRAW.normal, draw(INPUTS.shape, key=("series", 0)).normal)


@pytest.mark.parametrize("kind", sorted(TIME_NOISES))
@pytest.mark.parametrize("shape, time_dim", [((5, 16), -1), ((5, 1, 4, 4), -1), ((5, 3, 4), 0)])
def test_inputs_without_a_time_axis_are_refused(kind, shape, time_dim):
    inputs = torch.zeros(shape)
    with pytest.raises(LowlandError, match="time-correlated noise asked of inputs of shape"):
        TIME_NOISES[kind](inputs, FeatureRanges.of(inputs), draw(inputs.shape, key=("k",)), level=5, time_dim=time_dim)


def test_nonsense_is_refused():
    with pytest.raises(LowlandError, match="correlation is 1; expected at least 0 and below 1"):
        autoregressive(INPUTS, RANGES, DRAW, level=5, correlation=1)
    with pytest.raises(LowlandError, match="noise level is -1"):
        pink(INPUTS, RANGES, DRAW, level=-1)
    with pytest.raises(ValidationError, match="kinds names an entry twice"):
        TimeNoiseOptions(kinds=("pink", "pink"))
    assert set(TimeNoiseOptions().kinds) == set(TIME_NOISES)
