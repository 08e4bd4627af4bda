"""A benchmark to give away: find the answers in which a deployed network differs from its float network."""
