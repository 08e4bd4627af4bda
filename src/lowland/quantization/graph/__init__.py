"""The deployed network: a graph of typed steps, and how one is read off a float network."""
