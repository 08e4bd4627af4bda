"""A deployed network and its float network in one programme."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lowland.certification.encoding.encode import Encoder
from lowland.certification.encoding.rows import rows_of
from lowland.certification.programme import DUAL_FEASIBILITY, Places, Programme
from lowland.certification.rounding.code_rows import put_network
from lowland.certification.rounding.linear_parts import Vector
from lowland.certification.rounding.pair_bounds import SINGLE, Pair, difference_name, float_name
from lowland.certification.rounding.rounding_rows import Rounding, Variables, put_rounding, whole_variables
from lowland.certification.weight_box import WeightBox
from lowland.quantization.graph.step import INPUTS


@dataclass(frozen=True, eq=False)
class PairRows:
    """The programme of both networks over a box of inputs.

    Attributes:
        programme: Its rows.
        inputs: Variables of what the float network is given.
        codes: Variables of the input codes.
        outputs: Variables of the deployed outputs' integers.
        floats: Variables of the float outputs.
    """

    programme: Programme
    inputs: Places
    codes: Places
    outputs: Variables
    floats: Places


def pair_rows(pair: Pair) -> PairRows:
    """Rows of both networks, tied by the codes of their inputs and by the bounds on their differences.

    Args:
        pair: With all its bounds, which narrow every variable.
    """
    symbolic, sensor, shape = pair.symbolic, pair.graph.sensor, pair.graph.row_shape
    given = symbolic.boxes[float_name(INPUTS)]
    encoded = Encoder(pair.real, WeightBox({}))(given.lower.reshape(shape), given.upper.reshape(shape))
    lower, upper = encoded.network.lower.copy(), encoded.network.upper.copy()
    for operation, places in encoded.places.items():  # weighted sums that only go into a ReLU are not among them
        box = symbolic.boxes[float_name(operation)]
        np.maximum.at(lower, places, box.lower)
        np.minimum.at(upper, places, box.upper)
    rows = rows_of(encoded.network, np.minimum(lower, upper), upper)
    programme = rows.programme
    floats = {name: rows.columns[places] for name, places in encoded.places.items()}
    codes = whole_variables(programme, symbolic.boxes[sensor.name])
    _put_sensor(programme, pair, Variables(floats[INPUTS], np.ones(len(given.lower))), codes)
    deployed = put_network(programme, pair.graph, symbolic, codes)
    for step, operation in pair.partners.items():
        if operation not in floats:
            continue
        difference, (places, unit) = symbolic.boxes[difference_name(step)], deployed[step]
        terms = [(places, pair.scale(step) * unit), (floats[operation], -np.ones(len(places)))]
        programme.add_rows(terms, difference.lower, difference.upper)
    return PairRows(programme, floats[INPUTS], codes.places, deployed[pair.graph.output], floats[pair.real.output.name])


def _put_sensor(programme: Programme, pair: Pair, given: Variables, codes: Variables) -> None:
    """Codes of inputs: within half a step, with room for float32; or inputs that are what the codes stand for."""
    scale, symbolic, sensor = pair.scale(pair.graph.sensor.name), pair.symbolic, pair.graph.sensor
    if pair.reads == "codes":
        zero = np.zeros(len(scale))
        programme.add_rows([(given.places, zero + 1.0), (codes.places, -scale)], zero, zero)
        return
    values, box = symbolic.boxes[float_name(INPUTS)], symbolic.boxes[sensor.name]
    slack = SINGLE * (1 + np.maximum(np.abs(values.lower), np.abs(values.upper)) / scale)
    held = (values.lower / scale < sensor.lowest - 0.5, values.upper / scale > sensor.highest + 0.5)
    below, above = np.stack([-0.5 - slack] * 2), np.stack([0.5 + slack] * 2)
    rounding = Rounding(1 / scale, below, above, held, values, box, (sensor.lowest, sensor.highest))
    put_rounding(programme, given, codes, rounding)


def dual_slack(programme: Programme) -> float:
    """What reduced costs of the wrong sign can hide, of a sum whose own size is about 1."""
    _, _, _, lower, upper, _ = programme.assembled()
    widths: Vector = upper - lower
    return DUAL_FEASIBILITY * float(widths.sum())
