"""Engines beneath the journal: their dialects and connections, checks of their files, copies between them."""
