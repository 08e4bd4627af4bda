"""Small line charts as SVG text, for pages that are written from tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

WIDTH, HEIGHT, LEFT, TOP, GAP = 300, 200, 46, 34, 30
COLOURS = ("#0b3c74", "#dd6b12")
Line = Sequence[tuple[float, float]]


def line_charts(panels: Mapping[str, Mapping[str, Line]], *, x_title: str, y_title: str) -> str:
    """Panels side by side with shares (0 to 1) over whole numbers that fall to the right.

    Args:
        panels: By title: lines by name, each of (number, share).
        x_title: Under every panel.
        y_title: Above the first.

    Returns:
        SVG.
    """
    total = len(panels) * (WIDTH + GAP) + LEFT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {TOP + HEIGHT + 58}" '
        'font-family="sans-serif" font-size="12" fill="#1d2433">',
        f'<rect width="{total}" height="{TOP + HEIGHT + 58}" fill="#ffffff"/>',
        f'<text x="4" y="12" fill="#5b6474">{y_title}</text>',
    ]
    for number, (title, lines) in enumerate(panels.items()):
        parts += _panel(LEFT + number * (WIDTH + GAP), title, lines, x_title)
    return "\n".join([*parts, "</svg>", ""])


def _panel(left: int, title: str, lines: Mapping[str, Line], x_title: str) -> list[str]:
    numbers = sorted({x for line in lines.values() for x, _ in line}, reverse=True)
    step = (WIDTH - 20) / max(1, len(numbers) - 1)
    places = {x: left + 10 + step * place for place, x in enumerate(numbers)}

    def height(share: float) -> float:
        return TOP + HEIGHT * (1 - share)

    parts = [f'<text x="{left + WIDTH / 2:g}" y="28" text-anchor="middle" font-weight="bold">{title}</text>']
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = f"{height(share):.1f}"
        parts.append(f'<line x1="{left}" x2="{left + WIDTH}" y1="{y}" y2="{y}" stroke="#e4e7ec"/>')
        if left == LEFT:
            parts.append(f'<text x="{left - 6}" y="{y}" text-anchor="end" dy="4">{share:.0%}</text>')
    bottom = TOP + HEIGHT + 16
    parts += [f'<text x="{x:.1f}" y="{bottom}" text-anchor="middle">{n:g}</text>' for n, x in places.items()]
    parts.append(f'<text x="{left + WIDTH / 2:g}" y="{bottom + 16}" text-anchor="middle">{x_title}</text>')
    for (name, line), colour in zip(lines.items(), COLOURS, strict=False):
        points = " ".join(f"{places[x]:.1f},{height(share):.1f}" for x, share in sorted(line, reverse=True))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        at = TOP + HEIGHT - 14 - 16 * list(lines).index(name)
        parts.append(f'<text x="{left + 10}" y="{at}" fill="{colour}">{name}</text>')
    return parts
