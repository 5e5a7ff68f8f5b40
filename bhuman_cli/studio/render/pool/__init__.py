"""Processes and machines that rows are rendered on."""
