"""Where scales and biases come from: data, weights, neighbouring layers."""
