"""HTTP to BHuman AI Studio: one method per endpoint, tolerant reading, GETs retried, the paid POST never."""
