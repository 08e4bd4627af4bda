"""The perturbation stage."""
