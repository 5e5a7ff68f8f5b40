"""The gate between plan and request: pure decisions about what may be spent now. What it judges is handed in."""
