"""The quantization stage."""
