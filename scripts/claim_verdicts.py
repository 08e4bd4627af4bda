"""What finished studies say of published claims: a function a claim, each giving a finding a task."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import yaml

from benchmarks.fault_ranking.loader import Benchmark as FaultRanking
from lowland.analysis.criteria import CLEAN, Criterion, robustness_criteria
from lowland.analysis.intervals import t_interval
from lowland.analysis.over_seeds import by_seed
from lowland.analysis.policies import lost_through_layers
from lowland.analysis.score import Score, score_of
from lowland.analysis.splits import on_split
from scripts.describe_certification import comparison
from scripts.describe_ranking import facts as ranking_facts
from scripts.describe_ranking import signed
from scripts.describe_screening import MODELS
from scripts.describe_shift import facts_of, points
from scripts.worst_case_tables import all_pairs, by_task, layer_rows

Verdict = Literal["holds", "holds in part", "does not hold", "cannot tell", "withdrawn"]
MIDDLE = (4, 6)
RIVALS = ("least_confidence", "entropy", "gini")
"""Of the margin, in the published study."""
LEAST_RECIPES = 3
LEAST_HARM, MOST_HELD = 0.1, 0.02
"""What detrimental pairs are said to lose at least, and robust ones at most."""
NEGLIGIBLE = 0.01
"""Retraining that removes surely less than this share of rows more than random rows do is inefficient."""
DISTURBED = {f"{CLEAN}_gaussian": "Gaussian noise", f"{CLEAN}_bit_error_rate": "bit errors", f"{CLEAN}_flips": "flips"}
RESPONSES = {("noise", "gaussian"): "Gaussian noise", ("bit_flip", "bit_error_rate"): "bit errors"}


@dataclass(frozen=True)
class Finding:
    """What one task of one study says.

    Attributes:
        task: Its name, with that of its study where it is another.
        ours: Numbers, with intervals.
        verdict: Of the claim there.
    """

    task: str
    ours: str
    verdict: Verdict


@dataclass(frozen=True)
class Sources:
    """What there is.

    Attributes:
        studies: Data folders of finished studies.
        answers: Folder with benchmarks of answers by the name of their study, or None.
        ranking: Benchmark of flipped bits, or None.
        targets: What pairs of networks and policies were to reach.
        screening: Scores of `benchmarks.screening`, or None.
    """

    studies: Sequence[Path]
    answers: Path | None = None
    ranking: Path | None = None
    targets: dict[str, float] = field(default_factory=dict)
    screening: pd.DataFrame | None = None

    @cached_property
    def tables(self) -> dict[Path, pd.DataFrame]:
        """Long tables by study, both halves of the held-out rows."""
        return {study: pd.read_parquet(study / "08_reporting" / "measurements.parquet") for study in self.studies}

    @cached_property
    def shift(self) -> dict[str, Any] | None:
        """What `docs/shift.md` is made of, of the studies whose answers there are."""
        if self.answers is None:
            return None
        pairs = [(study, self.answers / study.name) for study in self.studies if (self.answers / study.name).is_dir()]
        return facts_of(pairs) if pairs else None

    @cached_property
    def flips(self) -> dict[str, Any] | None:
        """What `docs/matched.md` is made of."""
        return None if self.ranking is None else ranking_facts(FaultRanking(self.ranking))

    def of_tasks(self) -> Iterator[tuple[str, pd.DataFrame, dict[str, Any]]]:
        """Every task with its rows about cells, and the parameters of its study."""
        for study, table in self.tables.items():
            record = yaml.safe_load((study / "08_reporting" / "study.yml").read_text(encoding="utf-8"))
            for task, rows in table[table.precision != ""].groupby("task", sort=False):
                yield in_study(str(task), study), rows, record["parameters"]


def in_study(task: str, study: Path) -> str:
    """A task by its name and, where that is not the base one, its study's."""
    return task if study.name in ("data", task) else f"{task} ({study.name})"


def sided(low: float, high: float) -> Verdict:
    """Above zero as claimed, below it, or neither."""
    return "holds" if low > 0 else "does not hold" if high < 0 else "cannot tell"


def between(found: tuple[float, float, float], score: Score | None = None) -> str:
    """A mean with its interval; of a share in points."""
    factor, unit = (100, " points") if score is not None and score.is_share else (1, "")
    mean, low, high = (factor * value for value in found)
    if low != low:
        return f"{mean:+.2g}{unit}, without an interval".replace("-", "−")
    return f"{mean:+.2g}{unit} [{low:+.2g}, {high:+.2g}]".replace("-", "−")


def middle_most_robust(sources: Sources) -> Iterator[Finding]:
    """The best of 4 to 6 bits against the best of all other widths, both chosen on other rows, recipe by recipe."""
    for task, rows, _ in sources.of_tasks():
        score = score_of(rows)
        for name, words in DISTURBED.items():
            halves = []
            for split in ("selection", "test"):
                own = on_split(rows, split)
                criterion = _criterion(own, score, name)
                if criterion is None:
                    break
                halves.append(_by_precision(own, criterion, score))
            if len(halves) < 2:
                continue
            chosen, told = halves
            inside = [p for p in told if MIDDLE[0] <= _bits(rows, p) <= MIDDLE[1]]
            outside = [p for p in told if p not in inside]
            if not inside or not outside or len(told.dropna()) < LEAST_RECIPES:
                continue
            middle, other = (chosen[names].mean().idxmax() for names in (inside, outside))
            found = t_interval(list((told[middle] - told[other]).dropna()))
            yield Finding(task, f"{words}: {middle} less {other} {between(found, score)}", sided(found[1], found[2]))


def regularizers_help(sources: Sources) -> Iterator[Finding]:
    """The best strength, chosen on other rows, against plain training, seed by seed, mean over precisions."""
    for task, rows, parameters in sources.of_tasks():
        kinds = {name: options["kind"] for name, options in parameters["recipes"].items()}
        plain = next((name for name, kind in kinds.items() if kind == "plain"), None)
        score = score_of(rows)
        for kind in ("jacobian", "orthogonal"):
            names = [name for name, own in kinds.items() if own == kind]
            halves = [_by_recipe(on_split(rows, split), f"{CLEAN}_gaussian", score) for split in ("selection", "test")]
            if plain is None or not names or any(half is None for half in halves):
                continue
            chosen, told = halves
            best = chosen[names].mean().idxmax()
            found = t_interval(list((told[best] - told[plain]).dropna()))
            yield Finding(
                task, f"{best} less {plain}, Gaussian noise {between(found, score)}", sided(found[1], found[2])
            )


def gentle_robust(sources: Sources) -> Iterator[Finding]:
    """Rank correlation of the largest eigenvalue with what is lost, within precisions."""
    yield from _correlations(sources, "largest_eigenvalue", sign=1)


def cka_foretells(sources: Sources) -> Iterator[Finding]:
    """Rank correlation of the likeness of seeds with what is lost, within precisions."""
    yield from _correlations(sources, "cka", sign=-1)


def half_saved(sources: Sources) -> Iterator[Finding]:
    """Cells chosen by predictions from other recipe families: seconds saved and what is lost by it, truth by truth."""
    if sources.screening is None:
        return
    table = sources.screening
    whole = table[(table.by == "family") & (table.stop == "finished") & table.model.isin(MODELS)]
    for (task, truth), rows in whole.groupby(["task", "truth"], sort=False):
        best = rows.loc[rows.points.idxmin()]
        held = int((rows.verdict == "held").sum())
        missed = int((rows.verdict == "not held").sum())
        lost = f"{100 * best.points:.2g} points lost [{100 * best.low:.2g}, {100 * best.high:.2g}]"
        ours = f"{truth.replace('_', ' ')}: {100 * best.saved:.0f} % of the seconds, {lost} by the best of {len(rows)} "
        ours += f"combinations ({best.model.replace('_', ' ')}, {best.source}); held by {held}, not by {missed}"
        yield Finding(str(task), ours.replace("-", "−"), "holds in part" if held else "cannot tell")


def matching_inside(sources: Sources) -> Iterator[Finding]:
    """Curvatures dealt out anew inside tensors."""
    if sources.flips is not None:
        change = f"{sources.flips['inside_change']:.0e}"
        ours = f"dealing curvatures out inside tensors changes no prediction by more than {change} of itself"
        yield Finding(", ".join(sources.flips["tasks"]), ours, "withdrawn")


def matching_between(sources: Sources) -> Iterator[Finding]:
    """Curvatures dealt out anew over the network."""
    yield from _of_ranking(sources, "scattered", "verdict")


def matched_above_flip(sources: Sources) -> Iterator[Finding]:
    """Matched curvature against the mean squared flip."""
    yield from _of_ranking(sources, "control", "verdict_flip")


def shifted_disagree_more(sources: Sources) -> Iterator[Finding]:
    """Churn on shifted sets less churn on nominal rows, precision by precision."""
    for task in _shift_tasks(sources):
        rows = [row for row in task["shift"] if not row["role"] and row["sets"]]
        more, fewer = (sum(row["verdict"] == side for row in rows) for side in (1, -1))
        ours = f"surely more in {more} of {len(rows)} precisions, surely fewer in {fewer}"
        yield Finding(task["name"], ours, _counted(more, fewer, len(rows)))


def qat_most_stable(sources: Sources) -> Iterator[Finding]:
    """Fine-tuned with quantizers against quantized afterwards, by churn against each run's float network."""
    for task in _shift_tasks(sources):
        rows = [row for row in task["training"] if not row["control"]]
        fewer, more = (sum(row["verdict"] == side for row in rows) for side in (-1, 1))
        ours = f"surely fewer answers changed in {fewer} of {len(rows)} comparisons, surely more in {more}"
        yield Finding(task["name"], ours, _counted(fewer, more, len(rows)))


def margin_best(sources: Sources) -> Iterator[Finding]:
    """Areas of all scores, the margin's less each."""
    for task in _shift_tasks(sources):
        rows = {row["name"]: row for row in task["detection"]}
        rivals = [rows[name] for name in RIVALS if name in rows]
        above, below = (sum(row["verdict"] == side for row in rivals) for side in (1, -1))
        if rivals:
            ours = f"surely above {above} of {len(rivals)} published rivals, surely below {below}"
        else:
            ours = "with two classes the published rivals rank rows alike"
        beyond = [name.replace("_", " ") for name, row in rows.items() if name not in RIVALS and row["verdict"] < 0]
        ours += f"; surely below {', '.join(beyond)}, which the study does not have" if beyond else ""
        yield Finding(task["name"], ours, _counted(above, below, len(rivals)))


def retraining_inefficient(sources: Sources) -> Iterator[Finding]:
    """How many fewer answers differ after retraining, and how many fewer than after retraining on random rows."""
    for row in (sources.shift or {}).get("retraining", []):
        if row["advantage"] is None:
            continue
        removed, ahead = row["numbers"]["disagreements_removed"], row["advantage"]
        shares = Score.named("accuracy")
        more = between(ahead, shares)
        ours = f"{row['place']} rows: {between(removed, shares)} removed, {more} more than by random rows"
        verdict: Verdict = (
            "does not hold" if removed[1] > 0 and ahead[1] > 0 else "holds" if ahead[2] < NEGLIGIBLE else "cannot tell"
        )
        yield Finding(row["task"], ours, verdict)


def detrimental_pairs(sources: Sources) -> Iterator[Finding]:
    """Students that break and students that hold under policies made for each other."""
    for study, table in sources.tables.items():
        for task, _, students in by_task(on_split(table, "test")):
            for pair in all_pairs(students, sources.targets):
                harm, robust, left = (pair[name] for name in ("detrimental", "robust", "equalized"))
                after = f", {points(left)} after equalization" if left == left else ""
                ours = f"loses {points(harm)} points{after}; robust pair {points(robust)}".replace("+", "")
                breaks, holds = harm >= LEAST_HARM, robust < MOST_HELD
                verdict: Verdict = "holds" if breaks and holds else "holds in part" if breaks else "does not hold"
                yield Finding(f"{in_study(task, study)}, teacher {pair['recipe']}", ours, verdict)


def layers_differ(sources: Sources) -> Iterator[Finding]:
    """The layer that costs most in the other recipes, less the mean of the others, recipe by recipe."""
    for study, table in sources.tables.items():
        for task, cells, _ in by_task(on_split(table, "test")):
            drops = lost_through_layers(cells)
            for row in layer_rows(cells)[:1]:
                own = drops[drops.precision == row["precision"]].pivot(index="recipe", columns="target", values="mean")
                if len(own) < LEAST_RECIPES or own.shape[1] < 2:
                    continue
                gaps = []
                for recipe in own.index:
                    layer = own.drop(index=recipe).mean().idxmax()
                    gaps.append(float(own.loc[recipe, layer] - own.loc[recipe].drop(layer).mean()))
                found = t_interval(gaps)
                ours = f"{row['precision']}, layer {row['layer']} at {row['bits']:g} bits, more than the others by "
                told = ours + between(found, Score.named("accuracy"))
                yield Finding(in_study(task, study), told, sided(found[1], found[2]))


def relu_above_linear(sources: Sources) -> Iterator[Finding]:
    """Rows that no rounding changes, by bits."""
    for table in sources.tables.values():
        for row in comparison(on_split(table, "test")):
            wins = row["wins"]
            ours = f"more rows proved at {wins['rows']} of {wins['widths']} widths, fewer at {wins['rows_linear']}"
            verdict: Verdict = (
                "cannot tell" if not row["alike"] else _counted(wins["rows"], wins["rows_linear"], wins["widths"])
            )
            unlike = "" if row["alike"] else f"; accuracies differ by {100 * abs(row['gap']):.0f} points"
            yield Finding(row["set"], ours + unlike, verdict)


CLAIMS: dict[str, Callable[[Sources], Iterator[Finding]]] = {
    each.__name__: each
    for each in (
        middle_most_robust,
        gentle_robust,
        cka_foretells,
        regularizers_help,
        half_saved,
        matching_inside,
        matching_between,
        matched_above_flip,
        shifted_disagree_more,
        qat_most_stable,
        margin_best,
        retraining_inefficient,
        detrimental_pairs,
        layers_differ,
        relu_above_linear,
    )
}


def _counted(as_claimed: int, otherwise: int, total: int) -> Verdict:
    """A verdict from how many comparisons surely go either way."""
    if total and as_claimed == total:
        return "holds"
    if as_claimed and not otherwise:
        return "holds in part"
    return "does not hold" if otherwise > as_claimed else "cannot tell"


def _criterion(rows: pd.DataFrame, score: Score, name: str) -> Criterion | None:
    return next((c for c in robustness_criteria(rows, score) if c.name == name), None)


def _bits(rows: pd.DataFrame, precision: str) -> float:
    return float(rows.loc[rows.precision == precision, "weight_bits"].iloc[0])


def _by_precision(rows: pd.DataFrame, criterion: Criterion, score: Score) -> pd.DataFrame:
    """Merit [recipes, precisions with codes], mean over seeds."""
    values = by_seed(rows, criterion).mean(axis=1, skipna=False)
    coded = values[values.index.get_level_values("method").isin(["qat", "ptq"])]
    return (score.sign * coded).unstack("precision").groupby("recipe").mean()


def _by_recipe(rows: pd.DataFrame, name: str, score: Score) -> pd.DataFrame | None:
    """Merit [seeds, recipes], mean over precisions; None where it was not measured."""
    criterion = _criterion(rows, score, name)
    if criterion is None:
        return None
    return (score.sign * by_seed(rows, criterion)).groupby("recipe").mean().T


def _correlations(sources: Sources, predictor: str, *, sign: int) -> Iterator[Finding]:
    for study in sources.studies:
        table = pd.read_parquet(study / "08_reporting" / "correlations.parquet")
        own = table[
            (table.predictor == predictor) & (table.statistic == "spearman") & (table.scope == "within precision")
        ]
        own = own[(own.status == "ok") & (own.response == "loss_rise") & (own.target == "")]
        for (family, condition), words in RESPONSES.items():
            known = own[(own.family == family) & (own.condition == condition) & ~own.descriptive.astype(bool)]
            for row in known.itertuples():
                low, high = sorted((sign * row.low, sign * row.high))
                ours = f"{words}: ρ {row.value:.2f} [{row.low:.2f}, {row.high:.2f}], {row.num_recipes} recipes"
                yield Finding(in_study(str(row.task), study), ours.replace("-", "−"), sided(low, high))


def _of_ranking(sources: Sources, name: str, verdict: str) -> Iterator[Finding]:
    if sources.flips is None:
        return
    behind = sources.flips["pooled"][sources.flips["names"][name]].behind
    yield Finding(
        ", ".join(sources.flips["tasks"]), f"Spearman's coefficient {signed(behind)} above", sources.flips[verdict]
    )


def _shift_tasks(sources: Sources) -> list[dict[str, Any]]:
    return [] if sources.shift is None else sources.shift["tasks"]
