"""The worst_case stage."""
