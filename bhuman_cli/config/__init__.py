"""Settings: where each value comes from, project files, credentials and where they are kept."""
