"""The journal on disk: one SQLite file that knows every row, chunk, answer and generation."""
