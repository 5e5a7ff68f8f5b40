"""Completion callbacks: received, stored before they are answered, merged so that nothing ever moves backwards."""
