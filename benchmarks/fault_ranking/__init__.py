"""A benchmark: which stored bits of a network hurt when they flip, and which networks, with the truth beside it."""
