"""Tables at addresses: shared sheets and files that anyone with the link may read."""
