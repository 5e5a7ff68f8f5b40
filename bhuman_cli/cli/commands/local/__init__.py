"""Commands about the local studio."""
