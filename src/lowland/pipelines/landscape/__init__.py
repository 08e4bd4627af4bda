"""The landscape stage."""
