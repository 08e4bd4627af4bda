"""What is stated of one cell: each statement with what it is about, what is proved, and how long that took."""
