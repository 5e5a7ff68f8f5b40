"""The journal on disk: one SQLite file that knows every row, chunk, answer and generation; the only place that decides by state."""
