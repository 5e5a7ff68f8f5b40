"""What each command does, without Typer: prepares, calls the engine, and returns an outcome."""
