"""Can the robustness of a cell be told before it is trained and tested? Predicted from others, on held-out families."""
