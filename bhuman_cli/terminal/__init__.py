"""Everything drawn on a terminal: messages, hints, progress. The only package with rich; it knows no command."""
