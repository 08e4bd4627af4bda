"""lowland: which precision and which training recipe still work when inputs are noisy and bits flip, and why."""

__version__ = "0.1.0"
