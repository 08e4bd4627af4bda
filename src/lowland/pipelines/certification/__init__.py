"""Certificates of the cells that parameters select: what rounding, noise and upsets can never do to them."""
