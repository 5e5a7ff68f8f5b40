"""The terminal's side: commands parse, call and print. No module here loops over rows or decides about money."""
