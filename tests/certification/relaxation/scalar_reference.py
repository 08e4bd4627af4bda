"""Linear bounds of dense ReLU networks in loops over single numbers: slow, and nothing but the definitions."""


def smallest_in_loops(layers, objective, lows, highs):
    """The least sum of outputs that linear bounds prove, the best of all places on the way back.

    Args:
        layers: Weights, their radii, biases and their radii as nested lists, with ReLU between the layers.
        objective: A coefficient for each output.
        lows, highs: Ends of the inputs.
    """
    hidden = [(lows, highs)]
    before = []  # ranges before each ReLU
    for layer in layers:
        size = len(layer[2])
        units = [[float(i == j) for j in range(size)] for i in range(size)]
        low = [_back(layers[: len(before) + 1], unit, hidden, before) for unit in units]
        high = [-_back(layers[: len(before) + 1], [-a for a in unit], hidden, before) for unit in units]
        before.append((low, high))
        hidden.append(([max(value, 0.0) for value in low], [max(value, 0.0) for value in high]))
    return max(_back(layers, objective, hidden, before), _least(objective, *before[-1]))


def _back(layers, coefficients, hidden, before):
    constant, best = 0.0, _of_products(layers[-1], coefficients, *hidden[len(layers) - 1])
    for place in reversed(range(len(layers))):
        coefficients, added = _through_layer(layers[place], coefficients, *hidden[place])
        constant += added
        best = max(best, constant + _least(coefficients, *hidden[place]))
        if place:
            coefficients, added = _through_relu(coefficients, *before[place - 1])
            constant += added
            best = max(best, constant + _least(coefficients, *before[place - 1]))
    return best


def _least(coefficients, low, high):
    return sum(min(a * start, a * end) for a, start, end in zip(coefficients, low, high, strict=True))


def _of_products(layer, coefficients, low, high):
    """Interval arithmetic: every product at its own worst corner."""
    weight, radius, bias, moves = layer
    total = 0.0
    for i, a in enumerate(coefficients):
        ends = []
        for sign in (-1, 1):
            end = bias[i] + sign * moves[i]
            for j in range(len(low)):
                corners = [
                    (weight[i][j] + move * radius[i][j]) * value for move in (-1, 1) for value in (low[j], high[j])
                ]
                end += max(corners) if sign > 0 else min(corners)
            ends.append(end)
        total += min(a * ends[0], a * ends[1])
    return total


def _through_layer(layer, coefficients, low, high):
    weight, radius, bias, moves = layer
    pulled, constant = [], 0.0
    for a, center, spread in zip(coefficients, bias, moves, strict=True):
        constant += a * center - abs(a) * spread
    for j in range(len(low)):
        amount = sum(abs(a) * radius[i][j] for i, a in enumerate(coefficients))
        if low[j] >= 0:
            slope, offset = 1.0, 0.0
        elif high[j] <= 0:
            slope, offset = -1.0, 0.0
        else:
            slope = (high[j] + low[j]) / (high[j] - low[j])
            offset = high[j] - slope * high[j]
        pulled.append(sum(a * weight[i][j] for i, a in enumerate(coefficients)) - amount * slope)
        constant -= amount * offset
    return pulled, constant


def _through_relu(coefficients, low, high):
    pulled, constant = [], 0.0
    for a, start, end in zip(coefficients, low, high, strict=True):
        if start >= 0:
            slope, offset = 1.0, 0.0
        elif end <= 0:
            slope, offset = 0.0, 0.0
        elif a >= 0:
            slope, offset = float(end + start > 0), 0.0
        else:
            slope = end / (end - start)
            offset = -slope * start
        pulled.append(a * slope)
        constant += a * offset
    return pulled, constant
