"""A number, its interval and its threshold as one small drawing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

WIDTH, HEIGHT, MARGIN = 180, 22, 8
_COLOURS = {"surely": "#17683a", "on the mean": "#9a6700", "no": "#b3261e", "": "#5b6474"}


def interval_plot(entry: Mapping[str, Any], *, higher_is_better: bool) -> str:
    """An inline SVG: bar = interval, dot = mean, upright line = what is required, shading = the side that is allowed.

    Args:
        entry: ``mean``, ``low``, ``high`` (None where unknown); if something is required, ``threshold`` and ``met``.
        higher_is_better: Which side of the threshold is allowed.
    """
    points = [entry[key] for key in ("mean", "low", "high", "threshold") if entry.get(key) is not None]
    if not points or entry["mean"] is None:
        return ""
    low, high = min(points), max(points)
    room = 0.15 * (high - low) or 0.1 * abs(high) or 1.0
    low, high = low - room, high + room

    def place(value: float) -> float:
        return round(MARGIN + (WIDTH - 2 * MARGIN) * (value - low) / (high - low), 1)

    colour = _COLOURS[entry.get("confirmed", entry.get("met", ""))]
    middle = HEIGHT / 2
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    parts = [f'<svg class="interval-plot" {size} aria-hidden="true">']
    threshold = entry.get("threshold")
    if threshold is not None:
        start, end = (place(threshold), WIDTH) if higher_is_better else (0, place(threshold))
        parts.append(f'<rect x="{start}" y="3" width="{round(end - start, 1)}" height="{HEIGHT - 6}" fill="#eef1f4"/>')
        x = place(threshold)
        parts.append(f'<line x1="{x}" x2="{x}" y1="1" y2="{HEIGHT - 1}" stroke="#1d2433" stroke-width="1.5"/>')
    if entry["low"] is not None and entry["high"] is not None:
        x1, x2 = place(entry["low"]), place(entry["high"])
        parts.append(
            f'<line x1="{x1}" x2="{x2}" y1="{middle}" y2="{middle}" stroke="{colour}" stroke-width="4" '
            f'stroke-opacity="0.4" stroke-linecap="round"/>'
        )
    parts.append(f'<circle cx="{place(entry["mean"])}" cy="{middle}" r="4" fill="{colour}"/></svg>')
    return "".join(parts)
