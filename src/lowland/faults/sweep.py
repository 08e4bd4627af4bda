"""Networks under faults, random or ranked: every level of a study, from shared draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from torch import nn

from lowland.errors import LowlandError
from lowland.faults.bit_flips import Deployed, apply_flips, draw_flips, stored_sizes
from lowland.faults.flip_sets import FlipDraw, Flips
from lowland.faults.float_flips import apply_float_flips, draw_float_flips
from lowland.faults.options import FAULT_CONDITIONS, Fault, MemoryFaultOptions
from lowland.faults.ranking import flip_scores, worst_flips
from lowland.faults.stuck_at import apply_stuck_bits
from lowland.faults.targets import TARGET_OF, CodeBits
from lowland.faults.transient import TransientFlips
from lowland.faults.upsets import random_upsets
from lowland.landscape.problem.model import Batches, Loss
from lowland.quantization.graph.integer import IntegerNetwork
from lowland.quantization.parameter_codes import coded_parameters
from lowland.randomness import Key
from lowland.vocabulary.conditions import CONDITIONS
from lowland.vocabulary.targets import float32_target

Keys = tuple[Key, ...]
RANKING = "fkeras"  # what the published studies flip by


class Series(NamedTuple):
    """Levels of a fault that can happen: disturbed network by level, up to the highest."""

    highest: float
    at: Callable[[Any], nn.Module]


@dataclass(frozen=True)
class FaultDraw:
    """One draw of a fault at any level.

    Attributes:
        by_count: By the number of flips; ``None`` where counts have no meaning.
        by_rate: By the bit error rate; ``None`` where rates have no meaning.
    """

    by_count: Series | None = None
    by_rate: Series | None = None

    @classmethod
    def of(cls, draw: FlipDraw, apply: Callable[[Flips], nn.Module]) -> FaultDraw:
        """A draw of bits and what happens to them."""
        return cls(
            Series(len(draw.uniforms), lambda count: apply(draw.first(count))),
            Series(1.0, lambda rate: apply(draw.below(rate))),
        )


def _flips(*targets: str) -> Callable[[Any, MemoryFaultOptions, Keys], FaultDraw]:
    def drawn(network: Any, options: MemoryFaultOptions, key: Keys) -> FaultDraw:
        apply = partial(apply_flips, network, encoding=options.encoding)
        return FaultDraw.of(draw_flips(network, targets=targets, key=key), apply)

    return drawn


def _stuck(value: int) -> Callable[[Any, MemoryFaultOptions, Keys], FaultDraw]:
    def drawn(network: Any, options: MemoryFaultOptions, key: Keys) -> FaultDraw:
        apply = partial(apply_stuck_bits, network, value=value, encoding=options.encoding)
        return FaultDraw.of(draw_flips(network, key=key), apply)

    return drawn


def _transient(network: IntegerNetwork, options: MemoryFaultOptions, key: Keys) -> FaultDraw:
    """Flips of activations; a count would be one of every inference, not to be compared with those of stored bits."""
    return FaultDraw(by_rate=Series(1.0, lambda rate: TransientFlips(network, bit_error_rate=rate, key=key)))


def _upsets(network: Any, options: MemoryFaultOptions, key: Keys) -> FaultDraw:
    """Upsets of several bits, counted as upsets; a bit error rate is the share of bits that they flip in all."""
    if options.upsets is None:
        raise LowlandError("upsets are none; expected how many adjacent bits an upset flips")
    sizes, length = stored_sizes(network, ("weights", "biases")), options.upsets.length
    struck = sum(size for size, bits in sizes.values() if bits >= length)
    bits = sum(size * bits for size, bits in sizes.values())

    def applied(**level: float) -> nn.Module:
        flips = random_upsets(network, length=length, key=key, **level)  # type: ignore[arg-type]  # a count or a rate
        return apply_flips(network, flips, encoding=options.encoding)

    def by_rate(rate: float) -> nn.Module:
        return applied(upset_rate=rate * bits / (struck * length))

    return FaultDraw(Series(struck, lambda count: applied(count=count)), Series(struck * length / bits, by_rate))


def ranked_faults(network: IntegerNetwork, options: MemoryFaultOptions, loss: Loss, batches: Batches) -> FaultDraw:
    """The weights' bits that FKeras' ranking names first, from the most significant ones on: the published targets.

    A Hessian that is not finite ranks nothing: no count can happen.

    Args:
        network: Deployed network.
        options: Encoding of the codes.
        loss: ``loss(outputs, targets)``, mean over samples.
        batches: What the ranking sees; other samples than flips are measured on.
    """
    weights = CodeBits(targets=("weights",), encoding=options.encoding)
    ranking = flip_scores(network, loss, batches, rankings=(RANKING,), bits=weights)[RANKING]
    total = sum(scores.numel() for scores in ranking.values())
    ranked = all(bool(scores.isfinite().all()) for scores in ranking.values())

    def first(count: int) -> nn.Module:
        return apply_flips(network, worst_flips(ranking, count), encoding=options.encoding)

    return FaultDraw(Series(total, first) if ranked else None)


@dataclass(frozen=True)
class FaultKind:
    """How a fault is brought about; ``FAULT_CONDITIONS`` says what the long table calls it.

    Attributes:
        draw: One draw of it; ``None`` for the fault that a ranking chooses, which is not drawn.
        in_floats: Tensors of float32 words that it hits; a float network does not have other faults.
        of_integers: Whether only networks that compute in integers have it.
    """

    draw: Callable[[Any, MemoryFaultOptions, Keys], FaultDraw] | None
    in_floats: tuple[str, ...] = ()
    of_integers: bool = False


FAULTS: dict[Fault, FaultKind] = {
    "codes": FaultKind(_flips("weights", "biases"), ("weights", "biases")),
    "weights": FaultKind(_flips("weights"), ("weights",)),
    "biases": FaultKind(_flips("biases"), ("biases",)),
    "scales": FaultKind(_flips("scales")),
    "tables": FaultKind(_flips("tables")),
    "float_steps": FaultKind(_flips("float32")),
    "ranked": FaultKind(None, of_integers=True),
    "activations": FaultKind(_transient, of_integers=True),
    "upsets": FaultKind(_upsets),
    "stuck_at_0": FaultKind(_stuck(0)),
    "stuck_at_1": FaultKind(_stuck(1)),
}


OF_PARTS = frozenset({"weights", "biases", "tables", "float_steps"})
"""Faults of words that not every network stores."""


class FaultSeries(NamedTuple):
    """A deployed network under one fault.

    Attributes:
        condition: Name in ``lowland.vocabulary.conditions.CONDITIONS``.
        target: What is hit.
        levels: Those that can happen.
        draws: The faulty network at a level, one function a draw.
    """

    condition: str
    target: str
    levels: tuple[float, ...]
    draws: tuple[Callable[[Any], nn.Module], ...]


def fault_series(
    network: nn.Module,
    options: MemoryFaultOptions,
    *,
    key: tuple[Key, ...],
    loss: Loss | None = None,
    known_batches: Batches = (),
    float_from: str | None = None,
) -> Iterator[FaultSeries]:
    """A deployed network under random and ranked faults, by number of flips and by bit error rate.

    Levels of one draw nest: what is flipped at one level is flipped at every higher one. Draws are shared by all random
    faults of stored bits.

    Args:
        network: Integer networks flip their codes, entries of tables and parameters of float steps; float ones their
            IEEE-754 words, a target of its own; dynamic ones the codes of their weights and the IEEE-754 words of their
            biases and weight scales.
        options: Faults, levels and number of draws.
        key: Names the disturbance, such as (task, ...); equal keys flip the same bits of equal tensors.
        loss: ``loss(outputs, targets)``, mean over samples; the fault ``ranked`` needs it, and
        known_batches: other samples than those that the flips are measured on.
        float_from: Layer of a float network from which on nothing is deployed, as in ``build_quantized``: its words
            are not hit.

    Yields:
        A series for every fault at equal numbers, and one at equal rates; a single draw for activations and ranked
        bits. What cannot happen is left out: more flips than bits, faults of what the network does not have, counts of
        activations' flips and rates of ranked ones.

    Raises:
        LowlandError: Ranked flips without a loss and samples to rank by, or an unknown ``float_from``.
    """
    integers, deployed = isinstance(network, IntegerNetwork), isinstance(network, Deployed)
    stored = network.words if isinstance(network, Deployed) else coded_parameters(network, float_from)
    parts = {TARGET_OF.get(name.rpartition(".")[2]) for name in stored}
    if isinstance(network, IntegerNetwork) and network.float_words:
        parts.add("float_steps")
    for fault, asked in options.by_fault.items():
        kind, (by_count, by_rate, hit) = FAULTS[fault], FAULT_CONDITIONS[fault]
        if not (fault in parts if fault in OF_PARTS else deployed or kind.in_floats):
            continue
        if kind.of_integers and deployed and not integers:
            continue
        if kind.draw is None and isinstance(network, IntegerNetwork):
            if loss is None:
                raise LowlandError("loss is missing; expected loss and known_batches: the fault ranked goes by them")
            draws = [ranked_faults(network, options, loss, known_batches)]
        else:
            numbers = range(asked.draws)
            draws = [_drawn(network, kind, options, (*key, number), float_from) for number in numbers]
        in_floats = not deployed or (not integers and fault == "biases")
        target = float32_target(hit) if in_floats else hit
        for condition, levels, series in (
            (by_count, asked.counts, [draw.by_count for draw in draws if draw.by_count]),
            (by_rate, asked.bit_error_rates, [draw.by_rate for draw in draws if draw.by_rate]),
        ):
            possible = tuple(float(level) for level in levels if series and level <= series[0].highest)
            if possible:
                yield FaultSeries(condition, target, possible, tuple(_at(one, condition) for one in series))


def _at(series: Series, condition: str) -> Callable[[float], nn.Module]:
    """Counts are whole numbers, whatever the long table keeps them as."""
    counted = not CONDITIONS[condition].unit.by_power
    return lambda level: series.at(int(level) if counted else level)


def _drawn(
    network: nn.Module, kind: FaultKind, options: MemoryFaultOptions, key: Keys, float_from: str | None
) -> FaultDraw:
    if isinstance(network, Deployed):
        assert kind.draw is not None  # ranked faults went another way
        return kind.draw(network, options, key)
    draw = draw_float_flips(network, targets=kind.in_floats, key=key, float_from=float_from)
    return FaultDraw.of(draw, partial(apply_float_flips, network))
