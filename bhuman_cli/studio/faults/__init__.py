"""Faults that a client can be rehearsed against."""
