"""What an error-correcting memory leaves of a bit error rate: SECDED words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.faults.flip_sets import check_rate

Detected = Literal["kept", "zeroed"]


@dataclass(frozen=True)
class SecdedRates:
    """What is wrong after decoding words in which every bit flips independently.

    Attributes:
        silent: Probability that a data bit is wrong and nothing shows it: three flips and more, miscorrected or unseen.
        flagged_wrong: Probability that a data bit is wrong in a word whose error is detected and not corrected.
        flagged: Probability that a word's error is detected and not corrected: mostly two flips.
        check_bits: Bits that each word stores besides its data.
    """

    silent: float
    flagged_wrong: float
    flagged: float
    check_bits: int


def secded_check_bits(data_bits: int) -> int:
    """Bits that an extended Hamming code adds: the least r with 2^r >= data_bits + r + 1, and one for parity.

    Args:
        data_bits: 1 or more.

    Raises:
        LowlandError: Fewer.
    """
    if data_bits < 1:
        raise LowlandError(f"data_bits is {data_bits}; expected at least 1")
    check = 2
    while 2**check < data_bits + check + 1:
        check += 1
    return check + 1


def secded_columns(data_bits: int) -> Tensor:
    """Syndromes of the bits of a word, int64 [data_bits + check bits]: data, checks, and 0 for the parity bit.

    Hamming's arrangement: positions counted from 1, checks at the powers of two; the position is the syndrome.

    Args:
        data_bits: 1 or more.
    """
    check = secded_check_bits(data_bits) - 1
    powers = [2**k for k in range(check)]
    data = [position for position in range(1, data_bits + check + 1) if position not in powers]
    return torch.tensor([*data, *powers, 0])


def secded_rates(bit_error_rate: float, *, data_bits: int) -> SecdedRates:
    r"""Exact error rates of words behind a single-error-correcting, double-error-detecting code.

    The decoder sees the syndrome and the overall parity. Parity odd: it flips the bit whose syndrome it is (the one
    that flipped, if it was one; another one after three), and flags the word where no bit has it. Parity even: it flags
    every syndrome but 0. The distribution of (syndrome, parity) over all 2^N flip patterns of the N bits is built bit
    by bit from positive terms, so it is exact to rounding even at rates of 1e-12. To first order a data bit is wrong
    with probability :math:`(N - 1) p^2`, all of it flagged, and silently with one of order :math:`p^3`.

    Args:
        bit_error_rate: p of each stored bit, check bits too, 0 to 1, flips independent.
        data_bits: Data bits of a word, 1 to 256.

    Returns:
        Rates per data bit, the mean over the places in the word.

    Raises:
        LowlandError: A rate outside 0 to 1 or too few or many data bits.

    Source:
        Hamming, "Error detecting and error correcting codes", Bell System Technical Journal 29 (1950).
    """
    check_rate(bit_error_rate, name="bit_error_rate")
    if not 1 <= data_bits <= 256:
        raise LowlandError(f"data_bits is {data_bits}; expected 1 to 256")
    columns, check = secded_columns(data_bits), secded_check_bits(data_bits)
    syndromes = 2 ** (check - 1)
    correctable = torch.zeros(syndromes, dtype=torch.bool)
    correctable[columns] = True
    # For each data bit, what all other bits make: [data bits, parity, syndrome].
    others = torch.zeros(data_bits, 2, syndromes, dtype=torch.float64)
    others[:, 0, 0] = 1
    own = torch.arange(data_bits)
    reach = torch.arange(syndromes)
    for index, column in enumerate(columns):
        flipped = others.flip(1)[:, :, reach ^ column]
        after = torch.lerp(others, flipped, bit_error_rate)
        if index < data_bits:
            after[index] = others[index]
        others = after
    mine = columns[:data_bits]
    with_own = others.flip(1)[own[:, None, None], torch.arange(2)[:, None], (reach ^ mine[:, None])[:, None]]
    # Where another bit's syndrome shows; subtracting the own one from all would leave nothing but rounding.
    elsewhere = correctable & (reach != mine[:, None])
    wrongly_kept = with_own[:, 0, 0] + (with_own[:, 1] * elsewhere).sum(1)
    miscorrected = others[own, 1, mine]
    silent = bit_error_rate * wrongly_kept + (1 - bit_error_rate) * miscorrected
    marked = with_own[:, 0, 1:].sum(1) + with_own[:, 1, ~correctable].sum(1)
    word = torch.lerp(others[0], with_own[0], bit_error_rate)
    flagged = word[0, 1:].sum() + word[1, ~correctable].sum()
    return SecdedRates(float(silent.mean()), float(bit_error_rate * marked.mean()), float(flagged), check)


def secded_residual_rate(
    bit_error_rate: float, *, data_bits: int, detected: Detected = "kept", ones_share: float = 0.5
) -> float:
    """Bit error rate of data behind SECDED, to be used as the rate of random flips.

    Args:
        bit_error_rate: Of each stored bit, 0 to 1.
        data_bits: Data bits of a word.
        detected: What happens to words whose errors are detected only: ``kept`` as they are, or ``zeroed``, whereby
            their ones become wrong (such errors come a word at a time; flips at this rate stand for their number only).
        ones_share: Share of ones among the data bits, 0 to 1, for ``zeroed``.

    Raises:
        LowlandError: A rate or share outside 0 to 1, or another policy.
    """
    rates = secded_rates(bit_error_rate, data_bits=data_bits)
    check_rate(ones_share, name="ones_share")
    if detected not in get_args(Detected):
        raise LowlandError(f"detected is {detected!r}; expected one of {', '.join(get_args(Detected))}")
    return rates.silent + (rates.flagged_wrong if detected == "kept" else ones_share * rates.flagged)
