"""What is proved of integer networks in their own arithmetic, roundings included."""
