"""A made-up study, whose numbers are known, for the tests of analysis, decision and report."""
