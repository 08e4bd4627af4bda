"""All configurations of one task against its requirements: who may be chosen, who ties, who comes nearest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lowland.analysis.best import may_be_best
from lowland.analysis.criteria import CLEAN, CONFIGURATION, SIZE, Criterion, cells, clean_criterion
from lowland.analysis.over_seeds import by_seed, configurations, with_test_rows
from lowland.analysis.pareto import SIZE_TOLERANCE
from lowland.analysis.score import score_of
from lowland.decision.breaking_levels import breaking_levels
from lowland.decision.deployment import to_deploy
from lowland.decision.gain import gains
from lowland.decision.outcomes import FAILED, GUESSING, INCOMPLETE, NOTHING, ON_THE_MEAN, RECOMMENDED
from lowland.decision.requirements import Requirements
from lowland.measurements import IMPORTED
from lowland.vocabulary.measures import SELECTED

TOLERATED = 0.1  # of the clean score: what may be lost where no requirement says how much
_ENDS = ("low", "high", "seeds_low", "seeds_high")


class Choice:
    """All configurations of one task against its requirements.

    Args:
        measurements: The long table of the task, of the rows that choose.
        requirements: What is asked.
        folder: Of the study's data, relative to the project.
        reported: The long table of the task, of the rows on which the chosen is reported.
    """

    def __init__(
        self, measurements: pd.DataFrame, requirements: Requirements, folder: str, reported: pd.DataFrame
    ) -> None:
        self.measurements, self.reported = measurements, reported
        self.score, self.folder = score_of(measurements), folder
        demands, preferences = requirements.demands(self.score), requirements.preferences(self.score)
        asked = (clean_criterion(self.score), SIZE, *(c for _, c, _ in demands), *preferences)
        criteria = list({c.name: c for c in asked}.values())
        self.numbers, self.reported_numbers = (_by_criterion(table, criteria) for table in (measurements, reported))
        self.index = next(iter(self.numbers.values())).index
        self.criteria, self.demands, self.preferences = criteria, demands, preferences
        on_the_mean = {p: self._spare(c, t, "mean") >= 0 for p, c, t in demands}
        surely = {p: (self._spare(c, t, "worst") >= 0) & (self.numbers[c.name].num_not_ok == 0) for p, c, t in demands}
        self.on_the_mean, self.surely = (pd.DataFrame(g, index=self.index) for g in (on_the_mean, surely))
        self.gains, self.reported_gains = (gains(table).reindex(self.index) for table in (measurements, reported))
        # What was not measured is not held against anybody.
        self.learned = pd.Series([beats is None or bool(beats) for beats in self.gains.beats], index=self.index)
        self.needed = {CLEAN, *(c.name for c in (*preferences, *(c for _, c, _ in demands)))}
        self.of_every = {c.name for c in criteria if c.name in self.needed and c.measure not in SELECTED}
        self.planned = cells(measurements)["seed"].nunique()
        self.planned_of = {c.name: self._num_planned(c) for c in criteria}

    def _num_planned(self, criterion: Criterion) -> int:
        """Seeds of which it was to be taken: some measures are taken of the cells that parameters select."""
        rows = self.measurements[self.measurements.measure == criterion.measure]
        return rows["seed"].nunique() if criterion.measure in SELECTED else self.planned

    def recommendation(self) -> dict[str, Any]:
        """What ``recommend`` says of the task, less what stands beside its networks."""
        surely, on_the_mean = self.surely.all(axis=1), self.on_the_mean.all(axis=1)
        preferred = {CLEAN, *(c.name for c in self.preferences)}
        measured = pd.DataFrame({name: self.numbers[name]["mean"].notna() for name in preferred}).all(axis=1)
        complete = pd.DataFrame({n: self.numbers[n].num_seeds >= self.planned_of[n] for n in self.needed}).all(axis=1)
        learned = self.learned
        pools = {
            RECOMMENDED: surely & complete,
            ON_THE_MEAN: on_the_mean & complete,
            INCOMPLETE: on_the_mean,  # no seed that was lost can be made up for by those that were not
        }
        eligible = measured & learned
        outcome = next((name for name, pool in pools.items() if (pool & eligible).any()), NOTHING)
        scored = self.numbers[CLEAN]["mean"].notna()
        if not scored.any() and not (self.measurements.status == "ok").any():
            outcome = FAILED
        elif scored.any() and not learned[scored].any():
            outcome = GUESSING
        known = [beats for beats in self.gains.beats if beats is not None]
        report: dict[str, Any] = {
            "score": self.score.name,
            "outcome": outcome,
            "num_configurations": len(self.index),
            "num_complete": int(complete.sum()),
            "num_meeting_surely": int(surely.sum()),
            "num_meeting_on_the_mean": int(on_the_mean.sum()),
            "num_beating_guess": sum(known) if known else None,
            "chosen": None,
            "chosen_by": None,
            "blocked_by": None,
            "tied": [],
            "runner_up": None,
            "tightest": None,
            "nearest": None,
            "best": None,
            "requirements": [self._standing(p, c, t) for p, c, t in self.demands],
        }
        subject = None
        if outcome == NOTHING:
            subject = self._nearest()
            report["nearest"] = self._describe(subject) if subject is not None else None
            report["blocked_by"] = self._blocked(on_the_mean & measured)
        elif outcome == GUESSING:
            best = self._by_score(self.index[scored])[0]
            report["best"] = self._describe(best)
        elif outcome != FAILED:
            candidates = self.index[pools[outcome] & eligible]
            tied, chosen_by = self._narrow(candidates)
            subject, *others = tied
            report |= {"chosen": self._describe(subject), "tied": [self._describe(o) for o in others]}
            report["chosen_by"] = chosen_by
            if others:
                report["runner_up"] = report["tied"][0]
            elif len(candidates) > 1:
                report["runner_up"] = self._describe(self._narrow(candidates.drop(subject))[0][0])
            report["tightest"] = self._tightest(subject)
        report["breaking_levels"] = [] if subject is None else self._breaking_levels(subject)
        return report

    def _spare(self, criterion: Criterion, threshold: float, end: str, *, reported: bool = False) -> pd.Series:
        """How much better than the threshold, at the mean or at the worst end of the wide interval; NaN: unknown."""
        column = end if end == "mean" else ("low" if criterion.higher_is_better else "high")
        values = (self.reported_numbers if reported else self.numbers)[criterion.name][column]
        return values - threshold if criterion.higher_is_better else threshold - values

    def _narrow(self, candidates: pd.Index) -> tuple[list[tuple[Any, ...]], dict[str, Any]]:
        """The configurations that no preference can tell apart, the choice first, and how it came to that."""
        idle, lost = self.gains.beats.eq(False), self.numbers[CLEAN].num_seeds < self.planned
        steps, num_competing = [], len(candidates)
        for criterion in self.preferences:
            rows = self.numbers[criterion.name].loc[candidates]
            best = rows["mean"].idxmax() if criterion.higher_is_better else rows["mean"].idxmin()
            kept = candidates[self._ties(criterion, candidates)]
            if len(candidates) > 1:
                extreme = _plain(self.reported_numbers[criterion.name].loc[best, "mean"])
                counts = {"num_before": len(candidates), "num_left": len(kept)}
                steps.append({"name": criterion.name, **_about(criterion), "best": extreme, **counts})
            candidates = kept
        order = self._by_score(candidates)
        deciding = self._deciding()
        return order, {
            "num_competing": num_competing,
            "num_not_beating_guess": int(idle.sum()),
            "num_behind": int((lost & ~idle).sum()),
            "steps": steps,
            "tie_break": {"name": deciding.name, **_about(deciding)} if len(order) > 1 else None,
        }

    def _deciding(self) -> Criterion:
        """What names one of those that are tied."""
        return next((c for c in self.preferences if c.name != SIZE.name), clean_criterion(self.score))

    def _by_score(self, candidates: pd.Index) -> list[tuple[Any, ...]]:
        """The best first."""
        last = self._deciding()
        means = self.numbers[last.name].loc[candidates, "mean"]
        return list(means.sort_values(ascending=not last.higher_is_better, kind="stable").index)

    def _ties(self, criterion: Criterion, candidates: pd.Index) -> NDArray[np.bool_]:
        """Which of the candidates cannot be told from the best of them."""
        means = self.numbers[criterion.name].loc[candidates, "mean"]
        if criterion.name == SIZE.name:
            return (means <= means.min() * (1 + SIZE_TOLERANCE)).to_numpy()
        values = by_seed(self.measurements, criterion).reindex(candidates)
        if (candidates.get_level_values("method") == IMPORTED).all():  # what comes from outside is all that there is
            return (means == (means.max() if criterion.higher_is_better else means.min())).to_numpy()
        return may_be_best(values, higher_is_better=criterion.higher_is_better).to_numpy()

    def _standing(self, parameter: str, criterion: Criterion, threshold: float) -> dict[str, Any]:
        """How one requirement fares over all configurations; the nearest is sought among those that meet the others."""
        spare = self._spare(criterion, threshold, "mean")
        others = self.on_the_mean.drop(columns=parameter).all(axis=1) & self.learned
        among_others = spare[others].dropna()
        pool = among_others if len(among_others) else spare.dropna()
        best = pool.idxmax() if len(pool) else None
        reported_spare = self._spare(criterion, threshold, "mean", reported=True)
        return {
            "parameter": parameter,
            "name": criterion.name,
            **_about(criterion),
            "threshold": threshold,
            "num_meeting_surely": int(self.surely[parameter].sum()),
            "num_meeting_on_the_mean": int(self.on_the_mean[parameter].sum()),
            "nearest": None if best is None else {"recipe": best[1], "precision": best[2]},
            "nearest_meets_the_others": bool(len(among_others)),
            "nearest_value": None if best is None else _plain(self.reported_numbers[criterion.name].loc[best, "mean"]),
            "shortfall": None if best is None else _plain(max(0.0, -float(reported_spare.loc[best]))),
        }

    def _nearest(self) -> tuple[Any, ...] | None:
        """The configuration whose worst shortfall, relative to the threshold, is the smallest."""
        relative = pd.DataFrame(
            {p: -self._spare(c, t, "mean") / (abs(t) or 1.0) for p, c, t in self.demands}, index=self.index
        )
        complete = relative[self.learned].dropna()
        return complete.clip(lower=0).max(axis=1).idxmin() if self.demands and len(complete) else None

    def _blocked(self, meeting: pd.Series) -> dict[str, Any]:
        """Why nothing may be chosen, and because of which requirements."""
        if (meeting & ~self.learned).any():
            return {"reason": "guessing", "requirements": []}
        if self.on_the_mean.all(axis=1).any():
            return {"reason": "preference_without_number", "requirements": []}
        unknown = [p for p, c, _ in self.demands if not self.numbers[c.name]["mean"].notna().any()]
        if unknown:
            return {"reason": "requirement_without_number", "requirements": unknown}
        alone = [p for p, _, _ in self.demands if not self.on_the_mean[p].any()]
        return {"reason": "unmet" if alone else "not_together", "requirements": alone}

    def _tightest(self, subject: tuple[Any, ...]) -> dict[str, Any] | None:
        spares = {p: (c, t, float(self._spare(c, t, "worst").loc[subject])) for p, c, t in self.demands}
        known = {p: s for p, s in spares.items() if s[2] == s[2]}
        if not known:
            return None
        parameter = min(known, key=lambda p: known[p][2] / (abs(known[p][1]) or 1.0))
        criterion, threshold, _ = known[parameter]
        spare = self._spare(criterion, threshold, "worst", reported=True).loc[subject]
        return {
            "parameter": parameter,
            "name": criterion.name,
            **_about(criterion),
            "threshold": threshold,
            "to_spare": _plain(spare),
        }

    def _breaking_levels(self, subject: tuple[Any, ...]) -> list[dict[str, Any]]:
        """Too much is what leaves a worse score than the worst asked for, else a tenth worse than the clean one."""
        sign = self.score.sign
        asked = [t for _, c, t in self.demands if c.measure == self.score.name]
        clean = float(self.reported_numbers[CLEAN].loc[subject, "mean"])
        floor = _plain(sign * min(sign * t for t in asked) if asked else (1 - sign * TOLERATED) * clean)
        return [] if floor is None else breaking_levels(self.reported, subject, floor=floor)

    def _describe(self, subject: tuple[Any, ...]) -> dict[str, Any]:
        thresholds = {c.name: (p, t) for p, c, t in self.demands}
        numbers = {}
        for criterion in self.criteria:
            row = self.reported_numbers[criterion.name].loc[subject]
            entry: dict[str, Any] = {**_about(criterion), **{k: _plain(row[k]) for k in ("mean", *_ENDS)}}
            entry |= {"num_seeds": int(row["num_seeds"]), "num_not_ok": int(row["num_not_ok"])}
            if criterion.name in thresholds:
                parameter, threshold = thresholds[criterion.name]
                sure, mean = self.surely.loc[subject, parameter], self.on_the_mean.loc[subject, parameter]
                entry |= {"threshold": threshold, "met": _met(sure, mean)}
                entry["confirmed"] = self._confirmed(criterion, threshold, subject)
            numbers[criterion.name] = entry
        _, recipe, precision, method, bits = subject
        return {
            "recipe": recipe,
            "precision": precision,
            "method": method,
            "weight_bits": int(bits) if bits == int(bits) else float(bits),
            "num_seeds": min(int(self.numbers[name].loc[subject, "num_seeds"]) for name in self.of_every),
            "num_planned": self.planned,
            "gain_over_guess": self._gain(subject),
            "numbers": numbers,
            "deploy": to_deploy(self.measurements, subject, score=self.score, folder=self.folder),
        }

    def _confirmed(self, criterion: Criterion, threshold: float, subject: tuple[Any, ...]) -> str:
        """How a requirement fares on the rows that are told, which had no part in the choice."""
        worst, mean = (self._spare(criterion, threshold, end, reported=True).loc[subject] for end in ("worst", "mean"))
        complete = self.reported_numbers[criterion.name].loc[subject, "num_not_ok"] == 0
        return _met(worst >= 0 and complete, mean >= 0)

    def _gain(self, subject: tuple[Any, ...]) -> dict[str, Any] | None:
        """What it does better than the guess; None where that was not measured."""
        row, reported = self.gains.loc[subject], self.reported_gains.loc[subject]
        if row["beats"] is None:
            return None
        return {name: _plain(reported[name]) for name in ("mean", "low", "high")} | {
            "beats": bool(row["beats"]),
            "idle_seeds": row["idle"],
        }


def _by_criterion(measurements: pd.DataFrame, criteria: Sequence[Criterion]) -> dict[str, pd.DataFrame]:
    """Means and intervals of every configuration by criterion."""
    numbers = with_test_rows(configurations(measurements, criteria), measurements, criteria)
    return {
        str(name): rows.set_index(CONFIGURATION)[["mean", *_ENDS, "num_seeds", "num_not_ok"]]
        for name, rows in numbers.groupby("criterion", sort=False)
    }


def _met(surely: Any, on_the_mean: Any) -> str:
    """The word for how a requirement is met."""
    return "surely" if surely else "on the mean" if on_the_mean else "no"


def _about(criterion: Criterion) -> dict[str, Any]:
    """What a reader of its numbers must know of a criterion."""
    return {
        "label": criterion.label,
        "measure": criterion.measure,
        "condition": criterion.condition,
        "higher_is_better": criterion.higher_is_better,
    }


def _plain(value: Any) -> float | None:
    """A float that JSON knows: NaN becomes null."""
    number = float(value)
    return None if number != number or number in (float("inf"), float("-inf")) else number
