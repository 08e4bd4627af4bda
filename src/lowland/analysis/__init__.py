"""Numbers from the long table: criteria, intervals, correlations, predictions, the Pareto front."""
