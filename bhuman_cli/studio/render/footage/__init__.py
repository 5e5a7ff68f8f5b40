"""Footage that a template begins with: checking, reading, timing."""
