"""From the long table to correlations, a Pareto front, a recommendation and the report."""
