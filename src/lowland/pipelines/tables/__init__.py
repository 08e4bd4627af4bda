"""The tables stage."""
