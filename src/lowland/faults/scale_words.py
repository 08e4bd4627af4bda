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
from lowland.quantization.graph.scan_step import Scan
from lowland.quantization.graph.step import INPUTS, Step
from lowland.quantization.graph.table_step import Table
from lowland.quantization.graph.weighted_step import Weighted

MULTIPLIER_BITS = 32
SHIFT_BITS = 6
WORD_BITS = 64
_SCALED = (Quantize, Table, Embedding, Multiply, Scan, FloatStep, FloatIsland)  # their results have scales of their own
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
    found = _words(named_steps(network), {})
    last = _output_layer(network)
    if last is not None:
        name = f"{last.name}.output_scale"
        behind = [step for step in named_steps(network).values() if isinstance(step, MisreadOutput)]
        stored = behind[0].stored if behind else last.output_scale
        found[name] = float_words(stored, name=name), FLOAT_BITS
    return found


def _words(steps: Mapping[str, Step], taken: Mapping[str, int]) -> dict[str, tuple[Tensor, int]]:
    """The words of steps without that of the outputs.

    Args:
        steps: Of a network or of a body.
        taken: Two's complement width of what they take from elsewhere, by name.
    """
    found: dict[str, tuple[Tensor, int]] = {}
    for name, step in steps.items():
        if isinstance(step, Requantize):
            width = min(MULTIPLIER_BITS, WORD_BITS - 1 - _integer_bits(steps, step.inputs[0], taken))
            found[f"{name}.multiplier"] = step.multiplier, width
            found[f"{name}.shift"] = step.shift, SHIFT_BITS
        elif isinstance(step, Quantize):
            stored = step.converter if isinstance(step, MisreadQuantize) else step.scale
            found[f"{name}.scale"] = float_words(stored, name=f"{name}.scale"), FLOAT_BITS
        elif isinstance(step, FloatStep):
            for place, scale in enumerate(step.stored_scales):
                word = f"{name}.{input_scale_name(place)}"
                found[word] = float_words(scale, name=word), FLOAT_BITS
        elif isinstance(step, Scan):
            widths = {state: _integer_bits(step.steps, source, {}) for state, source in step.loop.states.items()}
            widths[INPUTS] = _integer_bits(steps, step.inputs[0], taken)
            found |= {f"{name}.{word}": told for word, told in _words(step.steps, widths).items()}
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
        step = _misread(step, words)
        if name != OUTPUT or last is None or f"{last.name}.output_scale" not in words:
            steps.append(step)
    if last is not None and f"{last.name}.output_scale" in words:
        stored = words_as_floats(words[f"{last.name}.output_scale"])
        plain = IntegerNetwork(steps)
        shape = plain.output_scale.shape
        steps.append(MisreadOutput(OUTPUT, (steps[-1].name,), stored=stored, layer=last, shape=shape))
    return IntegerNetwork(steps)


def _misread(step: Step, words: Mapping[str, Tensor], scan: str = "") -> Step:
    """The step that reads other words; itself where none is its own.

    Args:
        step: Of a network or of a body.
        words: By name.
        scan: What the names of a body's words begin with.
    """
    name = f"{scan}{step.name}"
    if isinstance(step, Requantize) and (f"{name}.multiplier" in words or f"{name}.shift" in words):
        multiplier = words.get(f"{name}.multiplier", step.multiplier)
        return MisreadRequantize.of(step, multiplier, words.get(f"{name}.shift", step.shift))
    if isinstance(step, Quantize) and f"{name}.scale" in words:
        return MisreadQuantize.of(step, words_as_floats(words[f"{name}.scale"]))
    if isinstance(step, FloatStep):
        names = [f"{name}.{input_scale_name(place)}" for place in range(len(step.inputs))]
        scales = [
            words_as_floats(words[word]) if word in words else stored
            for word, stored in zip(names, step.stored_scales, strict=True)
        ]
        return MisreadFloatStep.of(step, scales) if not words.keys().isdisjoint(names) else step
    if isinstance(step, Scan) and any(word.startswith(f"{name}.") for word in words):
        body = [_misread(part, words, f"{name}.") for part in step.steps.values()]
        return Scan(step.name, step.inputs, body=body, loop=step.loop)
    return step


def _output_layer(network: IntegerNetwork) -> Weighted | None:
    """The layer whose accumulators, pooled or moved, are the outputs."""
    steps = named_steps(network)
    step = list(steps.values())[-1]
    while not isinstance(step, Weighted):
        if isinstance(step, _SCALED) or step.inputs[0] not in steps:
            return None
        step = steps[step.inputs[0]]
    return step


def _integer_bits(steps: Mapping[str, Step], name: str, taken: Mapping[str, int]) -> int:
    """Two's complement width of a step's results.

    Args:
        steps: Of a network or of a body.
        name: Of the step, or of what they take from elsewhere.
        taken: Width of the latter.
    """
    if name in taken:
        return taken[name]
    step = steps[name]
    if isinstance(step, Scan):
        return _integer_bits(step.steps, step.loop.shown, {})
    if isinstance(step, Weighted):
        return step.accumulator_bits
    if isinstance(step, Embedding):
        return step.weight_bits
    if step.result_codes is not None:
        codes = step.result_codes
        return 1 + max(codes.highest, -1 - codes.lowest, 0).bit_length()
    widths = [_integer_bits(steps, source, taken) for source in step.inputs]
    if isinstance(step, Multiply):
        return sum(widths)
    terms = {"add": len(widths), "mean": getattr(step, "count", 1)}.get(step.kind, getattr(step, "window", 1))
    return max(widths) + (terms - 1).bit_length()
