"""What is asked of a configuration, checked before the run, and which one to deploy."""
