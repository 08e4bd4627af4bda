"""The page and the last lines on the console: the only room that holds English for readers."""
