"""How a model is trained: one file a recipe, the shortest together."""
