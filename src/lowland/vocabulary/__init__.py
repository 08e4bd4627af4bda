"""What the study speaks of: conditions, targets, units of levels. Frozen records; nothing here computes."""
