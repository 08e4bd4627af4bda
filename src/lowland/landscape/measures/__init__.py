"""Numbers about a problem, each a function of it."""
