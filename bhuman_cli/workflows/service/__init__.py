"""What commands do with the service beside runs: single requests, its own document, its callbacks."""
