"""What a condition hits, where it does not hit the whole."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """A part of what a network stores or computes.

    Attributes:
        name: As the long table has it; empty for everything that the network stores as codes.
        place: What follows "bit flips" in a sentence; empty for the whole.
        part: Whose bits are hit, in the title of an axis.
        codes: Of a part of float32 words, the name of the same part of stored codes, beside which it is shown; else
            the name itself.
    """

    name: str
    place: str = ""
    part: str = "weights and biases"
    codes: str = ""

    @property
    def is_float32(self) -> bool:
        """Whether it is the form in IEEE-754 words of a part that other networks store as codes."""
        return self.name != self.codes


TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        Target(""),
        Target("weights", "in weights", "weights", "weights"),
        Target("biases", "in biases", "biases", "biases"),
        Target("scales", "in scales", "scales", "scales"),
        Target("tables", "in lookup tables", "lookup tables", "tables"),
        Target("float_steps", "in parameters of float steps", "float steps' parameters", "float_steps"),
        Target("activations", "in activations", "activations", "activations"),
        Target("float32", "in float32 words"),
        Target("float32_weights", "in float32 words of weights", "weights", "weights"),
        Target("float32_biases", "in float32 words of biases", "biases", "biases"),
        *(
            Target(f"{kind}_policy", f"under the {kind} policy", "activations", f"{kind}_policy")
            for kind in ("detrimental", "robust", "uniform")
        ),
        Target("own_worst_policy", "under its own worst policy", "activations", "own_worst_policy"),
        *(
            Target(name, f"with {what}", "activations", name)
            for name, what in (
                ("no_protection", "no protection"),
                ("kept_layers", "layers kept wide"),
                ("kept_layers_same_mean", "layers kept wide and no more bits on average"),
                ("outliers_apart", "outliers coded apart"),
                ("clipped_ranges", "clipped ranges"),
                ("equalized_channels", "equalized channels"),
            )
        ),
        *(
            Target(name, what, "activations", name)
            for name, what in (
                ("cross_entropy", "policy by cross-entropy"),
                ("random", "policy by chance"),
                ("ppo", "policy by proximal policy optimization"),
                ("a2c", "policy by advantage actor-critic"),
                ("static", "worst static policy"),
                ("restricted", "oracle told what layers read"),
                ("free", "oracle told the answer"),
            )
        ),
        Target("margin", "told by a small margin", "activations", "margin"),
        Target("crest", "told by a high crest factor", "activations", "crest"),
        Target("range", "told by a large range", "activations", "range"),
    )
}


def float32_target(codes: str) -> str:
    """The name of a part of float32 words, by that of the same part of stored codes.

    Raises:
        KeyError: Float networks store no such part.
    """
    return next(t.name for t in TARGETS.values() if t.is_float32 and t.codes == codes)


def codes_target(name: str) -> str:
    """The part of stored codes that a target is shown beside; any other target is its own (a layer, a measure's)."""
    known = TARGETS.get(name)
    return name if known is None else known.codes
