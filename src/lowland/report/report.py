"""One self-contained page: the answer first, then what it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from lowland.analysis.conditions import condition_label
from lowland.analysis.criteria import CLEAN, SIZE, clean_criterion
from lowland.analysis.findings import (
    beyond_chance,
    extremes,
    grid_size,
    meaningless_measures,
    not_ok_counts,
    prediction_verdicts,
)
from lowland.analysis.over_seeds import configurations
from lowland.analysis.predictors import predictor_label
from lowland.analysis.rankings import ranking_sentence, ranking_verdict
from lowland.analysis.score import Score
from lowland.decision.quantities import display
from lowland.decision.references import guess_of
from lowland.measures import MEASURES
from lowland.report.bit_findings import bit_findings
from lowland.report.cautions import cautions, references_words
from lowland.report.figures import (
    PICTURES,
    correlation_heatmap,
    learning_figure,
    pareto_figure,
    prediction_figure,
    predictor_comparison,
    ratio_heatmap,
    recall_figure,
    surface_kind,
)
from lowland.report.page import Page
from lowland.report.robustness_section import curve_groups, exposure_section, half_life_section
from lowland.report.scope import disturbed, impossible, told_together
from lowland.report.strips import strip
from lowland.report.style import DASH, MINUS, Style

_STATUSES = {
    "non_finite": "overflowed: the result is no number",
    "not_converged": "the iteration did not settle",
    "undefined": "has no meaning there (a float network has no codes to flip)",
    "timeout": "took too long",
    "failed": "no result",
}
_SURFACES = {
    "filter_normalised": "along two random directions, each filter scaled to the length of the network's own (Li et "
    "al. 2018), the same random numbers for all networks",
    "hessian": "along the two directions of largest curvature, each of length one",
}
_BIT_PICTURES = ("flip_map", "protection")
_METHODS = {
    "float": "32-bit floating point",
    "qat": "quantization-aware training",
    "ptq": "quantized after training",
    "dynamic": "dynamically quantized",
}


def render_report(
    measurements: pd.DataFrame,
    *,
    correlations: pd.DataFrame,
    predictions: pd.DataFrame,
    prediction_fits: pd.DataFrame,
    pareto: pd.DataFrame,
    recommendation: Mapping[str, Any],
    learning_curves: pd.DataFrame | None = None,
    pictures: Mapping[str, pd.DataFrame] | None = None,
    task_descriptions: Mapping[str, str] | None = None,
    readings: Mapping[str, Mapping[str, Any]] | None = None,
    listings: Mapping[str, Mapping[str, Any]] | None = None,
    commands: Sequence[str] = ("make run",),
) -> str:
    """The report as one HTML page that needs nothing else: no network, no fonts, no other file.

    Equal inputs give equal bytes: element ids are fixed and there is neither a date nor anything random in it.

    Args:
        measurements: The long table.
        correlations: From ``correlations``.
        predictions: From ``prediction_points``.
        prediction_fits: From ``prediction_fits``.
        pareto: From ``pareto``.
        recommendation: From ``recommend``.
        learning_curves: ``task, recipe, seed, precision, epoch, validation_loss``; without it there is no such figure.
        pictures: A key of ``figures.PICTURES`` -> its table for all tasks; without it there are no such figures.
        task_descriptions: A sentence per task on its data and network.
        readings: ``unit``, ``extremes`` and ``limits`` of the sensors of each task that has its own.
        listings: What each task's own table held and what of it was used; none for tasks that are no table.
        commands: What to type to get this page again.

    Returns:
        HTML with the answer in the element with id ``answer``.
    """
    page = Page()
    tasks = [
        _task(
            page,
            str(task),
            rows,
            correlations=correlations[correlations.task == task],
            predictions=predictions[predictions.task == task],
            fits=prediction_fits[prediction_fits.task == task],
            pareto=pareto[pareto.task == task],
            answer=recommendation["tasks"][task],
            curves=None if learning_curves is None or learning_curves.empty else learning_curves.query("task == @task"),
            pictures={k: p[p.task == task] for k, p in (pictures or {}).items() if len(p)},
            description=(task_descriptions or {}).get(str(task), ""),
            readings=(readings or {}).get(str(task), {}),
        )
        | {"listing": (listings or {}).get(str(task))}
        for task, rows in measurements.groupby("task", sort=False)
    ]
    present = set(measurements.measure.unique()) - {"all"}
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            tasks=tasks,
            size=grid_size(measurements),
            not_ok=not_ok_counts(measurements).to_dict("records"),
            statuses=_STATUSES,
            bits=any(task["bits"] or task["rankings"] for task in tasks),
            methods=[_METHODS[m] for m in measurements.method.unique()],
            disturbed=told_together({task["name"]: task["disturbed"] for task in tasks}),
            quality=_one_word([task["score"] for task in tasks]),
            glossary=[(m.label, m.unit, m.meaning) for key, m in MEASURES.items() if key in present],
            nats=any(task["score"].is_share for task in tasks),
            commands=commands,
            plotly=Markup(get_plotlyjs()),  # the library's own text, once
            figures=Markup(page.scripts()),  # JSON with every closing tag escaped
        )
    )


def _task(
    page: Page,
    task: str,
    measurements: pd.DataFrame,
    *,
    correlations: pd.DataFrame,
    predictions: pd.DataFrame,
    fits: pd.DataFrame,
    pareto: pd.DataFrame,
    answer: Mapping[str, Any],
    curves: pd.DataFrame | None,
    pictures: Mapping[str, pd.DataFrame],
    description: str,
    readings: Mapping[str, Any],
) -> dict[str, Any]:
    """Everything the template needs about one task."""
    style = Style.of(measurements)
    subject = answer["chosen"] or answer["nearest"] or answer["best"]
    recipe = subject["recipe"] if subject else None
    surfaces = pictures.get("loss_surface", pd.DataFrame())
    rankings = ranking_verdict(measurements)
    figures = {
        "groups": curve_groups(page, task, measurements, style, recipe),
        "recall": page.add(f"recall-{task}", recall_figure(measurements, style=style)) if rankings else "",
        "pareto": page.add(
            f"pareto-{task}",
            pareto_figure(
                pareto,
                style=style,
                chosen=(subject["recipe"], subject["precision"]) if answer["chosen"] else None,
                robustness=_decisive(pareto),
            ),
        )
        if len(pareto)
        else "",
        "correlation": page.add(f"correlation-{task}", correlation_heatmap(correlations), wide=True)
        if len(correlations)
        else "",
        "predictions": [
            {
                "condition": condition,
                "label": condition_label(condition),
                "scatter": page.add(
                    f"prediction-{task}-{condition}", prediction_figure(predictions, condition=condition, style=style)
                ),
                "comparison": page.add(
                    f"comparison-{task}-{condition}", predictor_comparison(fits, condition=condition)
                ),
                "ratio": page.add(f"ratio-{task}-{condition}", ratio_heatmap(fits, condition=condition, style=style)),
            }
            for condition in dict.fromkeys(predictions.condition)
        ],
        "pictures": {
            name: page.add(f"{name}-{task}", draw(table, style=style)) if len(table) else ""
            for name, draw in PICTURES.items()
            if name not in _BIT_PICTURES
            for table in (pictures.get(name, pd.DataFrame()),)
        },
        "bits": {
            name: page.add(f"{name}-{task}", PICTURES[name](table, style=style, recipe=recipe), linked=f"recipe-{task}")
            if len(table)
            else ""
            for name in _BIT_PICTURES
            for table in (pictures.get(name, pd.DataFrame()),)
        },
        "surface_directions": _SURFACES[surface_kind(surfaces)] if len(surfaces) else "",
        "learning": page.add(f"learning-{task}", learning_figure(curves, style=style))
        if curves is not None and len(curves)
        else "",
    }
    return {
        "name": task,
        "description": description,
        "answer": answer,
        "nothing": answer["chosen"] is None,
        "subject": subject,
        "cautions": cautions(answer, style.score),
        "guess": guess_of(answer["references"]),
        "compared": references_words(answer["references"], style.score),
        "least_to_spare": _least_to_spare(answer["tightest"], style.score),
        "method": _METHODS[subject["method"]] if subject else "",
        "score": style.score,
        "numbers": _numbers(subject, style.score) if subject else [],
        "figures": figures,
        "style": style,
        "precisions": _precisions(measurements, style),
        "disturbed": disturbed(measurements, readings),
        "impossible": impossible(readings),
        "half_lives": half_life_section(measurements, style, recipe),
        "exposure": exposure_section(measurements, style),
        "bits": bit_findings(measurements, pictures=pictures, style=style, recipe=recipe),
        "map_rows": _map_rows(pictures),
        "rankings": rankings,
        "matrix": _matrix(measurements, style, subject),
        "size": grid_size(measurements),
        "extremes": extremes(correlations).to_dict("records"),
        "meaningless": meaningless_measures(measurements),
        "beyond_chance": beyond_chance(correlations),
        "descriptive": float(correlations.descriptive.mean()) if len(correlations) else 0.0,
        "left_out": _left_out(correlations),
        "verdicts": prediction_verdicts(fits) if len(fits) else [],
        "not_positive": int((predictions.status.eq("ok") & ~(predictions.measured > 0)).sum())
        if len(predictions)
        else 0,
    }


def _map_rows(pictures: Mapping[str, pd.DataFrame]) -> int | None:
    """On how many rows every single bit was tried, if the tables say so."""
    for name in _BIT_PICTURES:
        table = pictures.get(name)
        if table is not None and "num_rows" in table and table.num_rows.notna().any():
            return int(table.num_rows.min())
    return None


def _decisive(pareto: pd.DataFrame) -> str | None:
    """The front shown first: bit errors if measured, for they are what the clean score says nothing about."""
    names = list(dict.fromkeys(pareto.robustness))
    wanted = f"{CLEAN}_bit_error_rate"
    return wanted if wanted in names else (names[0] if names else None)


def _one_word(scores: Sequence[Score]) -> str:
    """What the tasks are judged by, where all are by the same."""
    labels = {score.label for score in scores}
    return labels.pop() if len(labels) == 1 else "score"


def _numbers(subject: Mapping[str, Any], score: Score) -> list[dict[str, Any]]:
    """The subject's numbers for the answer's table, each with a drawing of interval and threshold."""
    return [
        {
            **entry,
            "name": name,
            "shown": _shown(entry["mean"], entry, score),
            "low_shown": _shown(entry["low"], entry, score),
            "high_shown": _shown(entry["high"], entry, score),
            "threshold_shown": _shown(entry.get("threshold"), entry, score),
            "strip": Markup(strip(entry, higher_is_better=entry["higher_is_better"])),  # our drawing
            "sign": "≥" if entry["higher_is_better"] else "≤",
        }
        for name, entry in subject["numbers"].items()
    ]


def _shown(value: float | None, of: Mapping[str, Any], score: Score) -> str:
    """A value of what an entry of the recommendation is about, as people read it."""
    return display(value, of["measure"], score, condition=of["condition"])


def _least_to_spare(tightest: Mapping[str, Any] | None, score: Score) -> str:
    """The requirement with the least to spare in words; empty where nothing is required."""
    if tightest is None:
        return ""
    spare, label = (
        tightest["to_spare"],
        f"Least to spare: {tightest['label']}, where even the worse end of the interval",
    )
    if tightest["name"] == SIZE.name:
        room = _shown(abs(spare), tightest, score)
        return f"{label} keeps {room} free." if spare >= 0 else f"Largest seed: {room} more than allowed."
    is_score = tightest["measure"] == score.name
    points = score.change(abs(spare)) if is_score else _shown(abs(spare), tightest, score)
    if (is_score and score.is_share) or MEASURES[tightest["measure"]].is_rate:
        points = f"{100 * abs(spare):.1f} percentage points"
    if spare >= 0:
        return f"{label} keeps {points} to the limit."
    return f"Least sure: {tightest['label']}, where the worse end of the interval misses the limit by {points}."


def _left_out(correlations: pd.DataFrame) -> list[tuple[str, int]]:
    """Disturbances whose correlations had to do without some cells, and without how many at worst."""
    worst = correlations.groupby(["condition", "target"], sort=False)["num_not_ok"].max()
    return [(condition_label(*map(str, where)), int(count)) for where, count in worst.items() if count]


def _precisions(measurements: pd.DataFrame, style: Style) -> list[dict[str, Any]]:
    columns = ["precision", "method", "weight_bits", "activation_bits"]
    found = measurements[columns].drop_duplicates("precision").set_index("precision").loc[list(style.precisions)]
    return [row | {"how": _METHODS[row["method"]]} for row in found.reset_index().to_dict("records")]


def _matrix(measurements: pd.DataFrame, style: Style, subject: Mapping[str, Any] | None) -> dict[str, Any]:
    """Clean score of every configuration, recipes by precisions, with the size of each precision."""
    score = style.score
    numbers = configurations(measurements, [clean_criterion(score), SIZE])
    value = {(r.criterion, r.recipe, r.precision): r for r in numbers.itertuples()}
    sizes = numbers[numbers.criterion == SIZE.name].groupby("precision", sort=False)["mean"].median()
    planned = measurements.loc[measurements.seed != "pairs", "seed"].nunique()
    whole = numbers[(numbers.criterion == CLEAN) & (numbers.num_seeds == planned)]  # survivors do not compete
    means = whole.groupby("precision", sort=False)["mean"]
    best = means.max() if score.higher_is_better else means.min()
    rows = []
    for recipe in style.recipes:
        row = []
        for precision in style.precisions:
            entry = value.get((CLEAN, recipe, precision))
            mean = float("nan") if entry is None else entry.mean
            full = entry is not None and entry.num_seeds == planned
            row.append(
                {
                    "shown": DASH if mean != mean else score.bare(mean),
                    "interval": ""
                    if entry is None or entry.low != entry.low
                    else f"{score.bare(entry.low)} to {score.bare(entry.high)}",
                    "lost": "" if entry is None or full else f"{entry.num_seeds} of {planned} seeds",
                    "best": full and mean == best.get(precision),
                    "chosen": subject is not None and (recipe, precision) == (subject["recipe"], subject["precision"]),
                }
            )
        rows.append((recipe, row))
    heads = [(p, style.colours[p], DASH if sizes[p] != sizes[p] else f"{sizes[p]:,.0f}") for p in style.precisions]
    return {"heads": heads, "rows": rows, "planned": planned}


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lowland.report", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["predictor"] = predictor_label
    environment.filters["condition"] = condition_label
    environment.filters["ranking"] = ranking_sentence
    environment.filters["display"] = _shown
    environment.filters["signed"] = lambda value: f"{value:+.2f}".replace("-", MINUS)
    environment.filters["decimal"] = lambda value: (
        DASH if value is None or value != value else f"{value:.2f}".replace("-", MINUS)
    )
    return environment
