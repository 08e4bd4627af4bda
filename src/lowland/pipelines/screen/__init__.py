"""The screening stage."""
