"""Spreadsheets: bytes to text cells, headers to variables, every problem at once, and results written atomically."""
