"""What is differentiated: a model, a loss and rows of data, checked once for every measure."""
