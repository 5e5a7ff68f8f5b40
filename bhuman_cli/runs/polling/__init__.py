"""Who is asked next, and when."""
