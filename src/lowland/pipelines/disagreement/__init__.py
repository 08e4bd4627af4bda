"""The disagreement stage."""
