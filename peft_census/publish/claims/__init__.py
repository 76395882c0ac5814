"""Claims: every number that is published, with everything that is needed to print it."""
