"""What landscapes, faults and quantization share: encodings and ranges of codes, patches, batch-norm folding."""
