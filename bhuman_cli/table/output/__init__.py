"""Files that rows and results are written to."""
