"""What surrounds a run: where it writes, that it is alone there, and which study its results are of."""
