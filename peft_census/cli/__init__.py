"""The command line: parses options, calls one function of the pipeline, and prints its result."""
