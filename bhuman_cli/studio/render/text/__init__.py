"""Words drawn on a picture: fonts, shaping, layout."""
