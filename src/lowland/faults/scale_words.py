"""The stored scales of a deployed network as words, and the network that reads other words there."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from lowland.faults.float_flips import FLOAT_BITS, float_words, words_as_floats
from lowland.faults.misread_steps import MisreadFloatStep, MisreadOutput, MisreadQuantize, MisreadRequantize
from lowland.faults.targets import named_steps
from lowland.quantization.graph.embedding_step import Embedding
from lowland.quantization.graph.float_island import FloatIsland
from lowland.quantization.graph.float_step import FloatStep, input_scale_name
from lowland.quantization.graph.integer import IntegerNetwork
from lowland.quantization.graph.joining_steps import Multiply
from lowland.quantization.graph.rounding_steps import Quantize, Requantize
from lowland.quantization.graph.step import Step
from lowland.quantization.graph.table_step import Table
from lowland.quantization.graph.weighted_step import Weighted

MULTIPLIER_BITS = 32
SHIFT_BITS = 6
WORD_BITS = 64
_SCALED = (Quantize, Table, Embedding, Multiply, FloatStep, FloatIsland)  # their results have scales of their own
OUTPUT = "misread output"
"""Name of the step that is put behind a network whose output scale is read wrongly."""


def scale_words(network: IntegerNetwork) -> dict[str, tuple[Tensor, int]]:
    """Words of the stored scales with their widths: those, and only those, that the deployed arithmetic reads.

    - ``input.scale``: the converter's step size, an IEEE-754 single (32 bits);
    - ``1.multiplier``, ``1.shift``: the fixed-point ratio of scales with which accumulators become codes of the next
      layer, unsigned words of 32 bits (fewer where products with wide accumulators would leave 64 bits) and of 6;
    - ``4.output_scale``: what the last accumulators are multiplied with, IEEE-754 singles, one or one a channel;
    - ``norm.input_scale_0``: what the integers that a float step takes are multiplied with, IEEE-754 singles.

    Step sizes of weights, of tables and of hidden activations are read when the multipliers are made, before
    deployment, and are not stored; neither is anything of a part that is left in float.

    Args:
        network: Deployed network, its scales float32.

    Returns:
        Words (int64, the bits as a number) and width by tensor name.

    Raises:
        LowlandError: Scales that are not float32.
    """
    found: dict[str, tuple[Tensor, int]] = {}
    for name, step in named_steps(network).items():
        if isinstance(step, Requantize):
            width = min(MULTIPLIER_BITS, WORD_BITS - 1 - _integer_bits(named_steps(network), step.inputs[0]))
            found[f"{name}.multiplier"] = step.multiplier, width
            found[f"{name}.shift"] = step.shift, SHIFT_BITS
        elif isinstance(step, Quantize):
            stored = step.converter if isinstance(step, MisreadQuantize) else step.scale
            found[f"{name}.scale"] = float_words(stored, name=f"{name}.scale"), FLOAT_BITS
        elif isinstance(step, FloatStep):
            for place, scale in enumerate(step.stored_scales):
                word = f"{name}.{input_scale_name(place)}"
                found[word] = float_words(scale, name=word), FLOAT_BITS
    last = _output_layer(network)
    if last is not None:
        name = f"{last.name}.output_scale"
        behind = [step for step in named_steps(network).values() if isinstance(step, MisreadOutput)]
        stored = behind[0].stored if behind else last.output_scale
        found[name] = float_words(stored, name=name), FLOAT_BITS
    return found


def with_scale_words(network: IntegerNetwork, words: Mapping[str, Tensor]) -> IntegerNetwork:
    """The network that finds these words where its scales are stored; everything else is shared.

    Codes keep their meaning: a scale that is read wrongly makes the values wrong, in the deployed arithmetic and in
    ``forward`` alike.

    Args:
        network: Left as it came.
        words: Some of ``scale_words``, other words in the same shapes.
    """
    steps: list[Step] = []
    last = _output_layer(network)
    for name, step in named_steps(network).items():
        if isinstance(step, Requantize) and (f"{name}.multiplier" in words or f"{name}.shift" in words):
            multiplier = words.get(f"{name}.multiplier", step.multiplier)
            step = MisreadRequantize.of(step, multiplier, words.get(f"{name}.shift", step.shift))
        elif isinstance(step, Quantize) and f"{name}.scale" in words:
            step = MisreadQuantize.of(step, words_as_floats(words[f"{name}.scale"]))
        elif isinstance(step, FloatStep):
            names = [f"{name}.{input_scale_name(place)}" for place in range(len(step.inputs))]
            scales = [
                words_as_floats(words[word]) if word in words else stored
                for word, stored in zip(names, step.stored_scales, strict=True)
            ]
            step = MisreadFloatStep.of(step, scales) if not words.keys().isdisjoint(names) else step
        if name != OUTPUT or last is None or f"{last.name}.output_scale" not in words:
            steps.append(step)
    if last is not None and f"{last.name}.output_scale" in words:
        stored = words_as_floats(words[f"{last.name}.output_scale"])
        plain = IntegerNetwork(steps)
        shape = plain.output_scale.shape
        steps.append(MisreadOutput(OUTPUT, (steps[-1].name,), stored=stored, layer=last, shape=shape))
    return IntegerNetwork(steps)


def _output_layer(network: IntegerNetwork) -> Weighted | None:
    """The layer whose accumulators, pooled or moved, are the outputs."""
    steps = named_steps(network)
    step = list(steps.values())[-1]
    while not isinstance(step, Weighted):
        if isinstance(step, _SCALED) or step.inputs[0] not in steps:
            return None
        step = steps[step.inputs[0]]
    return step


def _integer_bits(steps: Mapping[str, Step], name: str) -> int:
    """Two's complement width of a step's results."""
    step = steps[name]
    if isinstance(step, Weighted):
        return step.accumulator_bits
    if isinstance(step, Embedding):
        return step.weight_bits
    if step.result_codes is not None:
        codes = step.result_codes
        return 1 + max(codes.highest, -1 - codes.lowest, 0).bit_length()
    widths = [_integer_bits(steps, source) for source in step.inputs]
    if isinstance(step, Multiply):
        return sum(widths)
    terms = {"add": len(widths), "mean": getattr(step, "count", 1)}.get(step.kind, getattr(step, "window", 1))
    return max(widths) + (terms - 1).bit_length()
