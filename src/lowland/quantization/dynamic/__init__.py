"""Networks with weights in codes and float32 biases, whose activations stay float or are coded anew for every input."""
