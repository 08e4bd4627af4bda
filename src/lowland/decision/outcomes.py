"""What can come of a study's question, in the words that files and the page use."""

RECOMMENDED = "recommended"
ON_THE_MEAN = "met on the mean only"
INCOMPLETE = "incomplete"
NOTHING = "no configuration meets the requirements"
GUESSING = "nothing learned more than guessing"
FAILED = "no network gave a result"
