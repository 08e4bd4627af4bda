"""The preparation stage."""
