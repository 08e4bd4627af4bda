"""The score of a task as people read it."""

from __future__ import annotations

from lowland.analysis.score import Score

NO_NUMBER = "no number"


class ScoreText(Score):
    """A score that also knows how its values, its changes and its axis are written."""

    @classmethod
    def of(cls, score: Score) -> ScoreText:
        """The same score with its words."""
        return cls.named(score.name)

    @property
    def title(self) -> str:
        """Name and unit for an axis, with the direction where it is not the usual one."""
        unit = "" if self.is_share or not self.units else f", in {self.units}"
        return f"{self.label}{unit}" + ("" if self.higher_is_better else " (lower is better)")

    @property
    def best(self) -> str:
        """The good end of its values."""
        return "highest" if self.higher_is_better else "lowest"

    @property
    def left(self) -> str:
        """Its name for what a disturbance leaves of it."""
        return f"{self.label} left" if self.higher_is_better else self.label

    @property
    def limit(self) -> str:
        """What a threshold of it is."""
        return "at least" if self.higher_is_better else "at most"

    @property
    def floor(self) -> str:
        """What a score must not be worse than."""
        return "floor" if self.higher_is_better else "limit"

    @property
    def digits(self) -> str:
        """d3's format of a value under the pointer."""
        return ".3f" if self.is_share else ".3g"

    def text(self, value: float | None) -> str:
        """A value with its unit."""
        return NO_NUMBER if value is None or value != value else _with(self.bare(value), self.units)

    def bare(self, value: float) -> str:
        """A value without its unit, for a table that names it."""
        return f"{100 * value:.1f}" if self.is_share else _significant(value, 3)

    def change(self, value: float) -> str:
        """A difference with its unit."""
        bare = self.bare_change(value)
        points = "point" if bare.removeprefix("\N{MINUS SIGN}") == "1" else "points"
        return _with(bare, points if self.is_share else self.units)

    def bare_change(self, value: float) -> str:
        """A difference without its unit."""
        return (f"{100 * value:.2g}" if self.is_share else _significant(value, 2)).replace("-", "\N{MINUS SIGN}")

    def margin(self, half: float, *, beside: float) -> str:
        """Half an interval, with as many decimals as the value beside it, without its unit."""
        if self.is_share:
            return f"{100 * half:.1f}"
        _, _, decimals = self.bare(beside).partition(".")
        rounded = f"{half:.{len(decimals)}f}"
        return rounded if float(rounded) else _significant(half, 1)

    def interval(self, low: float, high: float) -> str:
        """An interval under the pointer, after its value."""
        if low != low:
            return ""
        return f" [{self.pointed(low)}, {self.pointed(high)}]"

    def pointed(self, value: float) -> str:
        """A value under the pointer, as ``digits`` writes it."""
        return f"{value:.3f}" if self.is_share else _significant(value, 3)

    @property
    def loss_unit(self) -> str:
        """What follows a loss: of classifiers the cross-entropy, of others what they train on, without a unit."""
        return " nats" if self.is_share else ""

    def loss_title(self, title: str, gap: str = " ") -> str:
        """What is measured as a loss, with its unit."""
        return f"{title}{gap}(nats)" if self.is_share else title

    def drawn(self, value: float) -> float:
        """A value with as many digits as a figure can show."""
        return round(value, 4) if self.is_share else float(f"{value:.4g}")


def _with(number: str, unit: str) -> str:
    return f"{number} {unit}" if unit else number


def _significant(value: float, digits: int) -> str:
    """So many significant digits, large numbers in full."""
    if abs(value) >= 10**digits:
        return f"{value:,.0f}"
    return f"{value:#.{digits}g}".removesuffix(".") if value else "0"
