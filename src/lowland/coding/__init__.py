"""What rooms share of networks: encodings and ranges of codes, patches, batch-norm folding, padded recurrences."""
