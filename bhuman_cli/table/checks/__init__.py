"""Checks of a whole table before anything is sent."""
