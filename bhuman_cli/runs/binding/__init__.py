"""Which generation belongs to which row, and what settles a doubt."""
