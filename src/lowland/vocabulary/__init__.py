"""What the study speaks of: measures, conditions, targets, units of levels. Frozen records; nothing here computes."""
