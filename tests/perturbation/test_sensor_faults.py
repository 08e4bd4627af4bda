import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lowland.errors import LowlandError
from lowland.perturbation import (
    SENSOR_FAULTS,
    FeatureRanges,
    SensorFaultOptions,
    dead_channels,
    draw_sensors,
    gain_drift,
    offset_drift,
    requantization,
    saturation,
)
from lowland.vocabulary.conditions import CONDITIONS

TRAINING = torch.randn(300, 20, generator=torch.Generator().manual_seed(0)) * torch.linspace(0.1, 5, 20) + 2
RANGES = FeatureRanges.of(TRAINING)
INPUTS = TRAINING[:50]
DRAW = draw_sensors(INPUTS.shape, key=("toy", 0))


def dead(level, sensors=DRAW):
    return (dead_channels(INPUTS, RANGES, sensors, level=level) != INPUTS).all(dim=0)


@pytest.mark.parametrize("level, count", [(0, 0), (0.1, 1), (5, 1), (7, 1), (7.5, 2), (50, 10), (100, 20)])
def test_dead_channels_are_counted_as_stated(level, count):
    assert int(dead(level).sum()) == count


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 100), st.floats(0, 100))
def test_dead_sets_nest(first, second):
    low, high = sorted((first, second))
    assert not (dead(low) & ~dead(high)).any()


@pytest.mark.parametrize(
    "stuck_at, constant",
    [("mean", RANGES.mean), ("zero", torch.zeros(20)), ("minimum", RANGES.minimum), ("maximum", RANGES.maximum)],
)
def test_dead_channels_stick_where_they_are_told(stuck_at, constant):
    stuck = dead_channels(INPUTS, RANGES, DRAW, level=30, stuck_at=stuck_at)
    gone = dead(30)
    assert torch.equal(stuck[:, gone], constant[gone].expand(50, -1))
    assert torch.equal(stuck[:, ~gone], INPUTS[:, ~gone])


def test_drifts_are_alike_in_all_rows_and_scale_with_the_level():
    gains = gain_drift(INPUTS, RANGES, DRAW, level=10) / INPUTS
    assert torch.allclose(gains, gains[:1].expand_as(gains), atol=1e-5)
    assert torch.allclose(gains[0] - 1, 0.1 * DRAW.normal[0], atol=1e-5)
    weak, strong = (offset_drift(INPUTS, RANGES, DRAW, level=level) - INPUTS for level in (5, 50))
    assert torch.allclose(10 * weak, strong, atol=1e-4)
    assert torch.allclose(strong, (0.5 * RANGES.deviation * DRAW.normal).expand_as(strong), atol=1e-5)


def test_drifts_have_the_stated_strength():
    shape = torch.Size((1, 4000))
    ones = FeatureRanges(*(torch.full((4000,), value) for value in (2.0, -1.0, 1.0, 0.0)))
    many = draw_sensors(shape, key=("many",))
    assert float(gain_drift(torch.ones(shape), ones, many, level=20).std()) == pytest.approx(0.2, rel=0.05)
    assert float(offset_drift(torch.ones(shape), ones, many, level=20).std()) == pytest.approx(0.4, rel=0.05)


def test_gains_act_about_the_sensors_zero_and_never_turn_a_sign():
    zero = -RANGES.mean / RANGES.deviation
    drifted = gain_drift(zero.expand(3, -1), RANGES, DRAW, level=50, zero=zero)
    assert torch.allclose(drifted, zero.expand(3, -1))
    assert (gain_drift(INPUTS.abs(), RANGES, DRAW, level=1000) >= 0).all()


def test_saturation_shrinks_the_range_about_its_middle():
    assert torch.equal(saturation(INPUTS, RANGES, level=0), INPUTS)
    half = saturation(TRAINING, RANGES, level=50)
    middle, width = (RANGES.maximum + RANGES.minimum) / 2, RANGES.maximum - RANGES.minimum
    assert torch.allclose(half.amax(dim=0), middle + width / 4, atol=1e-5)
    assert torch.allclose(half.amin(dim=0), middle - width / 4, atol=1e-5)
    inside = (TRAINING - middle).abs() < width / 4
    assert torch.equal(half[inside], TRAINING[inside])
    assert torch.allclose(saturation(TRAINING, RANGES, level=100), middle.expand_as(TRAINING), atol=1e-5)


def test_what_broken_sensors_show_is_no_range_of_those_that_work():
    charges = 1.9 * torch.rand(200, 3, generator=torch.Generator().manual_seed(0))
    own = FeatureRanges.of(charges, extremes=(0.0, 1.0))
    assert torch.equal(saturation(charges, own, level=0), charges)
    assert (requantization(charges, own, level=24) - charges).abs().max() < 1e-6
    draw = draw_sensors(charges.shape, key=("stuck",))
    assert (dead_channels(charges, own, draw, level=100, stuck_at="maximum") == 1).all()
    assert (dead_channels(charges, own, draw, level=100, stuck_at="minimum") == 0).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 24))
def test_an_adc_has_two_to_the_bits_codes_from_end_to_end(bits):
    values = torch.cat([TRAINING, 100 * TRAINING])
    read = requantization(values, RANGES, level=bits)
    step = (RANGES.maximum - RANGES.minimum).double() / (2**bits - 1)
    inside = values.maximum(RANGES.minimum).minimum(RANGES.maximum)
    assert ((read.double() - inside).abs() <= step / 2 * (1 + 1e-6) + 1e-5).all()
    assert torch.allclose(read.amin(dim=0), RANGES.minimum) and torch.allclose(read.amax(dim=0), RANGES.maximum)
    if bits <= 5:
        assert all(len(column.unique()) <= 2**bits for column in read.T)


def test_a_feature_without_range_reads_as_its_minimum():
    flat = FeatureRanges.of(torch.full((5, 1), 3.0))
    assert requantization(torch.tensor([[1.0], [7.0]]), flat, level=4).tolist() == [[3.0], [3.0]]


def test_sensors_may_be_pixels_channels_or_a_later_dimension():
    images = torch.rand(6, 2, 3, 4) + 1
    for dims, count in (((1,), 2), ((1, 2, 3), 24), ((2,), 3)):
        ranges = FeatureRanges.of(images, sensor_dims=dims)
        sensors = draw_sensors(images.shape, key=("pixels",), sensor_dims=dims)
        assert sensors.normal.numel() == count
        stuck = dead_channels(images, ranges, sensors, level=50, stuck_at="zero")
        assert float((stuck == 0).double().mean()) == pytest.approx((count + 1) // 2 / count)
        for fault in SENSOR_FAULTS.values():
            assert fault(images, ranges, sensors, level=3).shape == images.shape


@pytest.mark.parametrize("kind", sorted(SENSOR_FAULTS))
def test_draws_are_keyed_whatever_the_number_of_rows(kind):
    fault = SENSOR_FAULTS[kind]
    again = draw_sensors(INPUTS[:7].shape, key=("toy", 0))
    other = draw_sensors(INPUTS.shape, key=("toy", 1))
    first = fault(INPUTS, RANGES, DRAW, level=4)
    assert first.dtype == INPUTS.dtype
    assert torch.equal(fault(INPUTS[:7], RANGES, again, level=4), first[:7])
    assert torch.equal(fault(INPUTS, RANGES, other, level=4), first) != CONDITIONS[kind].random
    if kind != "requantization":
        assert torch.equal(fault(INPUTS, RANGES, DRAW, level=0), INPUTS)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: dead_channels(INPUTS, RANGES, DRAW, level=101), "dead_channels level is 101; expected per cent, 0 to"),
        (
            lambda: dead_channels(INPUTS, RANGES, DRAW, level=5, stuck_at="top"),
            "stuck_at is 'top'; expected one of",
        ),
        (lambda: gain_drift(INPUTS, RANGES, DRAW, level=-1), "gain_drift level is -1; expected per cent, at least 0"),
        (lambda: offset_drift(INPUTS, RANGES, DRAW, level=float("nan")), "offset_drift level is nan"),
        (lambda: saturation(INPUTS, RANGES, level=200), "saturation level is 200; expected per cent, 0 to 100"),
        (lambda: requantization(INPUTS, RANGES, level=0), "requantization level is 0; expected whole bits, 1 to 24"),
        (lambda: requantization(INPUTS, RANGES, level=3.5), "expected whole bits"),
        (
            lambda: draw_sensors(INPUTS.shape, key=("k",), sensor_dims=(2,)),
            r"sensor_dims is \(2,\) for inputs of",
        ),
        (lambda: draw_sensors(INPUTS.shape, key=("k",), sensor_dims=(0,)), "expected dimensions from 1"),
    ],
)
def test_nonsense_is_refused(call, message):
    with pytest.raises(LowlandError, match=message):
        call()


def test_options_cover_every_fault_and_refuse_impossible_levels():
    options = SensorFaultOptions(levels=dict.fromkeys(SENSOR_FAULTS, (5,)), draws=2)
    assert list(options.levels) == list(SENSOR_FAULTS) and SensorFaultOptions(**options.model_dump()) == options
    for levels, message in (
        ({"requantization": (2.5,)}, "expected whole bits"),
        ({"saturation": (120,)}, "expected per cent, 0 to 100"),
        ({"gain_drift": (5, 5)}, "name an entry twice"),
        ({"broken": (5,)}, "broken"),
    ):
        with pytest.raises(ValidationError, match=message):
            SensorFaultOptions(levels=levels, draws=2)


@pytest.mark.parametrize("nothing", ["none", None, []])
def test_a_fault_can_be_switched_off_alone_and_all_keep_their_own_order(nothing):
    levels = {"saturation": [10], "gain_drift": nothing, "dead_at_zero": [5]}
    assert SensorFaultOptions(levels=levels, draws=2).levels == {"dead_at_zero": (5,), "saturation": (10,)}
    assert list(SensorFaultOptions(levels=levels, draws=2).levels) == ["dead_at_zero", "saturation"]
    assert SensorFaultOptions(levels=nothing, draws=2).levels == {}
