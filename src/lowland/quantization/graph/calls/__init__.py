"""What the functions and methods that networks call mean as nodes."""
