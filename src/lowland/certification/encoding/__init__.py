"""A question as numbers: rules that turn operations into sums with intervals of weights and positive parts."""
