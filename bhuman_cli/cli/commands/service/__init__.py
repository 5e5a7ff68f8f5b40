"""Commands about what the service has besides runs, and requests of other shapes."""
