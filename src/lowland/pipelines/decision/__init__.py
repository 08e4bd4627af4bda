"""The decision stage."""
