"""The report: one HTML page with all numbers of a snapshot."""
