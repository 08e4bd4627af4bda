"""What the report says of disturbances: curves by groups, half-lives, and precisions at equal exposure."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lowland.analysis.conditions import bare_level_text, beside_codes, condition_label, disturbances
from lowland.analysis.exposure import EXPOSURES, LOST, equal_exposure, exposure_sentence, exposure_verdict
from lowland.analysis.half_lives import half_life_table, half_lives
from lowland.analysis.score import Score, score_of
from lowland.report.caveats import caveats
from lowland.report.figures import score_curves, shift_curves
from lowland.report.page import Page
from lowland.report.style import DASH, Style
from lowland.vocabulary.conditions import GROUPS
from lowland.vocabulary.targets import codes_target


def curve_groups(
    page: Page, task: str, measurements: pd.DataFrame, style: Style, recipe: str | None
) -> list[dict[str, Any]]:
    """Every disturbance's figure, by the groups that a reader looks for."""
    linked = f"recipe-{task}"
    scores = measurements[measurements.measure == score_of(measurements).name]
    together = dict(iter(beside_codes(scores).groupby(["condition", "target"], sort=False)))
    clean = scores[(scores.family == "performance") & (scores.split != "validation")]
    found = disturbances(scores)
    notes = caveats(measurements)
    groups = []
    for group, title in GROUPS.items():
        here = found[found.group == group]
        figures = [
            {
                "label": condition_label(condition, target),
                "html": page.add(
                    "-".join(filter(None, ["curve", task, condition, target])),
                    score_curves(
                        pd.concat([clean, together[condition, codes_target(target)]]),
                        condition=condition,
                        target=target,
                        style=style,
                        recipe=recipe,
                    ),
                    linked=linked,
                ),
            }
            for condition, target in here[["condition", "target"]].itertuples(index=False)
            if group != "shift"
        ]
        if group == "shift" and len(here):
            shifted = shift_curves(scores, style=style, recipe=recipe)
            figures = [{"label": "", "html": page.add(f"shift-{task}", shifted, linked=linked)}]
        if figures:
            groups.append({"title": title, "figures": figures, "notes": notes.get(group, [])})
    return groups


def half_life_section(measurements: pd.DataFrame, style: Style, recipe: str | None) -> dict[str, Any] | None:
    """The half-lives of the recommended (or nearest, or first) recipe."""
    subject = recipe or style.recipes[0]
    lives = half_lives(measurements[measurements.recipe == subject])
    rows = half_life_table(lives, recipe=subject, precisions=style.precisions)
    if not rows:
        return None
    return {
        "recipe": subject,
        "rows": [row for row in rows if not row["unbroken"]],
        "unbroken": [row["label"] for row in rows if row["unbroken"]],
    }


def exposure_section(measurements: pd.DataFrame, style: Style) -> dict[str, Any] | None:
    """The score at equal exposure, precisions by levels."""
    score = score_of(measurements)
    frame = equal_exposure(measurements)
    if frame.empty:
        return None
    columns = [
        (exposure, level)
        for exposure in EXPOSURES
        if (frame.exposure == exposure).any()
        for level in [*sorted(frame.level[frame.exposure == exposure].dropna().unique()), None]
    ]
    known = {(r.precision, r.exposure, None if r.level != r.level else r.level): r for r in frame.itertuples()}
    rows = []
    for precision in style.precisions:
        entries = [known.get((precision, *column)) for column in columns]
        if any(entry is not None for entry in entries):
            rows.append((precision, style.colours[precision], [_left(entry, score) for entry in entries]))
    heads = []
    for exposure, title in EXPOSURES.items():
        levels = ["mean" if v is None else bare_level_text(exposure, v) for e, v in columns if e == exposure]
        if levels:
            heads.append({"title": title, "levels": levels})
    sentence = exposure_sentence(exposure_verdict(frame, equal_exposure(measurements, of=LOST)), score)
    return {"heads": heads, "rows": rows, "sentence": sentence}


def _left(entry: Any, score: Score) -> dict[str, Any]:
    """One mean score of the table at equal exposure."""
    if entry is None or entry.mean != entry.mean:
        return {"shown": DASH, "interval": "", "best": False}
    single = entry.low != entry.low or entry.level == entry.level
    interval = "" if single else f"{score.bare(entry.low)} to {score.bare(entry.high)}"
    return {"shown": score.bare(entry.mean), "interval": interval, "best": bool(entry.tied)}
