"""The numbers of words that mean the same in every task of texts."""

PADDING = 0
"""The token that fills up texts that are shorter than others."""
UNKNOWN = 1
"""The token of every word that the vocabulary lacks."""
FIRST_WORD = 2
"""The token of the first word of the vocabulary; the others follow in its order."""
