"""Models that were quantized elsewhere, read into integer networks as they are."""
