"""Losses along lines, planes and curves through the parameters."""
