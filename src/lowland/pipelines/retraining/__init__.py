"""The retraining stage."""
