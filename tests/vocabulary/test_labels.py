"""What conditions and their levels are called."""

import pytest

from lowland.vocabulary.labels import condition_label, level_text, level_title, number_text, power_text
from lowland.vocabulary.measures import MEASURES


@pytest.mark.parametrize(
    ("condition", "target", "label"),
    [
        ("gaussian", "", "Gaussian noise"),
        ("flips", "", "bit flips, fixed number"),
        ("flips", "float32", "bit flips in float32 words, fixed number"),
        ("bit_error_rate", "scales", "bit errors in scales, fixed rate"),
        ("bit_error_rate", "float32_weights", "bit errors in float32 words of weights, fixed rate"),
        ("flips", "0.conv", "bit flips in 0.conv, fixed number"),
        ("stuck_at_1", "", "stuck-at-1 bits, fixed number"),
        ("upset_rate", "", "multi-bit upsets, fixed rate"),
        ("transient_bit_error_rate", "activations", "bit errors in activations, fixed rate"),
        ("motion_blur", "", "motion blur"),
        ("ranked_flips", "weights", "bit flips of the weights' worst-ranked bits, fixed number"),
        ("somebody_elses", "", "somebody elses"),
    ],
)
def test_labels(condition, target, label):
    assert condition_label(condition, target) == label


@pytest.mark.parametrize(
    ("condition", "level", "text", "title"),
    [
        ("uniform", 5.0, "5 %", "uniform noise, per cent"),
        ("requantization", 1.0, "1 bit", "coarser ADC, ADC bits"),
        ("translation", 3.0, "severity 3", "displaced images, severity, 1 to 5"),
        ("pgd_l2", 0.05, "0.05 σ", "iterated attack (PGD, L2), radius in training standard deviations"),
        ("flips", 1.0, "1 flip", "bits flipped, of the bits of weights and biases"),
        ("upsets", 5.0, "5 upsets", "number of upsets"),
        ("ranked_flips", 5.0, "5 flips", "bits of weights flipped, the worst-ranked first"),
        (
            "bit_error_rate",
            1e-4,
            "rate 10⁻⁴",
            "bit error rate (probability that a bit of weights and biases is flipped)",
        ),
    ],
)
def test_levels_have_units(condition, level, text, title):
    assert level_text(condition, level) == text
    assert level_title(condition) == title


def test_axes_of_flips_say_which_bits_are_hit():
    assert level_title("flips", "weights") == "bits flipped, of the bits of weights"
    assert level_title("flips", "float32") == "bits flipped, of the bits of weights and biases"
    assert level_title("flips", "0.conv") == "bits flipped, of the bits of 0.conv"
    assert level_title("bit_error_rate", "0.conv") == "bit error rate (probability that a bit of 0.conv is flipped)"


def test_size_counts_all_that_is_kept():
    meaning = MEASURES["size"].meaning
    assert meaning == "Bits that store weights, biases, tables and whatever else the network keeps."


def test_numbers():
    assert [number_text(v) for v in (12345.0, 123.4, 12.34, 1.234, 0.012, 0.0012)] == [
        "12,345",
        "123",
        "12.3",
        "1.2",
        "0.012",
        "1.2·10⁻³",
    ]
    assert [power_text(v) for v in (0.1, 2e-5, 3.0)] == ["10⁻¹", "2·10⁻⁵", "3"]
