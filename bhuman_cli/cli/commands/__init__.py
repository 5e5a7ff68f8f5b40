"""One module for each command: it parses, calls one workflow, and prints the outcome."""
