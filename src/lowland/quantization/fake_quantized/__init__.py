"""What fine-tuning trains and calibration fills in: a network with fake quantizers."""
